"""Every fault by name."""

from sandbox import faulty_answers, faulty_bodies, faulty_connections
from sandbox.faulty_calls import FaultKind

FAULT_KINDS: dict[str, FaultKind] = {
    **faulty_answers.KINDS,
    **faulty_bodies.KINDS,
    **faulty_connections.KINDS,
}
FAULT_NAMES = frozenset(FAULT_KINDS)
