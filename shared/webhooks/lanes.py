"""A pool of threads that no one endpoint can fill.

Each endpoint has a lane. A lane runs few items at once: two at first, one more with each that goes well, up to its
limit, and only one after an endpoint did not answer. A free thread takes from the lane that runs the fewest, so a
thousand items for one endpoint stand behind a single one for another.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field

LANE_WIDTH_AT_FIRST = 2
LANE_WIDTH_MAX = 16
THREADS_MAX = 128
_log = logging.getLogger("offer_monitor.webhooks")


@dataclass(frozen=True)
class _Waiting[Item]:
    id: str
    item: Item
    # Of whoever added it: log lines about it belong to that invocation (`shared/threads.py`).
    context: Context


@dataclass
class _Lane[Item]:
    waiting: deque[_Waiting[Item]] = field(default_factory=deque)
    # Ids of items that wait or run: an item that is found due twice is not run twice.
    known: set[str] = field(default_factory=set)
    running: int = 0
    width: int = LANE_WIDTH_AT_FIRST


class Lanes[Item]:
    """Runs `work` for each item on threads of its own.

    `work` returns whether the endpoint kept up, or None if the item said nothing about that.
    """

    def __init__(self, work: Callable[[Item], bool | None]) -> None:
        self._work = work
        self._lanes: dict[str, _Lane[Item]] = {}
        self._threads = 0
        self._changed = threading.Condition()

    def add(self, lane_name: str, item_id: str, item: Item) -> bool:
        """Let the item run as soon as its lane and the pool allow; False if it waits or runs already."""
        with self._changed:
            lane = self._lanes.setdefault(lane_name, _Lane())
            if item_id in lane.known:
                return False
            lane.known.add(item_id)
            lane.waiting.append(_Waiting(item_id, item, copy_context()))
            self._start_threads()
            return True

    def drop_where(self, unwanted: Callable[[Item], bool]) -> int:
        """Forget every waiting item that is unwanted; returns how many those were."""
        with self._changed:
            return sum(self._drop(lane, unwanted) for lane in self._lanes.values())

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until everything has run, but no longer than `seconds`."""
        with self._changed:
            self._changed.wait_for(self._is_idle, timeout=max(0.0, seconds))

    def _is_idle(self) -> bool:
        return not any(lane.waiting or lane.running for lane in self._lanes.values())

    def _drop(self, lane: _Lane[Item], unwanted: Callable[[Item], bool]) -> int:
        dropped = [waiting for waiting in lane.waiting if unwanted(waiting.item)]
        lane.waiting = deque(waiting for waiting in lane.waiting if not unwanted(waiting.item))
        lane.known.difference_update(waiting.id for waiting in dropped)
        self._changed.notify_all()
        return len(dropped)

    def _start_threads(self) -> None:
        free = sum(max(0, min(lane.width - lane.running, len(lane.waiting))) for lane in self._lanes.values())
        if free and self._threads < THREADS_MAX:
            self._threads += 1
            threading.Thread(target=self._run, name="webhooks", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._changed:
                lane = self._neediest()
                if lane is None:
                    self._threads -= 1
                    return
                taken = lane.waiting.popleft()
                lane.running += 1
                self._start_threads()
            kept_up: bool | None = None
            try:
                kept_up = taken.context.run(self._work, taken.item)
            except Exception:  # noqa: BLE001 - a fault of one item must not end the thread that others wait for
                _log.exception("delivery_fault {}")
            finally:
                with self._changed:
                    lane.running -= 1
                    lane.known.discard(taken.id)
                    if kept_up is not None:
                        lane.width = min(lane.width + 1, LANE_WIDTH_MAX) if kept_up else 1
                    self._changed.notify_all()

    def _neediest(self) -> _Lane[Item] | None:
        ready = [lane for lane in self._lanes.values() if lane.waiting and lane.running < lane.width]
        return min(ready, key=lambda lane: lane.running, default=None)
