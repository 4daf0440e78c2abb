"""The side on which root acts: journal, scripts, releases."""
