"""The command `youju`: build, ask, search, serve, inspect, doctor. Heavy imports wait until a command needs them."""

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import __version__
from app.config import Settings, load_settings
from app.errors import LoadError, NotFoundError, QuestionError, YouJuError

if TYPE_CHECKING:
    from app.assistant import Assistant
    from app.types import Answer, Chunk, Document, Progress, Turn


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 a user's error (one line), 2 wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character is no reason to stop
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except YouJuError as error:
        code = _complain(str(error), 1)
    except KeyboardInterrupt:
        code = _complain("interrupted", 130)
    except BrokenPipeError:
        stop_printing()
        code = 0
    sys.exit(code)


def stop_printing() -> None:
    """Send what is still to be printed nowhere: whoever read it has gone (`| head`)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: Sequence[str] | None) -> int:
    try:
        options = make_parser().parse_args(arguments)
    except SystemExit as stop:  # after --help, --version or wrong usage
        return int(stop.code or 0)
    code: int = options.run(options)
    return code


def _complain(message: str, code: int) -> int:
    """Print one line on standard error. Returns the exit code."""
    print(f"youju: {' '.join(message.split())}", file=sys.stderr)
    return code


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
    serve.add_argument("--root-path", metavar="PATH", help="path below which a proxy serves it, such as /qa")
    serve.add_argument("--trusted-proxies", metavar="LIST", help="addresses of proxies that are believed, with commas")
    serve.add_argument("--allowed-origins", metavar="LIST", help="sites that may embed the widget, with commas")

    inspect = _command(commands, "inspect", run_inspect, "show what was indexed: fields, sections, chunks with spans")
    inspect.add_argument("document_id", nargs="?", help="one document; without it, all are listed")

    llm = _command(commands, "llm", run_llm, "fetch a small language model that runs on this machine")
    llm.add_argument("action", choices=["pull"], help="fetch a model, checked by its hash; an interrupted pull goes on")
    llm.add_argument("name", nargs="?", default="1.5b", choices=["1.5b", "0.5b"], help="which (default: 1.5b, 1.1 GB)")

    _command(commands, "doctor", run_doctor, "check settings, encoder, index and language model, and say what to do")
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
    names = ("index", "answerer", "passages", "host", "port", "root_path", "trusted_proxies", "allowed_origins")
    return load_settings({name: getattr(options, name, None) for name in names})


def run_build(options: argparse.Namespace) -> int:
    from app.building import build

    report = build(settings_of(options), options.corpus or (), options.rebuild, progress_bar)
    for reason in report.skipped.values():
        _complain(f"skipped: {reason}", 0)
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

    if (options.question is None) == (options.batch is None):
        return _complain("give either a question or --batch FILE", 2)
    if options.out and not options.batch:
        return _complain("--out is where --batch writes its answers; give --batch FILE", 2)
    settings = settings_of(options)
    if options.batch:
        return _ask_batch(settings, Path(options.batch), Path(options.out) if options.out else None)
    question = _read_stdin() if options.question == "-" else options.question
    if len(question.strip()) > settings.max_question_chars:
        _complain(f"only the first {settings.max_question_chars} characters of the question are read", 0)
    answer = Assistant.open(settings).ask(question)
    print(json.dumps(answer.to_json(), ensure_ascii=False) if options.json else format_answer(answer))
    return 0


def _read_stdin() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise QuestionError("the question on standard input is not text in this terminal's encoding") from error


def _ask_batch(settings: Settings, batch: Path, out: Path | None) -> int:
    from app.assistant import Assistant

    rows = read_batch(batch)
    if out is not None and out.resolve() == batch.resolve():
        raise YouJuError(f"--out {out} is the file of the questions; name another")
    answers = _answers(Assistant.open(settings), rows)
    if out is None:
        for line in answers:
            print(line, flush=True)
        return 0
    try:
        with out.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in answers)
    except OSError as error:
        raise YouJuError(f"--out {out} cannot be written: {error.strerror}") from error
    print(f"{len(rows)} answers in {out}")
    return 0


def _answers(assistant: "Assistant", rows: "Sequence[BatchRow]") -> Iterator[str]:
    """Yield each answer as a line of JSON; a question that cannot be asked is refused, and the batch goes on."""
    show = progress_bar("asking")
    for done, row in enumerate(rows, start=1):
        try:
            answer = assistant.ask(row.question, row.history)
        except QuestionError as error:
            answer = assistant.decline(row.question, error)
        yield json.dumps({**answer.to_json(), "id": row.id}, ensure_ascii=False)
        show(done, len(rows))


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A question of a batch file, and the number of its line."""

    line: int
    id: str
    question: str
    history: "tuple[Turn, ...]"


