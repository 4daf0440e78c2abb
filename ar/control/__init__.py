"""The administrator's door to a running agent: a unix socket in the home."""
