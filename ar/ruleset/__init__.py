"""The decoders and rules that come with the agent, in OSSEC's XML, their golden set, and a sample log."""
