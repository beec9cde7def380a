"""`/stats` and `/jobs/{jobId}/timeline`: what has happened."""

from dataclasses import dataclass
from typing import Annotated, TypedDict

from shared.http.messages import Request, Response, json_response
from shared.http.models import JobPath
from shared.http.operations import operation
from shared.http.parameters import Parameters, WholeNumber
from shared.jobs.timeline import TimelineList, Timelines
from shared.monitor.stats import MOST_DAYS, DayStats, Stats


class StatsDays(Parameters):
    """How many days to show."""

    days: Annotated[int, WholeNumber(1, MOST_DAYS)] = 30


class StatsList(TypedDict):
    """Every day that was asked for, the oldest first."""

    days: list[DayStats]


@dataclass(frozen=True)
class StatsHandlers:
    """The handler of `/stats`."""

    stats: Stats

    @operation(parameters=StatsDays, answers={200: StatsList})
    def read(self, _: Request, query: StatsDays) -> Response:
        """Count finished jobs and polls by day."""
        return json_response(StatsList(days=self.stats.days(query.days)))


@dataclass(frozen=True)
class TimelineHandlers:
    """The handler of `/jobs/{jobId}/timeline`."""

    timelines: Timelines

    @operation(parameters=JobPath, answers={200: TimelineList}, problems=("job-unknown",))
    def read(self, _: Request, path: JobPath) -> Response:
        """Tell what happened to a job and when, the oldest first; of over 200 events the first and the newest."""
        return json_response(TimelineList(events=self.timelines.read(path.job_id)))
