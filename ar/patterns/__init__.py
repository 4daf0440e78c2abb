"""What can be told about a pattern from its tokens, before and instead of running it."""
