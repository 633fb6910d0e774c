"""`python -m evals readings`: write down what the reader is given for questions on whole documents, to train it on.

Of each question the passages that it reads, what it thought likeliest first, and which of them answers.
"""

import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.answering.matching import squeeze
from app.assistant import Assistant
from app.building import build
from app.config import Settings
from app.encoders import load_encoder
from app.errors import YouJuError
from app.reader import load_reader
from app.stores import open_store
from app.types import Answer, Reader, Reading, Turn
from evals.records import GoldQuestion
from evals.suites import Suite

CHANCE, FEW = 5, 3
"""An answer with fewer characters than the first may stand in another passage by chance; one that stands in more places than
the second is marked in none."""


class RecordingReader:
    """A reader that keeps what it was given last, and what it said."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.question = ""
        self.passages: Sequence[tuple[str, str]] = ()
        self.readings: tuple[Reading, ...] = ()

    def read(self, question: str, passages: Sequence[tuple[str, str]]) -> tuple[Reading, ...]:
        """Read passages and keep them."""
        self.question, self.passages = question, passages
        self.readings = self._reader.read(question, passages)
        return self.readings


def write_readings(suites: Sequence[Suite], settings: Settings, out: Path) -> str:
    """Ask the questions of suites and write a row of each suite. Returns one line: how many, and how many were left out."""
    reader = load_reader(settings.reader, settings.threads)
    if reader is None:
        raise YouJuError("the setting reader is empty, so that nothing is read")
    recording, kept, left = RecordingReader(reader), 0, 0
    with out.open("w", encoding="utf-8") as file:
        for suite in suites:
            rows = list(_ask(suite, settings, recording))
            passages = list(dict.fromkeys(passage for row in rows for passage in (row["passages"] if row else ())))
            asked = [{**row, "passages": [passages.index(p) for p in row["passages"]]} for row in rows if row]
            file.write(
                json.dumps({"suite": suite.name, "passages": passages, "questions": asked}, ensure_ascii=False) + "\n"
            )
            kept, left = kept + len(asked), left + len(rows) - len(asked)
    return f"{out}: {kept} questions; {left} left out, for no passage that is read answers them for sure"


def _ask(suite: Suite, settings: Settings, recording: RecordingReader) -> Iterator[dict[str, Any] | None]:
    with tempfile.TemporaryDirectory() as folder:
        own = replace(settings, corpus=str(suite.corpus), index=folder)
        build(own)
        encoder = load_encoder(own.encoder, threads=own.threads)
        assistant = Assistant(own, open_store(own, encoder.name, encoder.fingerprint), encoder, reader=recording)
        for gold in suite.questions:
            history = [Turn(text, assistant.ask(text).text) for text in gold.history]
            recording.passages = recording.readings = ()  # What is asked twice is not read twice.
            answer = assistant.ask(gold.question, history)
            yield _row(gold, answer, recording) if recording.passages else None


def _row(gold: GoldQuestion, answer: Answer, recording: RecordingReader) -> dict[str, Any] | None:
    """Return a question as it was read, its passages, the number of the one that answers (None: none does), the others that
    hold the answer too, and its offsets; None if it cannot be told which passage answers."""
    by_logit = sorted(zip(recording.readings, recording.passages, strict=True), key=lambda pair: -pair[0].answerable)
    passages = [passage for _, passage in by_logit]
    row = {"question": recording.question, "passages": passages, "own": None, "also": [], "spans": []}
    if not gold.answerable:
        return row
    parts = [part for (part,) in gold.answers]
    holding = [n for n, (_, text) in enumerate(passages) if all(_places(part, text) for part in parts)]
    quotes = [squeeze(citation.quote) for citation in answer.citations]
    is_right = answer.status == "answered" and all(squeeze(part) in squeeze(answer.text) for part in parts)
    shown = [n for n in holding if is_right and any(quote in squeeze(passages[n][1]) for quote in quotes)]
    is_sure = len(holding) == 1 or sum(map(len, parts)) >= CHANCE
    own = next(iter(shown or (holding if is_sure else ())), None)
    if own is None:
        return None
    spans = _places(parts[0], passages[own][1]) if len(parts) == 1 else []
    return {**row, "own": own, "also": [n for n in holding if n != own], "spans": spans if len(spans) <= FEW else []}


def _places(part: str, text: str) -> list[tuple[int, int]]:
    """Return where a part of an answer stands in a text, whatever spaces are between its characters."""
    return [match.span() for match in re.finditer(r"\s*".join(map(re.escape, squeeze(part))), text)]
