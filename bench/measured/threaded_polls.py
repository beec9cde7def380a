"""The baseline for a tick's CPU time.

As many threads as a tick has each request one status after the other with `requests`, without claims or results.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import requests
from requests.adapters import HTTPAdapter

from bench.measured.handshake import argument, report, wait_for_start


def main() -> None:
    """`url` of Product Ingestion, `token`, `jobIds`, `threads`: polls each job once, on open connections."""
    given = argument()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {given['token']}"
    session.mount("https://", HTTPAdapter(pool_maxsize=given["threads"]))

    def ask(job_id: str) -> None:
        url = f"{given['url']}/configure/{job_id}/status"
        session.get(url, params={"$version": "2022-07-01"}, timeout=30).raise_for_status()

    with ThreadPoolExecutor(given["threads"]) as pool:
        list(pool.map(ask, given["jobIds"][: 2 * given["threads"]]))
        wait_for_start()
        began = time.process_time()
        list(pool.map(ask, given["jobIds"]))
        report({"cpuSeconds": time.process_time() - began})


if __name__ == "__main__":
    main()
