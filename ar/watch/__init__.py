"""Follows sources and hands on their lines: `Watcher` is the whole of it, the other rooms are its parts."""

from ar.watch.watcher import Watcher

__all__ = ["Watcher"]
