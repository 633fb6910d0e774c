"""`python -m evals`: run suites, compare runs, hold the gate, collect questions from use, measure speed."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from app.cli import progress_bar, stop_printing
from app.config import Settings, load_settings
from app.errors import YouJuError
from evals import gate
from evals.drafts import list_drafts
from evals.report import read_json, table, write_html, write_json
from evals.report.run import Run
from evals.runner import WORK, conditions_of, open_local, open_remote, run_suite
from evals.suites import (
    BENCHMARKS,
    OWN,
    Suite,
    SuiteError,
    custom_suite,
    load_suite,
    misplaced_evidence,
    plain_suite,
    slice_of,
)
from evals.summary import compare


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 a user's error or a gate that fails, 2 wrong usage."""
    options = make_parser().parse_args(arguments)
    try:
        code = options.run(options)
        sys.stdout.flush()
        sys.exit(code)
    except BrokenPipeError:
        stop_printing()
    except YouJuError as error:
        print(f"evals: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("evals: interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(130)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(prog="python -m evals", description="Measure YouJu.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="ask the questions of suites and report")
    run.add_argument("suites", nargs="*", metavar="SUITE", help=f"{OWN}, {', '.join(BENCHMARKS)}")
    run.add_argument("--passages", type=Path, metavar="P.jsonl[.gz]", help="a set of your own: its documents")
    run.add_argument("--questions", type=Path, metavar="Q.jsonl[.gz]", help="a set of your own: its questions")
    run.add_argument("--name", default="custom", help="what to call that set (default: custom)")
    run.add_argument("--answerer", choices=["extractive", "llm"], help="who answers")
    run.add_argument("--limit", type=int, metavar="N", help="only the first N questions of each suite")
    run.add_argument("--url", default="", help="ask a running server instead; it must have the suite's corpus")
    run.add_argument(
        "--out", type=Path, default=WORK / "reports", help="folder of the reports (default: .evals/reports)"
    )
    run.set_defaults(run=run_suites)
    comparison = commands.add_parser("compare", help="compare two reports question by question")
    comparison.add_argument("a", type=Path)
    comparison.add_argument("b", type=Path)
    comparison.set_defaults(run=run_compare)
    drafts = commands.add_parser("drafts", help="list what a language model wrote: kept, and dropped with the reason")
    drafts.add_argument("report", type=Path, help="the JSON of a run with --answerer llm")
    drafts.add_argument("--sample", type=int, default=50, metavar="N", help="how many of each (default: 50)")
    drafts.set_defaults(run=run_drafts)
    held = commands.add_parser("gate", help="fail if a figure fell below the baseline by more than its interval")
    held.set_defaults(run=run_gate)
    update = commands.add_parser("baseline", help="make the present figures the baseline; prints before and after")
    update.set_defaults(run=run_baseline)
    gathering = commands.add_parser("collect", help="turn what was down-voted or refused into candidate questions")
    gathering.add_argument("--feedback", type=Path, metavar="FILE", help="the ratings (default: the setting feedback)")
    gathering.add_argument("--out", type=Path, required=True, metavar="FILE", help="where the candidates go")
    gathering.set_defaults(run=run_collect)
    weights = commands.add_parser("weights", help="fit what speaks for and against an answer to questions on documents")
    weights.add_argument(
        "folders",
        nargs="*",
        type=Path,
        default=sorted(Path("tests/other_documents").glob("*/")),
        metavar="FOLDER",
        help="text files and questions.tsv (default: those in tests/other_documents, and the suite reply)",
    )
    weights.set_defaults(run=run_weights)
    readings = commands.add_parser("readings", help="write down what the reader is given for questions on documents")
    readings.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="text files and questions.tsv")
    readings.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="where the rows go, one of each folder"
    )
    readings.set_defaults(run=run_readings)
    bench = commands.add_parser(
        "bench", help="measure speed and memory: answers (default), encoder, index, milvus, serving"
    )
    bench.add_argument(
        "what", nargs="?", choices=["answers", "encoder", "index", "milvus", "serving"], default="answers"
    )
    bench.add_argument("--rounds", type=int, default=2, help="answers: how often each question is asked (default: 2)")
    bench.add_argument(
        "--chunks", type=int, default=1_000_000, metavar="N", help="index: up to how many (default: 1000000)"
    )
    bench.add_argument(
        "--seconds", type=float, default=60, metavar="N", help="serving: how long each load (default: 60)"
    )
    bench.set_defaults(run=run_bench)
    return parser


def run_suites(options: argparse.Namespace) -> int:
    settings = load_settings({"answerer": options.answerer})
    runs = []
    for suite in _suites(options, settings):
        run = _run(suite, settings, options.url, options.limit)
        folder = options.out
        folder.mkdir(parents=True, exist_ok=True)
        write_json(run, folder / f"{suite.name}.json")
        write_html(run, folder / f"{suite.name}.html")
        runs.append(run)
    if not runs:
        raise SuiteError(f"no suite to run; name one of {OWN}, {', '.join(BENCHMARKS)}")
    print(table(runs))
    print(f"reports: {options.out}")
    return 0


