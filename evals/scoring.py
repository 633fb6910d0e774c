"""An answer and what it should have been → the figures of one question, and what went wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.types import Document
from evals import metrics
from evals.records import GoldQuestion, Record

Interval = tuple[int, int]

ERROR, FALSE_ANSWER, FALSE_REFUSAL = "error", "false answer", "false refusal"
RETRIEVAL_MISS, WRONG_SENTENCE, WRONG_FIGURE = "retrieval miss", "wrong sentence", "wrong figure"
NEXT_TO = 10
"""Ranking is measured over the first ten passages."""


def score(
    gold: GoldQuestion, answer: Mapping[str, Any] | None, error: str, documents: Mapping[str, Document]
) -> Record:
    """Return the record of one answer; each figure is from 0 to 1, higher is better, but characters and milliseconds."""
    if answer is None:
        return Record(gold, None, error, {"correct": 0.0}, ERROR)
    figures = {
        "milliseconds": float(answer["timings_ms"]["total"]),
        "confidence": float(answer.get("confidence", 0.0)),
        "refused": float(answer["status"] == "refused"),
        "quotes": _quotes_are_exact(answer, documents),
    }
    if gold.answerable:
        figures |= _ranking(gold, answer, documents) | _answer_figures(gold, answer, documents)
    else:
        figures["correct"] = figures["refused"]
    if answer["sentences"]:
        figures["p2"] = _supported_share(answer)
        figures["characters"] = float(len(shown(answer)))
    figures |= _writing(answer)
    return Record(gold, answer, "", figures, _fault(gold, answer, figures))


def _writing(answer: Mapping[str, Any]) -> dict[str, float]:
    """Return what a language model did for an answer; nothing where none was asked."""
    read = answer.get("tokens", {}).get("read", 0)
    if not read:
        return {}
    is_written = answer["answerer"] == "llm"
    kept, dropped = len(answer["sentences"]) if is_written else 0, len(answer["dropped"])
    figures = {
        "written": float(is_written),
        "tokens read": float(read),
        "tokens written": float(answer["tokens"]["written"]),
    }
    if kept + dropped:
        figures["kept"] = kept / (kept + dropped)
    if "first" in answer["timings_ms"]:
        figures["first ms"] = float(answer["timings_ms"]["first"])
    return figures


def shown(answer: Mapping[str, Any]) -> str:
    """Return the sentences of an answer as one text."""
    return "".join(sentence["text"] for sentence in answer["sentences"])


def short_answer(answer: Mapping[str, Any]) -> str:
    """Return what is highlighted; all that is shown where nothing is."""
    highlights = [text for sentence in answer["sentences"] for text in sentence["highlights"]]
    return "".join(highlights) or shown(answer)


def evidence_spans(gold: GoldQuestion, documents: Mapping[str, Document]) -> dict[str, list[Interval]]:
    """Return where the evidence of a question stands, by document; a quote counts wherever it occurs."""
    spans: dict[str, list[Interval]] = {}
    for document in documents.values() if gold.evidence else ():
        for quote in gold.evidence:
            start = document.text.find(quote)
            if start >= 0:
                spans.setdefault(document.id, []).append((start, start + len(quote)))
    return spans


def _ranking(gold: GoldQuestion, answer: Mapping[str, Any], documents: Mapping[str, Document]) -> dict[str, float]:
    """Return the ranking figures: over documents where the set names them, else over the quotes of the evidence."""
    if gold.positive:
        ranked = [passage["document_id"] for passage in answer["passages"]]
        relevant = set(gold.positive)
    else:
        spans = evidence_spans(gold, documents)
        ranked = [_evidence_in(passage, spans) or passage["chunk_id"] for passage in answer["passages"]]
        relevant = {f"{key}:{start}" for key, found in spans.items() for start, _ in found}
        relevant = set(_first_of_each(ranked, relevant)) or relevant
    return {
        "s@1": metrics.success_at(ranked, relevant, 1),
        "s@5": metrics.success_at(ranked, relevant, 5),
        "r@10": metrics.recall_at(ranked, relevant, NEXT_TO),
        "mrr": metrics.reciprocal_rank(ranked, relevant),
        "ndcg@10": metrics.ndcg_at(ranked, relevant, NEXT_TO),
    }


def _evidence_in(passage: Mapping[str, Any], spans: Mapping[str, Sequence[Interval]]) -> str:
    """Return the name of the first piece of evidence that a passage overlaps, or nothing."""
    for start, end in spans.get(passage["document_id"], ()):
        if start < passage["end"] and passage["start"] < end:
            return f"{passage['document_id']}:{start}"
    return ""


def _first_of_each(ranked: Sequence[str], relevant: set[str]) -> list[str]:
    return [name for name in dict.fromkeys(ranked) if name in relevant]


def _answer_figures(
    gold: GoldQuestion, answer: Mapping[str, Any], documents: Mapping[str, Document]
) -> dict[str, float]:
    text, short = shown(answer), short_answer(answer)
    is_answered = answer["status"] == "answered"
    alternatives = ["".join(part[0] for part in gold.answers)] if len(gold.answers) > 1 else list(gold.answers[0])
    holds = metrics.contains(text, gold.answers)
    precision, recall = _citation_figures(gold, answer, documents)
    figures = {
        "contains": holds,
        "cited": float(recall > 0),
        "correct": float(bool(holds) and recall > 0),
        "exact match": metrics.exact_match(short, alternatives),
        "short f1": metrics.char_f1(short, alternatives),
        "f1": metrics.char_f1(text, alternatives),
        "rouge-l": metrics.rouge_l(text, alternatives),
    }
    figure_share = metrics.figure_accuracy(text, gold.answers)
    if figure_share is not None:
        figures["figures"] = figure_share
    if is_answered:
        figures |= {"citation precision": precision, "citation recall": recall}
    return figures


def _citation_figures(
    gold: GoldQuestion, answer: Mapping[str, Any], documents: Mapping[str, Document]
) -> tuple[float, float]:
    """Return precision and recall of the citations; by document where the set gives no quotes."""
    cited = [(c["document_id"], c["start"], c["end"]) for c in answer["citations"]]
    if not cited:
        return 0.0, 0.0
    if gold.positive:
        right = [document_id in gold.positive for document_id, _, _ in cited]
        return sum(right) / len(right), float(any(right))
    spans = evidence_spans(gold, documents)
    flat = [(f"{key}", start, end) for key, found in spans.items() for start, end in found]
    keys = {key for key, _, _ in [*cited, *flat]}
    by_key = [
        ([(a, b) for k, a, b in cited if k == key], [(a, b) for k, a, b in flat if k == key]) for key in sorted(keys)
    ]
    precise = sum(metrics.citation_precision(c, e) * len(c) for c, e in by_key if c) / len(cited)
    covered = sum(metrics.citation_recall(c, e) * len(e) for c, e in by_key if e) / max(1, len(flat))
    return precise, covered


def _quotes_are_exact(answer: Mapping[str, Any], documents: Mapping[str, Document]) -> float:
    """Return 1 if every citation is, to the letter, what its document says there (promise P1)."""
    return float(
        all(
            citation["document_id"] in documents
            and documents[citation["document_id"]].text[citation["start"] : citation["end"]] == citation["quote"]
            for citation in answer["citations"]
        )
    )


def _supported_share(answer: Mapping[str, Any]) -> float:
    """Return 1 if each sentence is supported by what it cites itself (promise P2)."""
    quotes = {citation["number"]: citation["quote"] for citation in answer["citations"]}
    return float(
        all(
            metrics.supported(sentence["text"], [quotes.get(number, "") for number in sentence["citations"]])
            for sentence in answer["sentences"]
        )
    )


def _fault(gold: GoldQuestion, answer: Mapping[str, Any], figures: Mapping[str, float]) -> str:
    """Name what went wrong; nothing if the answer is right."""
    if figures["correct"]:
        return ""
    if not gold.answerable:
        return FALSE_ANSWER
    if not figures["r@10"]:
        return RETRIEVAL_MISS
    if answer["status"] == "refused":
        return FALSE_REFUSAL
    has_wrong_figure = figures.get("figures", 1.0) < 1.0 and figures["cited"]
    return WRONG_FIGURE if has_wrong_figure else WRONG_SENTENCE
