"""The HTTP API without a host: a request goes to the handlers as function_app hands it to them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from shared.http import operations
from shared.http.messages import JSON_TYPE, PROBLEM_TYPE, Request, Response
from shared.http.operations import Handler
from tests.http.declared_answers import assert_declared
from tests.instance import TestProcess

type FindHandler = Callable[[TestProcess], Handler]
BASE_URL = "https://monitor.example/api"


@dataclass(frozen=True)
class Answer:
    """A response as a caller reads it; `json` is None without a body of JSON."""

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
    """Calls the handlers of one process."""

    process: TestProcess

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
        response = operations.answer(lambda: find_handler(self.process), request)
        assert_declared(lambda: find_handler(self.process), response)
        return _read(response)

    def register(self, body: object) -> Answer:
        return self.call(lambda process: process.api().jobs.register, path="jobs", body=body)

    def change(self, job_id: str, body: object) -> Answer:
        return self.call(lambda process: process.api().jobs.change, route={"jobId": job_id}, body=body)

    def jobs(self, **query: str) -> Answer:
        return self.call(lambda process: process.api().jobs.list, path="jobs", query=query)

    def job(self, job_id: str) -> Answer:
        return self.call(lambda process: process.api().jobs.read, route={"jobId": job_id})

    def timeline(self, job_id: str) -> Answer:
        return self.call(lambda process: process.api().timelines.read, route={"jobId": job_id})

    def check(self, job_id: str) -> Answer:
        return self.call(lambda process: process.api().jobs.check, route={"jobId": job_id})

    def remove(self, job_id: str) -> Answer:
        return self.call(lambda process: process.api().jobs.remove, route={"jobId": job_id})

    def offer_of_job(self, job_id: str) -> Answer:
        return self.call(lambda process: process.api().jobs.private_offer, route={"jobId": job_id})

    def private_offer(self, private_offer_id: str, **headers: str) -> Answer:
        return self.call(
            lambda process: process.api().private_offers.read,
            route={"privateOfferId": private_offer_id},
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    def private_offers(self, **query: str) -> Answer:
        return self.call(lambda process: process.api().private_offers.list, query=query)

    def cpp_offer(self, publisher_id: str, offer_id: str, **query: str) -> Answer:
        route = {"publisherId": publisher_id, "offerId": offer_id}
        return self.call(lambda process: process.api().cpp_offers.read, route=route, query=query)

    def cpp_offers(self, publisher_id: str) -> Answer:
        return self.call(lambda process: process.api().cpp_offers.list, route={"publisherId": publisher_id})

    def cpp_status(self, publisher_id: str, offer_id: str) -> Answer:
        route = {"publisherId": publisher_id, "offerId": offer_id}
        return self.call(lambda process: process.api().cpp_offers.status, route=route)

    def offer_details(self, **query: str) -> Answer:
        return self.call(lambda process: process.api().offer_details.read, query=query)

    def watched_offers(self, **query: str) -> Answer:
        return self.call(lambda process: process.api().watch.list, path="watch/private-offers", query=query)

    def offer_history(self, private_offer_id: str) -> Answer:
        return self.call(lambda process: process.api().watch.history, route={"privateOfferId": private_offer_id})

    def calendar(self, *, if_none_match: str | None = None, **query: str) -> Answer:
        headers = {} if if_none_match is None else {"if-none-match": if_none_match}
        return self.call(
            lambda process: process.api().watch.calendar, path="calendar.ics", query=query, headers=headers
        )

    def set_aside(self, **query: str) -> Answer:
        return self.call(lambda process: process.storage_api().set_aside.list, path="set-aside", query=query)

    def remove_set_aside(self, row_key: str) -> Answer:
        return self.call(lambda process: process.storage_api().set_aside.remove, route={"rowKey": row_key})

    def stats(self, **query: str) -> Answer:
        return self.call(lambda process: process.storage_api().stats.read, path="stats", query=query)

    def health(self) -> Answer:
        return self.call(lambda process: process.storage_api().health.read)

    def health_details(self) -> Answer:
        return self.call(lambda process: process.storage_api().health.details)


def _read(response: Response) -> Answer:
    headers = {**response.all_headers}
    if response.content_type is not None:
        headers["Content-Type"] = response.content_type
    is_json = response.body and response.content_type in {JSON_TYPE, PROBLEM_TYPE}
    return Answer(response.status, headers, response.body, json.loads(response.body) if is_json else None)
