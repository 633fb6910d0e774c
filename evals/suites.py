"""The question sets: the project's own, the public ones of a benchmark folder, or any in the same format."""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import YouJuError
from app.loading import find_sources, load_source
from app.types import Document
from evals.records import GoldQuestion

HERE = Path(__file__).parent
BENCHMARKS = ("ncp_dev", "cmrc2018", "drcd_refuse", "lecoqa_law")
OWN = "reply"
REFUSE = "REFUSE"
"""What stands for the answer of a question that the documents do not answer."""


class SuiteError(YouJuError):
    """A question set cannot be read; the message names the file and the line."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A corpus and the questions about it."""

    name: str
    corpus: Path
    questions: tuple[GoldQuestion, ...]

    def documents(self) -> dict[str, Document]:
        """Return the corpus's documents by id, as they are read for the index."""
        sources = find_sources(self.corpus)
        return {document.id: document for source in sources for document in load_source(source, max_mb=1000)}


def load_suite(name: str, benchmarks: Path, corpus: Path) -> Suite:
    """Return a suite by name. Raises SuiteError; for a benchmark that is absent the message says how to name its folder."""
    if name == OWN:
        return Suite(name, corpus, tuple(read_questions(HERE / "questions" / "reply.jsonl")))
    if name not in BENCHMARKS:
        raise SuiteError(f"there is no suite {name!r}; known are {OWN}, {', '.join(BENCHMARKS)}")
    passages = benchmarks / f"{name}.passages.jsonl.gz"
    if not passages.is_file():
        raise SuiteError(f"{name} is not in {benchmarks}; name the folder of the question sets: YOUJU_BENCHMARKS=DIR")
    return Suite(name, passages, tuple(read_questions(benchmarks / f"{name}.questions.jsonl.gz")))


def custom_suite(name: str, passages: Path, questions: Path) -> Suite:
    """Return a suite of two files: passages `{"id", "title", "text"}` and questions in either format, a line each."""
    if not passages.is_file():
        raise SuiteError(f"{passages} does not exist")
    return Suite(name, passages, tuple(read_questions(questions)))


def plain_suite(folder: Path, corpus: Path) -> Suite:
    """Return a suite of a folder: its text files, or `corpus` where it has none, and questions.tsv.

    A line holds a question, behind >> of the questions before it, and what its answer must hold, several parts with
    commas, or REFUSE. Raises SuiteError.
    """
    path = folder / "questions.tsv"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"{path} cannot be read: {error}") from error
    questions = tuple(_plain_question(line, number, path.name) for number, line in enumerate(lines, start=1))
    has_own = any(file.suffix in (".txt", ".md") for file in folder.iterdir())
    return Suite(f"{folder.parent.name}/{folder.name}", folder if has_own else corpus, questions)


def _plain_question(line: str, number: int, place: str) -> GoldQuestion:
    asked, tab, wanted = line.partition("\t")
    if not (asked and tab and wanted):
        raise SuiteError(f"{place} line {number} is malformed: a question, a tab and its answer are expected")
    *earlier, question = asked.split(">>")
    is_answerable = wanted != REFUSE
    parts = tuple((part,) for part in wanted.split(",")) if is_answerable else ()
    kind = "question" if is_answerable else "unanswerable"
    return GoldQuestion(str(number), question, kind, is_answerable, tuple(earlier), parts)


def read_questions(path: Path) -> Iterator[GoldQuestion]:
    """Yield the questions of a file. Raises SuiteError for a malformed line or an id given twice."""
    seen: set[str] = set()
    opener = gzip.open if path.name.endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                question = _question(line, f"{path.name} line {number}")
                if question.id in seen:
                    raise SuiteError(f"{path.name} line {number}: id {question.id!r} was given before")
                seen.add(question.id)
                yield question
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise SuiteError(f"{path} cannot be read: {error}") from error


def _question(line: str, place: str) -> GoldQuestion:
    try:
        row = json.loads(line)
        return GoldQuestion(
            id=str(row["id"]),
            question=_text(row["question"]),
            kind=row.get("kind", "question" if row["answerable"] else "unanswerable"),
            answerable=_truth(row["answerable"]),
            history=tuple(map(_text, row.get("history", ()))),
            answers=_parts(row),
            evidence=tuple(map(_text, row.get("evidence", ()))),
            positive=tuple(map(str, row.get("positive", ()))),
        )
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SuiteError(f"{place} is malformed: {type(error).__name__} {error}") from error


def _parts(row: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """Return the required parts of an answer; a plain list of strings is one part with alternatives."""
    answers = row.get("answers", [])
    if answers and all(isinstance(answer, str) for answer in answers):
        return (tuple(answers),) if row["answerable"] else ()
    return tuple(tuple(map(_text, part)) for part in answers)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a string, not {value!r}")
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"answerable must be true or false, not {value!r}")
    return value


def misplaced_evidence(suite: Suite) -> list[str]:
    """Return a line for each quote that no document holds exactly."""
    texts = [document.text for document in suite.documents().values()]
    return [
        f"{question.id}: not in the document: {quote}"
        for question in suite.questions
        for quote in question.evidence
        if not any(quote in text for text in texts)
    ]


def slice_of(suite: Suite, count: int, folder: Path, distractors: int = 150) -> Suite:
    """Return a small fixed part of a bulk suite: every n-th question, their passages and some others as distractors.

    The passages are written to a file in `folder`, so that the part has a corpus of its own.
    """
    questions = suite.questions[:: max(1, len(suite.questions) // count)][:count]
    wanted = {document_id for question in questions for document_id in question.positive}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{suite.name}.jsonl"
    others = 0
    with gzip.open(suite.corpus, "rt", encoding="utf-8") as source, path.open("w", encoding="utf-8") as target:
        for line in source:
            is_wanted = json.loads(line)["id"] in wanted
            others += not is_wanted
            if is_wanted or others <= distractors:
                target.write(line)
    return Suite(f"{suite.name}-slice", path, questions)
