"""What happened, written for people and for other programs."""
