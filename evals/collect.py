"""From use to evals: what was down-voted or refused becomes rows of a question set, for a person to accept."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from app.errors import YouJuError
from app.feedback import Candidate, FeedbackStore


def collect(store: Path, out: Path) -> str:
    """Write the candidates of a feedback file as JSON lines, the oldest first. Returns a line that says how many.

    A row has the form of questions/reply.jsonl. `answerable` is null until a person decides it; `answer` is what was
    shown, `evidence` what it cited, `note` what the reader said. Raises FeedbackError, YouJuError if `out` can't be written.
    """
    candidates = FeedbackStore(store).candidates()
    rows = list(_rows(candidates))
    try:
        out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    except OSError as error:
        raise YouJuError(f"{out} cannot be written: {error.strerror}") from error
    down = sum(candidate.is_down for candidate in candidates)
    return f"{len(rows)} candidates in {out} (down-voted: {down}, refused: {len(candidates) - down})"


def _rows(candidates: Sequence[Candidate]) -> Iterator[dict[str, Any]]:
    """Yield a row for each question with its history; where it was asked several times, with the latest answer to it."""
    alike: dict[tuple[str, tuple[str, ...]], list[Candidate]] = {}
    for candidate in candidates:
        alike.setdefault((candidate.question, candidate.history), []).append(candidate)
    for (question, history), same in alike.items():
        yield {
            "id": _id(question, history),
            "question": question,
            "history": list(history),
            "answers": [],
            "evidence": list(dict.fromkeys(quote for candidate in same for quote in candidate.quotes)),
            "kind": "collected",
            "answerable": None,
            "note": "; ".join(dict.fromkeys(map(_note, same))),
            "answer": same[-1].shown,
        }


def _id(question: str, history: tuple[str, ...]) -> str:
    """Return an id that stays the same when more is collected."""
    asked = json.dumps([question, *history], ensure_ascii=False)
    return f"use-{hashlib.sha256(asked.encode()).hexdigest()[:10]}"


def _note(candidate: Candidate) -> str:
    if candidate.is_down:
        return f"down: {candidate.note}" if candidate.note else "down"
    return f"refused: {candidate.note}"
