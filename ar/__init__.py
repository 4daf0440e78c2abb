"""OSSEC-style active response for one small host, which always unblocks.

A *line* from a source (`watch/`) is decoded to an *event* and matched to a rule (`detect/`); a rule that
fires makes an *alert*. Only an `Alert` crosses to the other side, where it is bound to responses, checked
against the allowlist and counted as an offence (`policy/`), promised in the journal and acted on by a script
(`respond/`). `engine.py` is the only room in which these meet; `config/` reads what they need, `control/`
answers the administrator, `report/` writes what happened, `cli/` holds one file per verb. What lies
beside this file and is not the engine's (`model.py`, `errors.py`, `duration.py`, `ossecxml.py`, `osregex.py` …) are
the words that all rooms share. Imports run downward only.
"""

__version__ = "0.1.0"
