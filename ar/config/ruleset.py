"""Finds the decoder, rule and list files to load, those of the home before those that the agent ships."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ar.config.files import is_file, is_there, read_text, shown
from ar.config.findings import Findings
from ar.config.home import Home
from ar.config.lists import file_of, read_lists
from ar.config.sections import DEFAULT_PATTERN, Entry, Section
from ar.config.settings import Included
from ar.detect.lists import list_name
from ar.detect.ruleset import Ruleset, Text, load
from ar.errors import Place
from ar.osregex import PatternError, compile_regex
from ar.shipped import SHIPPED_DECODERS, SHIPPED_RULES, as_shown, in_loading_order, shipped_rules

LOCAL_RULES = "rules/local_rules.xml"
LOCAL_DECODERS = ("rules/local_decoder.xml", "etc/local_decoder.xml")


class Files(NamedTuple):
    """The files of a ruleset, in the order in which they are loaded."""

    decoders: Tuple[Included, ...]
    rules: Tuple[Included, ...]
    lists: Tuple[Included, ...]


def find_files(sections: Iterable[Section], home: Home, findings: Findings) -> Files:
    """Return the files that `<rules>` sections name, and the default ones for what they leave out."""
    entries = [entry for section in sections for entry in section.entries]
    finder = _Finder(home, findings)
    rules = finder.all([e for e in entries if e.name in ("include", "rule_dir")])
    decoders = finder.all([e for e in entries if e.name in ("decoder", "decoder_dir")])
    lists = [finder.list_file(entry) for entry in entries if entry.name == "list"]
    asked_rules = any(entry.name in ("include", "rule_dir") for entry in entries)
    asked_decoders = any(entry.name in ("decoder", "decoder_dir") for entry in entries)
    if not asked_decoders:
        decoders = default_decoders(home, own=asked_rules)
    if not asked_rules:
        rules = default_rules(home, findings)
    return Files(tuple(decoders), tuple(rules), tuple(lists))


def default_rules(home: Home, findings: Findings) -> List[Included]:
    """Return the shipped rules in their fixed order, and the home's local rules; no shipped ones are a mistake."""
    try:
        shipped = shipped_rules()
        reason = "" if shipped else "it is empty"
    except OSError as error:
        shipped, reason = [], str(error.strerror)
    if reason:
        what = f"the shipped rules cannot be read ({reason})"
        findings.mistake(Place(as_shown(SHIPPED_RULES)), what, f"rule files in {SHIPPED_RULES}")
    own = home.root / LOCAL_RULES
    has_own = is_there(own)
    included = [_shipped(path) for path in shipped if not (has_own and path.name == own.name)]
    return included + ([Included(own, Place(LOCAL_RULES))] if has_own else [])


def default_decoders(home: Home, *, own: bool) -> List[Included]:
    """Return the decoders when none are named: decoder.xml and the home's local ones.

    With `own` rules, the home's etc/decoder.xml is used where there is one, since those rules know it.
    """
    main = home.root / "etc/decoder.xml"
    included = [Included(main, Place("etc/decoder.xml"))] if own and is_there(main) else []
    included = included or [_shipped(SHIPPED_DECODERS)]
    local = LOCAL_DECODERS[1:] if own else LOCAL_DECODERS
    return included + [Included(home.root / name, Place(name)) for name in local if is_there(home.root / name)]


def load_ruleset(files: Files, home: Home, findings: Findings) -> Ruleset:
    """Read and compile the files; what is wrong in them, and what cannot be read, goes to `findings`."""
    decoders = _texts(files.decoders, '<decoder name="…"> elements', home, findings)
    rules = _texts(files.rules, '<group name="…"> elements with rules', home, findings)
    ruleset = load(list(decoders), list(rules), read_lists(files.lists, home, findings))
    findings.mistakes.extend(ruleset.mistakes)
    findings.warnings.extend(ruleset.warnings)
    return ruleset


