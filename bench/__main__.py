"""`python -m bench`: measure and print the table."""

import argparse
import sys

from rich.console import Console

from bench.groups import backlog, cold_start, detail, finish, idle, memory, tick, webhooks
from bench.results import BenchError, Result, Scale, markdown_table, show_table
from bench.surroundings import running_surroundings
from local.processes.child import ChildFailedError

GROUPS = {
    module.GROUP: module.measure for module in (tick, idle, finish, webhooks, detail, cold_start, memory, backlog)
}
PLAIN_WIDTH = 180


def main() -> int:
    """Measure and print the table. The exit status is 1 if a target is missed or a measurement fails."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=main.__doc__)
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS), help="measure only these groups")
    parser.add_argument("--quick", action="store_true", help="a few jobs, to see that it works; no target is checked")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    arguments = parser.parse_args()
    progress = Console(stderr=True)
    results: list[Result] = []
    failed = False
    with running_surroundings() as surroundings:
        for group in arguments.only:
            try:
                for result in GROUPS[group](surroundings, Scale.quick() if arguments.quick else Scale()):
                    results.append(result)
                    progress.print(f"{group}: {result.what}: {result.measured}", soft_wrap=True, markup=False)
            except (BenchError, ChildFailedError) as error:
                failed = True
                progress.print(f"{group}: {error}", style="red", soft_wrap=True, markup=False)
    if arguments.markdown:
        print(markdown_table(results))
    else:
        # Without a terminal, print as wide as the rows need.
        show_table(results, Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH))
    return 1 if failed or any(result.met is False for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
