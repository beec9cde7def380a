"""The simplest poller: a loop that asks for one status after the other with `requests`. The rival of a tick."""

import time

import requests

from bench.measured.handshake import argument, report, wait_for_the_word


def main() -> None:
    """`url` of Product Ingestion, `token`, `jobIds`: asks for each once."""
    given = argument()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {given['token']}"
    wait_for_the_word()
    began = time.perf_counter()
    for job_id in given["jobIds"]:
        url = f"{given['url']}/configure/{job_id}/status"
        session.get(url, params={"$version": "2022-07-01"}, timeout=30).raise_for_status()
    report({"seconds": time.perf_counter() - began})


if __name__ == "__main__":
    main()