def _texts(files: Iterable[Included], expected: str, home: Home, findings: Findings) -> Iterator[Text]:
    """Yield the files that can be read; one with text and no element at all is no file of the ruleset."""
    for included in files:
        text = read_text(included.path, included.place, findings)
        if text is None:
            continue
        name = name_of(included, home)
        if text.strip() and "<" not in text:
            findings.mistake(Place(name), f"plain text, no XML: {text.strip()[:40]!r}", expected)
        else:
            yield Text(name, text)


def name_of(included: Included, home: Home) -> str:
    """Return how messages call a file: relative to the home, a shipped one by that word."""
    if included.shipped:
        return as_shown(included.path)
    return shown(included.path, home)


class _Finder:
    """Finds files by the names that a configuration gives; each only once."""

    def __init__(self, home: Home, findings: Findings) -> None:
        self.home = home
        self.findings = findings

    def all(self, entries: Sequence[Entry]) -> List[Included]:
        """Return the files of the entries, in order."""
        found: Dict[Path, Included] = {}
        for entry in entries:
            for included in self._in_folder(entry) if entry.name.endswith("_dir") else self._named(entry):
                earlier = found.setdefault(included.path, included)
                if earlier is not included:
                    name = name_of(included, self.home)
                    self.findings.warn(entry.place, f"{name} is already included at {earlier.place}")
        return list(found.values())

    def list_file(self, entry: Entry) -> Included:
        """Return a list's text, whether it is there or only the .cdb made from it."""
        path = self.home.root / list_name(entry.text)
        if file_of(path) is None:
            self.findings.warn(entry.place, f"{entry.shown}, which is not there: rules that look it up never match")
        return Included(path, entry.place)

    def _named(self, entry: Entry) -> List[Included]:
        """Return the named file: a bare rule name is in rules/, anything else counts from the home, as in OSSEC."""
        name = entry.text
        folder = self.home.rules if entry.name == "include" and "/" not in name else self.home.root
        own = folder / name
        if name and is_there(own):
            return [Included(own, entry.place)]
        shipped = _shipped_for(entry)
        if shipped is not None:
            return [Included(shipped, entry.place, shipped=True)]
        expected = "a rule file in rules/ or one of those shipped" if entry.name == "include" else "a decoder file"
        self.findings.mistake(entry.place, f"{entry.shown}, which is not there", expected)
        return []

    def _in_folder(self, entry: Entry) -> List[Included]:
        """Return the files of a folder whose names fit the pattern, by name; parents of rules first."""
        folder = self.home.root / entry.text
        try:
            pattern = compile_regex(entry.attributes.get("pattern", DEFAULT_PATTERN))
            there = sorted(folder.iterdir()) if entry.text else []
        except PatternError as error:
            expected = f"an OS_Regex such as {DEFAULT_PATTERN}"
            self.findings.mistake(entry.place, f"pattern of {entry.label}: {error}", expected)
            return []
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            reason = error.strerror if isinstance(error, OSError) else error
            self.findings.mistake(
                entry.place, f"{entry.shown}, which cannot be read ({reason})", "a folder in the home"
            )
            return []
        names = [path.name for path in there if pattern.search(path.name) and is_file(path)]
        if not names:
            self.findings.warn(entry.place, f"{entry.shown}, in which no file fits the pattern")
        ordered = in_loading_order(names) if entry.name == "rule_dir" else names
        return [Included(folder / name, entry.place) for name in ordered]


def _shipped_for(entry: Entry) -> Optional[Path]:
    """Return the shipped file that stands in for the named one when the home has none of that name."""
    if entry.name == "decoder":
        shipped = SHIPPED_DECODERS if entry.text == "etc/decoder.xml" else None
    else:
        name = entry.text.removeprefix("rules/")
        shipped = SHIPPED_RULES / name if name and "/" not in name else None
    return shipped if shipped is not None and is_file(shipped) else None


def _shipped(path: Path) -> Included:
    return Included(path, Place(as_shown(path)), shipped=True)