def read_batch(path: Path) -> list[BatchRow]:
    """Read a batch file. Raises LoadError, which names the line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LoadError(f"{path} is not text in UTF-8") from error
    return [_batch_row(line, number, path) for number, line in enumerate(lines, start=1) if line.strip()]


def _batch_row(line: str, number: int, path: Path) -> BatchRow:
    from app.assistant import parse_history

    try:
        row = json.loads(line)
        if not isinstance(row["question"], str):
            raise TypeError
        return BatchRow(number, str(row["id"]), row["question"], parse_history(row.get("history")))
    except QuestionError as error:
        raise LoadError(f"{path} line {number}: {error}") from error
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise LoadError(f'{path} line {number} is not an object with "id" and "question"') from error


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
    from app.assistant import Assistant

    settings = settings_of(options)
    assistant = Assistant.open(settings)
    from app.api import serve  # seconds: what is wrong with the index is said before

    serve(assistant, settings)
    return 0


def run_inspect(options: argparse.Namespace) -> int:
    from app.stores import open_store, place_of

    settings = settings_of(options)
    store = open_store(settings, settings.encoder)
    if options.document_id is None:
        for document in store.documents.values():
            count = len(store.chunks_of(document.id))
            print(f"{document.id}\t{document.title}\t{len(document.text)} characters\t{count} chunks")
        return 0
    if options.document_id not in store.documents:
        raise NotFoundError(
            f"there is no document {options.document_id!r} in {place_of(settings)}; youju inspect lists them"
        )
    _print_document(store.documents[options.document_id], store.chunks_of(options.document_id))
    return 0


def _print_document(document: "Document", chunks: "Sequence[Chunk]") -> None:
    print(f"{document.title}\n\nfields")
    for field in document.fields:
        print(f"  {field.span.start:6} {field.span.end:6}  {field.key}：{field.value}")
    print("\nsections")
    for section in document.sections:
        print(f"  {section.span.start:6} {section.span.end:6}  {'  ' * (len(section.path) - 1)}{section.path[-1]}")
    print("\nchunks")
    for chunk in chunks:
        print(f"  {chunk.span.start:6} {chunk.span.end:6}  {' › '.join(chunk.heading)}\n    {chunk.text}")


def run_doctor(options: argparse.Namespace) -> int:
    from app.doctor import examine

    findings = list(examine(settings_of(options)))
    for finding in findings:
        print(f"{'ok  ' if finding.is_fine else 'FAIL'}  {finding.name}: {finding.text}")
    return 0 if all(finding.is_fine for finding in findings) else 1


def run_llm(options: argparse.Namespace) -> int:
    from app.llm.pull import pull

    settings = settings_of(options)
    file = pull(options.name, Path(settings.models), progress_bar(f"fetching {options.name}", delay=0))
    print(f"{file} is ready; use it with YOUJU_LLM=local:{options.name} YOUJU_ANSWERER=llm (needs the extra local-llm)")
    return 0


def format_answer(answer: "Answer") -> str:
    """Return an answer for the terminal: how the question was read, the sentences, the sources, a note."""
    above = f"理解为：{answer.understood_as}\n\n" if answer.understood_as else ""
    below = f"\n\n{answer.note}" if answer.note else ""
    return above + _format_body(answer) + below


def _format_body(answer: "Answer") -> str:
    if answer.refusal:
        near = "".join(f"\n  · {question}" for question in answer.refusal.near)
        return answer.refusal.message + (f"\n可以这样问：{near}" if near else "")
    sources = [f"[{c.number}] {c.reference}\n    「{c.quote}」" for c in answer.citations]
    return answer.text.strip() + "\n\n" + "\n".join(sources)


def progress_bar(label: str, delay: float = 2.0) -> "Progress":
    """Return a callback that shows a bar on standard error once something has run for `delay` seconds."""
    from tqdm import tqdm

    bar = tqdm(desc=label, delay=delay, file=sys.stderr, leave=False)

    def show(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done >= total:
            bar.close()

    return show
