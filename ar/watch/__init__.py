"""Follows sources and hands on their lines."""
