"""`/stats` and `/jobs/{jobId}/timeline`: what has happened."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import TypedDict

from shared import identifiers
from shared.http.messages import Request, Response, json_response
from shared.http.problems import ProblemError
from shared.http.reading import Parameters, takes_parameters
from shared.jobs.timeline import TimelineList, Timelines
from shared.monitor.stats import MOST_DAYS, DayStats, Stats

DEFAULT_DAYS = 30


class StatsList(TypedDict):
    """Every day that was asked for, the oldest first."""

    days: list[DayStats]


@dataclass(frozen=True)
class StatsHandlers:
    """The handler of `/stats`."""

    stats: Stats

    @takes_parameters
    def read(self, request: Request) -> Response:
        """Count finished jobs and polls by day."""
        parameters = Parameters(request.query, known={"days"})
        days = parameters.whole_number("days", DEFAULT_DAYS, lowest=1, highest=MOST_DAYS) or DEFAULT_DAYS
        parameters.check()
        return json_response(StatsList(days=self.stats.days(days)))


@dataclass(frozen=True)
class TimelineHandlers:
    """The handler of `/jobs/{jobId}/timeline`."""

    timelines: Timelines

    def read(self, request: Request) -> Response:
        """Tell what happened to a job, and when."""
        events = self.timelines.read(identifiers.job_id(request.route["jobId"]))
        if events is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, "job-unknown", "No such job is registered here.")
        return json_response(TimelineList(events=events))
