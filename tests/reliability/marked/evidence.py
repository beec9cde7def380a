"""The evidence: one file for each process, one line of JSON for each text or set of texts that it saw.

A line is written at once, so that a process that is killed leaves what it saw. A text that a process has written
already is not written again.
"""

import contextlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FOLDER_VARIABLE = "OFFER_MONITOR_EVIDENCE"
# Larger texts are kept in pieces of their beginning and end.
_KEPT_CHARACTERS = 4_000_000


@dataclass(frozen=True)
class Record:
    """What one process saw once: `parts` are texts by the place where each one was.

    Beside the kinds of evidence (`places.KINDS`) there are two kinds of facts: "known" has the value of a secret that
    carries no mark, "role" says who listens on a port.
    """

    kind: str
    about: str
    parts: Mapping[str, str]
    port: int | None = None
    test: str = field(default="", compare=False)


class EvidenceFile:
    """The file of this process. Thread-safe; a forked process gets a file of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._seen: set[int] = set()
        self._descriptor = -1
        self._pid = 0
        self._writing = threading.local()

    def add(self, kind: str, about: str, parts: Mapping[str, str | bytes | None], *, port: int | None = None) -> None:
        """Keep a record, without its empty parts. What happens while it is written is no evidence."""
        if getattr(self._writing, "now", False):
            return
        self._writing.now = True
        try:
            texts = {place: _text(part) for place, part in parts.items() if part}
            if texts:
                self._write(kind, about, texts, port)
        finally:
            self._writing.now = False

    def _write(self, kind: str, about: str, parts: Mapping[str, str], port: int | None) -> None:
        what = json.dumps([kind, about, parts, port])
        test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
        line = json.dumps([kind, about, parts, port, test]).encode() + b"\n"
        with self._lock:
            if self._pid != os.getpid():
                name = f"{os.getpid()}-{os.urandom(4).hex()}.jsonl"
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                self._descriptor, self._pid = os.open(self._folder / name, flags, 0o600), os.getpid()
            if hash(what) not in self._seen:
                self._seen.add(hash(what))
                os.write(self._descriptor, line)


def open_evidence() -> EvidenceFile | None:
    """This process's file; None unless the search for secrets started it."""
    folder = os.environ.get(FOLDER_VARIABLE)
    return EvidenceFile(Path(folder)) if folder and Path(folder).is_dir() else None


def records_in(folder: Path) -> Iterator[Record]:
    """Every record of every process. A line that a kill cut short is left out."""
    for path in sorted(folder.glob("*.jsonl")):
        with path.open("rb") as lines:
            for line in lines:
                with contextlib.suppress(ValueError):
                    kind, about, parts, port, test = json.loads(line)
                    yield Record(kind, about, parts, port, test)


def _text(part: str | bytes) -> str:
    text = part if isinstance(part, str) else bytes(part).decode("utf-8", "surrogateescape")
    if len(text) <= 2 * _KEPT_CHARACTERS:
        return text
    return text[:_KEPT_CHARACTERS] + "\n" + text[-_KEPT_CHARACTERS:]
