"""The verdict on the evidence: which secrets are where none may be, and what was never tried."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.reliability.marked import marks
from tests.reliability.marked.evidence import Record
from tests.reliability.marked.places import ALLOWED, KINDS, Allowed
from tests.reliability.marked.search import Search

SECRETS = (*marks.KINDS, *marks.NOTED)


@dataclass(frozen=True, order=True)
class Finding:
    """A secret in a place where it may not be. `test` is the test during which the process started or ran."""

    secret: str
    kind: str
    where: str
    test: str = field(compare=False, default="")
    text: str = field(compare=False, default="", repr=False)


@dataclass(frozen=True)
class Verdict:
    """`searched` counts the texts of each kind of evidence, `allowed` what was found in each allowed place."""

    findings: Sequence[Finding]
    searched: Counter[str]
    allowed: Counter[Allowed]
    in_place: Counter[str]
    known_values: int
    characters: int

    def faults(self, *, whole_suite: bool = True) -> list[str]:
        """What breaks the promise. For the whole suite, also what the proof did not try."""
        found = [f"{one.secret} in {one.kind}: {one.where} ({one.test})" for one in sorted(set(self.findings))]
        if whole_suite:
            found += [f"no {kind} was searched" for kind in KINDS if not self.searched[kind]]
            found += [f"the {secret} was never seen in its place" for secret in SECRETS if not self.in_place[secret]]
            found += [f"an allowance that nothing needs: {one.reason}" for one in ALLOWED if not self.allowed[one]]
        return found


def judge(records: Iterable[Record]) -> Verdict:
    """Search all evidence. It is read twice: once for the noted values, once for the search."""
    evidence = [record for record in records if record.kind in KINDS]
    facts = [record for record in records if record.kind not in KINDS]
    known = dict(marks.CONSTANTS)
    ports: dict[str, set[str]] = {}
    for fact in facts:
        if fact.kind == "known":
            known.setdefault(fact.parts["value"], fact.about)
            ports.setdefault(fact.parts["value"], set()).add(fact.parts.get("to", ""))
    upstream = {fact.parts["port"] for fact in facts if fact.kind == "role"}
    parts = [(record, place, text) for record in evidence for place, text in record.parts.items()]
    findings: list[Finding] = []
    allowed: Counter[Allowed] = Counter()
    in_place: Counter[str] = Counter()
    for hit in Search(known).hits(text for _, _, text in parts):
        record, place, text = parts[hit.position]
        where = f"{record.about} > {place}"
        own = {str(hit.port)} if hit.value is None else ports.get(hit.value, set())
        peers = {"upstream": upstream, "endpoint": own}
        for one in ALLOWED:
            if (
                hit.secret in one.secrets
                and record.kind in one.kinds
                and re.fullmatch(one.where, where)
                and (one.only_to is None or str(record.port) in peers[one.only_to])
                and re.search(one.test, record.test)
            ):
                allowed[one] += 1
                in_place[hit.secret] += not one.test
                break
        else:
            findings.append(Finding(hit.secret, record.kind, where, record.test, f"{hit.value} in {text[:2000]}"))
    return Verdict(
        findings=findings,
        searched=Counter(record.kind for record in evidence),
        allowed=allowed,
        in_place=in_place,
        known_values=len(known),
        characters=sum(len(text) for _, _, text in parts),
    )
