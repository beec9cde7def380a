"""The pictures of a soak: panels over the simulated days, as SVG that is the same for the same figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.reliability.soak.run import Evidence, Sample
from tests.reliability.soak.scale import Scale

INCHES_WIDE, INCHES_A_PANEL = 8.0, 2.1
# Dark enough on white for text of the same colour; they differ for people who are colour-blind (Okabe and Ito).
COLOURS = ("#0072B2", "#B04A00", "#00735C", "#8A3D70")
GREY, SHADE = "#57606A", "#EEF1F4"
# Of a panel's height: the room above its highest line, and how far apart two lines with a name between them are.
HEADROOM = 1.3
LABELS_APART = 0.16
# A name is at the highest point nearby.
NEARBY_DAYS = 2


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
        },
    ),
    Panel(
        "Documents, and rows with the figures of a day (kept for 100 days)",
        {
            "documents": lambda sample: sample.stored.documents,
            "figures of days": lambda sample: sample.stored.days,
        },
    ),
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
    scale, days = evidence.scale, [sample.day for sample in evidence.samples]
    lines = {name: [value_of(sample) for sample in evidence.samples] for name, value_of in panel.lines.items()}
    colours = dict(zip(lines, COLOURS, strict=False))
    for name, values in lines.items():
        axis.plot(days, values, color=colours[name], linewidth=1.4)
    axis.set_title(panel.title, loc="left", fontsize=9.5, fontweight="bold")
    top = HEADROOM * max(max(values) for values in lines.values())
    axis.set_ylim(0, top)
    axis.margins(x=0.01)
    axis.grid(axis="y", color="#D8DEE4", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.axvspan(days[0], scale.warm_up_days, color=SHADE, linewidth=0)
    axis.axvspan(scale.days, days[-1], color=SHADE, linewidth=0)
    if len(lines) > 1:
        _name_lines(axis, lines, colours, scale)


def _name_lines(axis: Axes, lines: Mapping[str, Sequence[float]], colours: Mapping[str, str], scale: Scale) -> None:
    """The name of each line above it, or below it if another is close above; side by side, so that none overlap."""
    apart = LABELS_APART * axis.get_ylim()[1]
    for place, (name, values) in enumerate(lines.items(), start=1):
        middle = scale.warm_up_days + place * (scale.days - scale.warm_up_days) // (len(lines) + 1)
        day = max(range(middle - NEARBY_DAYS, middle + NEARBY_DAYS + 1), key=values.__getitem__)
        others = [other[day] for each, other in lines.items() if each != name]
        is_below = values[day] > apart and any(0 <= other - values[day] < apart for other in others)
        axis.annotate(
            name,
            (day, values[day]),
            xytext=(0, -4 if is_below else 4),
            textcoords="offset points",
            color=colours[name],
            ha="center",
            va="top" if is_below else "bottom",
        )


def _name_spans(axis: Axes, evidence: Evidence) -> None:
    scale = evidence.scale
    spans = {
        "filling up": (0, scale.warm_up_days),
        "has to be flat": (scale.warm_up_days, scale.days),
        "no more work": (scale.days, scale.days + scale.quiet_days),
    }
    top = axis.get_ylim()[1]
    for text, (first, end) in spans.items():
        axis.text((first + end) / 2, 0.98 * top, text, color=GREY, ha="center", va="top", fontsize=8.5)
