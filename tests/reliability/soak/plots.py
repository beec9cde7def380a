"""The pictures of a soak: panels over the simulated days, as SVG that is the same for the same figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.reliability.soak.run import Evidence, Sample

INCHES_WIDE, INCHES_A_PANEL = 8.0, 2.1
# Dark enough on white for text of the same colour; they differ for people who are colour-blind (Okabe and Ito).
COLOURS = ("#0072B2", "#B04A00", "#00735C", "#8A3D70")
GREY = "#57606A"
# A line's name is beside its end; names that would overlap move apart by this share of the panel's height.
LABELS_APART = 0.13


@dataclass(frozen=True)
class Panel:
    """One panel: its title, which says the unit, and its lines by name."""

    title: str
    lines: Mapping[str, Callable[[Sample], float]]


STORAGE = (
    Panel(
        "Rows in storage",
        {
            "deliveries": lambda sample: sample.stored.deliveries,
            "jobs": lambda sample: sample.stored.jobs,
            "offers": lambda sample: sample.stored.offers,
            "figures of days": lambda sample: sample.stored.days,
        },
    ),
    Panel("Documents (offers and errors too large for a row)", {"documents": lambda sample: sample.stored.documents}),
    Panel(
        "Deliveries that have not succeeded",
        {
            "waiting for a retry": lambda sample: sample.stored.pending_deliveries,
            "dead": lambda sample: sample.stored.dead_deliveries,
        },
    ),
)
PROCESS = (
    Panel("Memory (resident, MB)", {"memory": lambda sample: sample.held.megabytes}),
    Panel("Python objects (thousands)", {"objects": lambda sample: sample.held.objects / 1000}),
    Panel(
        "Open files and threads",
        {
            "files": lambda sample: sample.held.files,
            "of which connections": lambda sample: sample.held.connections,
            "threads": lambda sample: sample.held.threads,
        },
    ),
)


def draw(panels: Sequence[Panel], evidence: Evidence, path: Path) -> None:
    """Write the panels to a file; its suffix says the format."""
    with mpl.rc_context(
        {
            "svg.hashsalt": "soak",
            "svg.fonttype": "path",
            "font.family": "DejaVu Sans",
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": GREY,
            "xtick.color": GREY,
            "ytick.color": GREY,
        }
    ):
        figure = Figure(figsize=(INCHES_WIDE, INCHES_A_PANEL * len(panels) + 0.5), facecolor="white")
        figure.set_layout_engine("constrained")
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for panel, axis in zip(panels, axes, strict=True):
            _draw_panel(axis, panel, evidence)
        _name_spans(axes[0], evidence)
        axes[-1].set_xlabel("simulated day", color=GREY)
        metadata = {"Date": None} if path.suffix == ".svg" else None
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata=metadata, dpi=110)


def _draw_panel(axis: Axes, panel: Panel, evidence: Evidence) -> None:
    days = [sample.day for sample in evidence.samples]
    ends: list[tuple[float, str, str]] = []
    for colour, (name, value_of) in zip(COLOURS, panel.lines.items(), strict=False):
        values = [value_of(sample) for sample in evidence.samples]
        axis.plot(days, values, color=colour, linewidth=1.4)
        ends.append((values[-1], name, colour))
    axis.set_title(panel.title, loc="left", fontsize=9.5, fontweight="bold")
    axis.set_ylim(bottom=0)
    axis.margins(x=0.01)
    axis.grid(axis="y", color="#D8DEE4", linewidth=0.6)
    axis.set_axisbelow(True)
    scale = evidence.scale
    axis.axvspan(days[0], scale.warm_up_days, color="#EEF1F4", linewidth=0)
    axis.axvspan(scale.days, days[-1], color="#EEF1F4", linewidth=0)
    if len(ends) > 1:
        _name_lines(axis, ends, days[-1])


def _name_lines(axis: Axes, ends: Sequence[tuple[float, str, str]], last_day: int) -> None:
    """The name of each line right of its end, from the lowest up, without overlaps."""
    top = axis.get_ylim()[1]
    lowest = 0.0
    for value, name, colour in sorted(ends):
        at = max(value, lowest)
        axis.annotate(
            name,
            (last_day, at),
            xytext=(6, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            annotation_clip=False,
        )
        lowest = at + LABELS_APART * top


def _name_spans(axis: Axes, evidence: Evidence) -> None:
    scale, top = evidence.scale, axis.get_ylim()[1]
    spans = {
        "filling up": (0, scale.warm_up_days),
        "has to be flat": (scale.warm_up_days, scale.days),
        "no more work": (scale.days, scale.days + scale.quiet_days),
    }
    for text, (first, end) in spans.items():
        axis.text((first + end) / 2, top, text, color=GREY, ha="center", va="bottom", fontsize=8.5)
