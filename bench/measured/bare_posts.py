"""The baseline for deliveries: threads that each post one body again and again with `requests`."""

import time
from concurrent.futures import ThreadPoolExecutor

import requests

from bench.measured.handshake import argument, report, wait_for_start


def main() -> None:
    """`url`, `body` (text), the total number of `posts`, the number of `threads`."""
    given = argument()
    body = given["body"].encode()
    each = given["posts"] // given["threads"]

    def post_all(session: requests.Session) -> None:
        for _ in range(each):
            session.post(
                given["url"], data=body, headers={"content-type": "application/json"}, timeout=30
            ).raise_for_status()

    with ThreadPoolExecutor(given["threads"]) as threads:
        sessions = [requests.Session() for _ in range(given["threads"])]
        wait_for_start()
        began = time.perf_counter()
        list(threads.map(post_all, sessions))
        report({"seconds": time.perf_counter() - began, "posts": each * given["threads"]})


if __name__ == "__main__":
    main()
