"""`python -m evals bench`: speed and memory of the state at hand."""

import argparse

from evals.bench import run_bench


def main() -> None:
    """Run a measurement and print its table."""
    parser = argparse.ArgumentParser(prog="python -m evals", description="Measure YouJu.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    bench = commands.add_parser("bench", help="print a table of speed and memory on the reply")
    bench.add_argument("--rounds", type=int, default=2, help="how often each question is asked (default: 2)")
    options = parser.parse_args()
    print(run_bench(options.rounds))


if __name__ == "__main__":
    main()
