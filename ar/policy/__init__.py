"""Which alert leads to what: pure, no input or output, and time is an argument."""
