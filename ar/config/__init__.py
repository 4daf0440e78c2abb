"""Reads what the administrator wrote (ossec.conf, agent.conf, agent.toml) into one checked `Config`."""
