"""The pictures of a soak."""

from pathlib import Path

import pytest

from tests.reliability.soak.evidence import good_evidence
from tests.reliability.soak.plots import PROCESS, STORAGE, Panel, draw

MOST_BYTES = 150_000


@pytest.mark.parametrize("panels", [STORAGE, PROCESS])
def test_the_same_evidence_is_the_same_small_picture(panels: tuple[Panel, ...], tmp_path: Path) -> None:
    evidence = good_evidence()
    for name in ("one.svg", "other.svg"):
        draw(panels, evidence, tmp_path / name)
    picture = (tmp_path / "one.svg").read_bytes()
    assert picture == (tmp_path / "other.svg").read_bytes()
    assert len(picture) < MOST_BYTES
