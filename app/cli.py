"""The command `youju`: build, ask, search, serve, inspect, doctor. Heavy imports wait until a command needs them."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import __version__
from app.config import Settings, load_settings
from app.errors import LoadError, YouJuError

if TYPE_CHECKING:
    from app.types import Answer, Document, Progress, Turn


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 a user's error (one line), 2 wrong usage."""
    options = make_parser().parse_args(arguments)
    try:
        sys.exit(options.run(options))
    except YouJuError as error:
        print(f"youju: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("youju: interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="youju", description="Questions about official documents, answered with the exact passage."
    )
    parser.add_argument("--version", action="version", version=f"youju {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    build = _command(commands, "build", run_build, "read the corpus and bring the index up to date")
    build.add_argument("--corpus", nargs="+", metavar="DIR|FILE", help="what to read (default: corpus)")
    build.add_argument("--rebuild", action="store_true", help="encode everything anew")

    ask = _command(commands, "ask", run_ask, "answer a question with its evidence")
    ask.add_argument("question", nargs="?", help="the question; - reads it from standard input")
    ask.add_argument("--batch", metavar="FILE", help='questions, one JSON object {"id", "question"} a line')
    ask.add_argument("--out", metavar="FILE", help="where --batch writes its answers, one JSON object a line")
    ask.add_argument("--json", action="store_true", help="print the answer as JSON")
    ask.add_argument("--answerer", choices=["extractive", "llm"], help="who answers (default: extractive)")
    _passages_flag(ask)

    search = _command(commands, "search", run_search, "rank passages for a query")
    search.add_argument("query")
    search.add_argument("--json", action="store_true", help="print the passages as JSON")
    _passages_flag(search)

    serve = _command(commands, "serve", run_serve, "serve the chat page and the HTTP interface")
    serve.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port to listen on (default: 7860)")

    inspect = _command(commands, "inspect", run_inspect, "show what was indexed: fields, sections, chunks with spans")
    inspect.add_argument("document_id", nargs="?", help="one document; without it, all are listed")

    _command(commands, "doctor", run_doctor, "check settings, encoder and index, and say what to do")
    return parser


def _command(commands: Any, name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(run=run)
    parser.add_argument("--index", metavar="DIR", help="folder of the index (default: index)")
    return parser


def _passages_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-k", type=int, metavar="N", dest="passages", help="how many passages to list (default: 10)")


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings, with the flags that were given on top."""
    names = ("index", "answerer", "passages", "host", "port")
    return load_settings({name: getattr(options, name, None) for name in names})


def run_build(options: argparse.Namespace) -> int:
    from app.building import build

    report = build(settings_of(options), options.corpus or (), options.rebuild, progress_bar("encoding"))
    for reason in report.skipped.values():
        print(f"youju: skipped: {reason}", file=sys.stderr)
    if report.is_unchanged:
        print(f"index is up to date: {report.documents} documents, {report.chunks} chunks ({report.seconds:.1f} s)")
    else:
        print(
            f"indexed {report.documents} documents, {report.chunks} chunks ({report.encoded} encoded) "
            f"in {report.seconds:.1f} s"
        )
    return 0


def run_ask(options: argparse.Namespace) -> int:
    from app.assistant import Assistant

    settings = settings_of(options)
    if options.batch:
        return _ask_batch(settings, Path(options.batch), Path(options.out) if options.out else None)
    question = sys.stdin.read() if options.question == "-" else options.question
    if question is None:
        print("youju ask: give a question, or --batch FILE", file=sys.stderr)
        return 2
    answer = Assistant.open(settings).ask(question)
    print(json.dumps(answer.to_json(), ensure_ascii=False) if options.json else format_answer(answer))
    return 0


def _ask_batch(settings: Settings, batch: Path, out: Path | None) -> int:
    from app.assistant import Assistant

    rows = list(read_batch(batch))
    assistant = Assistant.open(settings)
    show = progress_bar("asking")
    lines = []
    for done, (row_id, question, history) in enumerate(rows, start=1):
        lines.append(json.dumps({**assistant.ask(question, history).to_json(), "id": row_id}, ensure_ascii=False))
        show(done, len(rows))
    text = "".join(line + "\n" for line in lines)
    if out is None:
        print(text, end="")
    else:
        out.write_text(text, encoding="utf-8")
        print(f"{len(lines)} answers in {out}")
    return 0


def read_batch(path: Path) -> Iterator[tuple[str, str, "tuple[Turn, ...]"]]:
    """Yield (id, question, history) of a batch file. Raises LoadError, which names the line."""
    from app.assistant import parse_history

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LoadError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            row_id, question = str(row["id"]), row["question"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise LoadError(f'{path} line {number} is not an object with "id" and "question"') from error
        yield row_id, question, parse_history(row.get("history"))


def run_search(options: argparse.Namespace) -> int:
    from app.assistant import Assistant
    from app.types import passage_json

    passages = Assistant.open(settings_of(options)).search(options.query)
    if options.json:
        print(json.dumps([passage_json(passage) for passage in passages], ensure_ascii=False))
        return 0
    for passage in passages:
        heading = " › ".join(passage.chunk.heading) or "–"
        print(f"{passage.rank:2}  {passage.score:6.2f}  {passage.chunk.id}  {heading}\n    {passage.chunk.text}\n")
    return 0


def run_serve(options: argparse.Namespace) -> int:
    from app.api import serve
    from app.assistant import Assistant

    settings = settings_of(options)
    serve(Assistant.open(settings), settings)
    return 0


def run_inspect(options: argparse.Namespace) -> int:
    from app.index import open_index

    settings = settings_of(options)
    index = open_index(Path(settings.index), settings.encoder)
    if options.document_id is None:
        for document in index.documents.values():
            count = sum(chunk.document_id == document.id for chunk in index.chunks)
            print(f"{document.id}\t{document.title}\t{len(document.text)} characters\t{count} chunks")
        return 0
    if options.document_id not in index.documents:
        raise LoadError(f"there is no document {options.document_id!r} in {settings.index}; youju inspect lists them")
    _print_document(index.documents[options.document_id], index.chunks)
    return 0


def _print_document(document: "Document", chunks: Sequence[Any]) -> None:
    print(f"{document.title}\n\nfields")
    for field in document.fields:
        print(f"  {field.span.start:6} {field.span.end:6}  {field.key}：{field.value}")
    print("\nsections")
    for section in document.sections:
        print(f"  {section.span.start:6} {section.span.end:6}  {'  ' * (len(section.path) - 1)}{section.path[-1]}")
    print("\nchunks")
    for chunk in chunks:
        if chunk.document_id == document.id:
            print(f"  {chunk.span.start:6} {chunk.span.end:6}  {' › '.join(chunk.heading)}\n    {chunk.text}")


def run_doctor(options: argparse.Namespace) -> int:
    from app.doctor import examine

    findings = list(examine(settings_of(options)))
    for finding in findings:
        print(f"{'ok  ' if finding.is_fine else 'FAIL'}  {finding.name}: {finding.text}")
    return 0 if all(finding.is_fine for finding in findings) else 1


def format_answer(answer: "Answer") -> str:
    """Return an answer for the terminal: the sentences, then the sources."""
    if answer.refusal:
        near = "".join(f"\n  · {question}" for question in answer.refusal.near)
        return answer.refusal.message + (f"\n可以这样问：{near}" if near else "")
    sources = [f"[{c.number}] {c.reference}\n    「{c.quote}」" for c in answer.citations]
    return answer.text.strip() + "\n\n" + "\n".join(sources)


def progress_bar(label: str, delay: float = 2.0) -> "Progress":
    """Return a callback that shows a bar on standard error once something has run for `delay` seconds."""
    from tqdm import tqdm

    bars: list[Any] = []

    def show(done: int, total: int) -> None:
        if not bars:
            bars.append(tqdm(total=total, desc=label, delay=delay, file=sys.stderr, leave=False))
        bars[0].update(done - bars[0].n)
        if done >= total:
            bars.pop().close()

    return show
