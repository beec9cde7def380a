"""Calls the running app as its users do, over HTTP with a key, and reads the receiver's list of events."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

_TIMEOUT_SECONDS = 30
_LISTED_JOBS = 200


class MonitorUnavailableError(Exception):
    """The app did not answer as it should. The message says what happened."""


@dataclass(frozen=True)
class JobRow:
    """A job as the live view shows it."""

    job_id: str
    label: str
    operation: str
    state: str
    job_status: str | None
    poll_count: int
    next_poll_at: datetime | None
    note: str

    @property
    def is_pending(self) -> bool:
        """Whether it is still followed."""
        return self.state == "pending"


@dataclass(frozen=True)
class ArrivedEvent:
    """A webhook that the receiver got."""

    webhook_id: str | None
    type: str | None
    job_id: str | None
    verified: bool
    offer_id: str | None = None


@dataclass(frozen=True)
class TimerRun:
    """The report of a timer function's last run: when it began, and why it could not do its work, if so."""

    at: datetime
    failure: str | None


class MonitorApi:
    """A client of the app's HTTP API."""

    def __init__(self, url: str, *, key: str, master_key: str, receiver_url: str) -> None:
        self._url = url
        self._master_key = master_key
        self._receiver_url = receiver_url
        self._since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, no .netrc: everything is on this machine
        self._session.headers["x-functions-key"] = key

    def health(self) -> tuple[int, str]:
        """The status code and body of `GET /api/health`."""
        response = self._request("GET", "/api/health")
        return response.status_code, response.text.strip()

    def jobs(self) -> list[JobRow]:
        """The jobs that changed since this client was made: pending ones, then the newest finished ones."""
        response = self._request("GET", f"/api/jobs?updatedSince={self._since}&limit={_LISTED_JOBS}")
        if response.status_code != 200:
            raise MonitorUnavailableError(f"GET /api/jobs answered {response.status_code}: {_detail(response)}")
        return [_job_row(record) for record in response.json()["jobs"]]

    def register(self, job: dict[str, Any]) -> None:
        """`POST /api/jobs`."""
        response = self._request("POST", "/api/jobs", json=job)
        if response.status_code not in (200, 202):
            raise MonitorUnavailableError(f"POST /api/jobs answered {response.status_code}: {_detail(response)}")

    def private_offer(self, job_id: str) -> tuple[int, dict[str, Any]]:
        """The status code and body of `GET /api/jobs/{jobId}/private-offer`."""
        response = self._request("GET", f"/api/jobs/{job_id}/private-offer")
        try:
            body = response.json()
        except ValueError:
            body = {}
        return response.status_code, body if isinstance(body, dict) else {}

    def fire(self, function: str) -> None:
        """Start a timer function now. This is an admin call, which needs the master key and a JSON body."""
        headers = {"x-functions-key": self._master_key}
        response = self._request("POST", f"/admin/functions/{function}", json={}, headers=headers)
        if response.status_code != 202:
            raise MonitorUnavailableError(f"{function} could not be started: {response.status_code}")

    def last_run(self, function: str) -> TimerRun | None:
        """The last run of a timer function; None if it has not ended a run yet."""
        response = self._request("GET", "/api/health/details")
        try:
            report = response.json()["timers"].get(function)
        except (ValueError, KeyError) as error:
            detail = _detail(response)
            raise MonitorUnavailableError(f"Health answered {response.status_code}: {detail}") from error
        if report is None:
            return None
        failure = None if report["ok"] else str(report.get("reason") or "it failed")
        return TimerRun(datetime.fromisoformat(report["at"]), failure)

    def arrived_events(self) -> list[ArrivedEvent]:
        """The webhooks that the receiver got so far."""
        try:
            listed = self._session.get(f"{self._receiver_url}/received", timeout=_TIMEOUT_SECONDS).json()
        except requests.RequestException as error:
            raise MonitorUnavailableError(f"The receiver did not answer: {error}") from error
        return [
            ArrivedEvent(event["webhookId"], event["type"], event["jobId"], event["verified"], event["offerId"])
            for event in listed
        ]

    def _request(
        self, method: str, path: str, json: object = None, headers: dict[str, str] | None = None
    ) -> requests.Response:
        try:
            return self._session.request(
                method, self._url + path, json=json, headers=headers, timeout=_TIMEOUT_SECONDS
            )
        except requests.RequestException as error:
            raise MonitorUnavailableError(f"{method} {path} got no answer: {error}") from error


def _detail(response: requests.Response) -> str:
    """The detail of a problem document, or the beginning of any other body."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if isinstance(problem, dict) and problem.get("detail"):
        return str(problem["detail"])
    return response.text[:300]


def _job_row(record: dict[str, Any]) -> JobRow:
    next_poll_at = record.get("nextPollAt")
    return JobRow(
        job_id=record["jobId"],
        label=record.get("label") or record["jobId"],
        operation=record.get("operation") or "unknown",
        state=record["state"],
        job_status=record.get("jobStatus"),
        poll_count=record.get("pollCount") or 0,
        next_poll_at=datetime.fromisoformat(next_poll_at) if next_poll_at else None,
        note=_note(record),
    )


def _note(record: dict[str, Any]) -> str:
    """The outcome in a few words: the offer, the first error, or what is wrong with polling."""
    offer = record.get("privateOffer")
    if isinstance(offer, dict):
        return f"{offer.get('name')} ({offer.get('state')})"
    for error in record.get("errors") or []:
        if isinstance(error, dict):
            return str(error.get("message") or error.get("code") or "")
    last_error = record.get("lastPollError")
    if isinstance(last_error, dict):
        return str(last_error.get("reason") or last_error)
    return str(last_error or "")