def _suites(options: argparse.Namespace, settings: Settings) -> list[Suite]:
    """Return the suites that were asked for; a benchmark that is absent is skipped with a line."""
    suites = []
    for name in options.suites:
        try:
            suites.append(load_suite(name, Path(settings.benchmarks), Path(settings.corpus)))
        except SuiteError as error:
            if name not in BENCHMARKS:
                raise
            print(f"evals: skipped: {error}", file=sys.stderr)
    if options.passages or options.questions:
        if not (options.passages and options.questions):
            raise SuiteError("--passages and --questions go together")
        suites.append(custom_suite(options.name, options.passages, options.questions))
    return suites


def _run(suite: Suite, settings: Settings, url: str = "", limit: int | None = None) -> Run:
    if misplaced := misplaced_evidence(suite):
        raise SuiteError(f"{suite.name}: {misplaced[0]} ({len(misplaced)} such quotes)")
    ask = open_remote(url) if url else open_local(suite, settings, progress_bar)
    return run_suite(
        suite, ask, conditions_of(settings, suite, url), limit=limit, progress=progress_bar(suite.name), resume=not url
    )


def run_compare(options: argparse.Namespace) -> int:
    a, b = read_json(options.a), read_json(options.b)
    print(f"{'figure':20} {'A':>8} {'B':>8} {'B - A':>8}   95 % interval     p      flipped")
    for row in compare(a.records, b.records):
        interval = f"[{row.low:+.3f}, {row.high:+.3f}]"
        print(
            f"{row.name:20} {row.a:8.3f} {row.b:8.3f} {row.difference:+8.3f}   {interval}  {row.p_value:.3f}  {len(row.flipped)}"
        )
        for question_id in row.flipped:
            print(f"    {question_id}")
    return 0


def run_drafts(options: argparse.Namespace) -> int:
    for line in list_drafts(read_json(options.report).records, options.sample):
        print(line)
    return 0


def _gate_runs(settings: Settings) -> list[Run]:
    """Run what the gate holds: the whole reply suite and fixed slices of those benchmarks that are there."""
    runs = [_run(load_suite(OWN, Path(settings.benchmarks), Path(settings.corpus)), settings)]
    for name in gate.SLICES:
        try:
            whole = load_suite(name, Path(settings.benchmarks), Path(settings.corpus))
        except SuiteError as error:
            print(f"evals: skipped: {error}", file=sys.stderr)
            continue
        runs.append(_run(slice_of(whole, gate.SLICE_QUESTIONS, WORK / "slices"), settings))
    return runs


def run_gate(options: argparse.Namespace) -> int:
    baseline = gate.read_baseline()
    runs = _gate_runs(load_settings())
    print(table(runs))
    lines = gate.falls(runs, baseline)
    for line in lines:
        print(f"evals: gate: {line}", file=sys.stderr)
    print("gate: failed" if lines else f"gate: passed ({', '.join(run.suite for run in runs)})")
    return 1 if lines else 0


def run_baseline(options: argparse.Namespace) -> int:
    runs = _gate_runs(load_settings())
    old = gate.read_baseline() if gate.BASELINE.exists() else {}
    print("\n".join(gate.changes(runs, old)))
    gate.write_baseline(runs)
    print(f"baseline: {gate.BASELINE.name} written")
    return 0


def run_collect(options: argparse.Namespace) -> int:
    from evals.collect import collect

    print(collect(options.feedback or Path(load_settings().feedback), options.out))
    return 0


def run_weights(options: argparse.Namespace) -> int:
    from evals import weights

    settings = load_settings()
    suites = [load_suite(OWN, Path(settings.benchmarks), Path(settings.corpus))]
    suites += [plain_suite(folder, suites[0].corpus) for folder in options.folders]
    print(weights.report(suites, settings, lambda line: print(line, file=sys.stderr, flush=True)))
    return 0


def run_readings(options: argparse.Namespace) -> int:
    from evals.readings import write_readings

    settings = load_settings()
    suites = [plain_suite(folder, Path(settings.corpus)) for folder in options.folders]
    print(write_readings(suites, settings, options.out))
    return 0


def run_bench(options: argparse.Namespace) -> int:
    if options.what == "encoder":
        from evals.bench.encoder import bench_encoder

        print(bench_encoder(load_settings()))
    elif options.what == "index":
        from evals.bench.index import bench_index

        print(bench_index(load_settings(), options.chunks, WORK / "bench", progress_bar))
    elif options.what == "serving":
        from evals.bench.serving import bench_serving

        print(bench_serving(options.seconds))
    elif options.what == "milvus":
        from evals.bench.milvus import bench_milvus

        settings = load_settings()
        print(bench_milvus(settings, settings.index_url))
    else:
        from evals.bench.answers import bench_answers

        print(bench_answers(options.rounds))
    return 0


if __name__ == "__main__":
    main()
