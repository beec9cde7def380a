"""The HTTP API without a host: a request goes to the handlers as function_app hands it to them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from shared.app import Monitor
from shared.http import dispatch
from shared.http.dispatch import Handler
from shared.http.messages import Request, Response

type FindHandler = Callable[[Monitor], Handler]
BASE_URL = "https://monitor.example/api"


@dataclass(frozen=True)
class Answer:
    """A response as a caller reads it; `json` is None without a body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any

    @property
    def faults(self) -> list[str]:
        """The faults that a problem names."""
        assert self.headers["Content-Type"] == "application/problem+json; charset=utf-8", self
        faults: list[str] = self.json["faults"]
        return faults


@dataclass(frozen=True)
class Api:
    """Calls the handlers of one monitor."""

    monitor: Monitor

    def call(
        self,
        find_handler: FindHandler,
        *,
        path: str = "",
        route: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: object = b"",
    ) -> Answer:
        """Answer one request; a `body` that is not bytes is sent as JSON."""
        request = Request(
            url=f"{BASE_URL}/{path}" + (f"?{urlencode(query, errors='replace')}" if query else ""),
            route=route or {},
            query=query or {},
            headers=headers or {},
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        )
        return _read(dispatch.answer(lambda: find_handler(self.monitor), request))

    def register(self, body: object) -> Answer:
        return self.call(lambda monitor: monitor.job_handlers.register, path="jobs", body=body)

    def jobs(self, **query: str) -> Answer:
        return self.call(lambda monitor: monitor.job_handlers.list, path="jobs", query=query)

    def job(self, job_id: str) -> Answer:
        return self.call(lambda monitor: monitor.job_handlers.read, route={"jobId": job_id})

    def check(self, job_id: str) -> Answer:
        return self.call(lambda monitor: monitor.job_handlers.check, route={"jobId": job_id})

    def remove(self, job_id: str) -> Answer:
        return self.call(lambda monitor: monitor.job_handlers.remove, route={"jobId": job_id})

    def offer_of_job(self, job_id: str) -> Answer:
        return self.call(lambda monitor: monitor.job_handlers.private_offer, route={"jobId": job_id})

    def private_offer(self, private_offer_id: str, **headers: str) -> Answer:
        return self.call(
            lambda monitor: monitor.private_offer_handlers.read,
            route={"privateOfferId": private_offer_id},
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    def private_offers(self, **query: str) -> Answer:
        return self.call(lambda monitor: monitor.private_offer_handlers.list, query=query)

    def cpp_offer(self, publisher_id: str, offer_id: str, **query: str) -> Answer:
        route = {"publisherId": publisher_id, "offerId": offer_id}
        return self.call(lambda monitor: monitor.cpp_offer_handlers.read, route=route, query=query)

    def cpp_offers(self, publisher_id: str) -> Answer:
        return self.call(lambda monitor: monitor.cpp_offer_handlers.list, route={"publisherId": publisher_id})

    def cpp_status(self, publisher_id: str, offer_id: str) -> Answer:
        route = {"publisherId": publisher_id, "offerId": offer_id}
        return self.call(lambda monitor: monitor.cpp_offer_handlers.status, route=route)

    def offer_details(self, **query: str) -> Answer:
        return self.call(lambda monitor: monitor.offer_detail_handlers.read, query=query)

    def set_aside(self, **query: str) -> Answer:
        return self.call(lambda monitor: monitor.set_aside_handlers.list, path="set-aside", query=query)

    def remove_set_aside(self, row_key: str) -> Answer:
        return self.call(lambda monitor: monitor.set_aside_handlers.remove, route={"rowKey": row_key})

    def health(self) -> Answer:
        return self.call(lambda monitor: monitor.health_handlers.read)

    def health_details(self) -> Answer:
        return self.call(lambda monitor: monitor.health_handlers.details)


def _read(response: Response) -> Answer:
    headers = {**response.all_headers}
    if response.content_type is not None:
        headers["Content-Type"] = response.content_type
    return Answer(response.status, headers, response.body, json.loads(response.body) if response.body else None)
