"""The environment a child program gets: ours, without what PyInstaller and Python put there for themselves."""

from __future__ import annotations

from typing import Dict, Mapping

_FOREIGN = ("_MEI", "_PYI_", "PYTHON")
_LOADER_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH")
_ORIGINAL = "_ORIG"


def child_environment(ours: Mapping[str, str]) -> Dict[str, str]:
    """Return `ours` as a child should see it.

    A frozen executable points the loader's path at the libraries it unpacked and keeps the former value under
    the same name with `_ORIG` (PyInstaller manual, "LD_LIBRARY_PATH / LIBPATH considerations"); a child that
    loads those libraries instead of the system's breaks. The former value comes back, and without one the
    variable goes.
    """
    theirs = {name: value for name, value in ours.items() if not name.startswith(_FOREIGN)}
    for name in _LOADER_PATHS:
        theirs.pop(name, None)
        original = theirs.pop(name + _ORIGINAL, None)
        if original is not None:
            theirs[name] = original
    return theirs
