"""From a line to an alert: header, decoder, rule. Pure: no input or output, and time is an argument."""
