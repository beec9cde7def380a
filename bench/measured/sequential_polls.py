"""A baseline for a tick, the simplest poller: a loop that requests one status after the other with `requests`."""

import time

import requests

from bench.measured.handshake import argument, report, wait_for_start


def main() -> None:
    """`url` of Product Ingestion, `token`, `jobIds`: polls each job once."""
    given = argument()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {given['token']}"
    wait_for_start()
    began = time.perf_counter()
    for job_id in given["jobIds"]:
        url = f"{given['url']}/configure/{job_id}/status"
        session.get(url, params={"$version": "2022-07-01"}, timeout=30).raise_for_status()
    report({"seconds": time.perf_counter() - began})


if __name__ == "__main__":
    main()
