"""Each question as the page's script needs it: plain lists and mappings, texts uncut and unescaped."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.types import Span
from evals.records import Record
from evals.report.excerpts import Evidence, Excerpt, Mark, find_evidence
from evals.report.glossary import FAULTS, KINDS, sort_names, term_of
from evals.report.run import Run, is_right, milliseconds_of, state_of

PASSAGE_CHARS = 400
"""Characters of a passage on the page; the JSON report has them all."""


def page_content(run: Run) -> dict[str, Any]:
    """Return the questions, the passages they share (each once) and the names of what is shown."""
    found = [passage for record in run.records for passage in (record.answer or {}).get("passages", ())]
    unique = {_key(passage): passage for passage in found}
    places = {key: place for place, key in enumerate(unique)}
    names = sort_names({name for record in run.records for name in record.figures})
    return {
        "passages": [_passage_text(passage) for passage in unique.values()],
        "terms": {name: [f"{(term := term_of(name)).chinese} {term.english}", term.meaning] for name in names},
        "faults": {name: list(texts) for name, texts in FAULTS.items()},
        "kinds": KINDS,
        "rows": [_row(record, run.contexts, places, names) for record in run.records],
    }


def _key(passage: Mapping[str, Any]) -> tuple[str, str]:
    return passage["document_id"], passage["chunk_id"]


def _passage_text(passage: Mapping[str, Any]) -> dict[str, Any]:
    text = passage["text"]
    return {
        "document": passage["document_id"],
        "heading": " › ".join(passage["heading"]),
        "text": text if len(text) <= PASSAGE_CHARS else f"{text[:PASSAGE_CHARS]}…",
    }


def _row(
    record: Record, contexts: Mapping[str, str], places: Mapping[tuple[str, str], int], names: Sequence[str]
) -> dict[str, Any]:
    gold, answer = record.gold, record.answer or {}
    evidence = find_evidence(record, contexts)
    refusal = answer.get("refusal") or {}
    return {
        "id": gold.id,
        "question": gold.question,
        "history": gold.history,
        "kind": gold.kind,
        "answerable": gold.answerable,
        "gold": gold.answers,
        "state": state_of(record),
        "fault": record.fault,
        "right": is_right(record),
        "score": _confidence(answer),
        "ms": milliseconds_of(record),
        "message": record.error or refusal.get("message", ""),
        "sentences": [_sentence(sentence) for sentence in answer.get("sentences", ())],
        "excerpts": [_excerpt(excerpt, answer) for excerpt in evidence.excerpts],
        "passages": _ranking(record, evidence, places),
        "figures": [[name, term_of(name).show_one(record.figures[name])] for name in names if name in record.figures],
        "timings": answer.get("timings_ms", {}),
    }


def _confidence(answer: Mapping[str, Any]) -> float | None:
    """Return how sure the answer was; where it does not say, the score of its best citation."""
    scores = [citation["score"] for citation in answer.get("citations", ())]
    confidence: float | None = answer.get("confidence", max(scores, default=None))
    return confidence


def _sentence(sentence: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "parts": split_highlights(sentence["text"], sentence["highlights"]),
        "numbers": sentence["citations"],
        "verified": sentence["verified"],
    }


def split_highlights(text: str, highlights: Sequence[str]) -> list[tuple[str, bool]]:
    """Cut a sentence into parts, and tell which of them are highlights; longer ones win."""
    wanted = sorted(filter(None, highlights), key=len, reverse=True)
    if not wanted:
        return [(text, False)]
    parts = re.split(f"({'|'.join(map(re.escape, wanted))})", text)
    return [(part, bool(number % 2)) for number, part in enumerate(parts) if part]


def _excerpt(excerpt: Excerpt, answer: Mapping[str, Any]) -> dict[str, Any]:
    numbers = excerpt.numbers
    references = [
        citation["reference"] or citation["title"]
        for citation in answer.get("citations", ())
        if citation["number"] in numbers
    ]
    return {
        "where": list(dict.fromkeys(references)) or [excerpt.document_id],
        "numbers": numbers,
        "parts": [[part.text, part.numbers, part.is_gold] for part in excerpt.parts],
        "note": excerpt.note,
    }


def _ranking(record: Record, evidence: Evidence, places: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
    """Return what retrieval found, best first, and which of it is gold or was cited."""
    return [
        {
            "text": places[_key(passage)],
            "rank": passage["rank"],
            "score": passage["score"],
            "gold": _is_gold(passage, record, evidence),
            "numbers": sorted({mark.number for mark in evidence.marks if mark.number and _touches(mark, passage)}),
        }
        for passage in (record.answer or {}).get("passages", ())
    ]


def _is_gold(passage: Mapping[str, Any], record: Record, evidence: Evidence) -> bool:
    if not record.gold.evidence:
        return passage["document_id"] in record.gold.positive
    return any(not mark.number and _touches(mark, passage) for mark in evidence.marks)


def _touches(mark: Mark, passage: Mapping[str, Any]) -> bool:
    span = Span(passage["start"], passage["end"])
    return mark.source.document_id == passage["document_id"] and mark.span.overlaps(span)
