"""Asks every question of a suite through the one public call, keeps what was answered, and goes on after a break."""

import hashlib
import json
import os
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.assistant import Assistant, parse_history
from app.building import build
from app.config import Settings
from app.types import Progress
from evals.records import GoldQuestion, Record
from evals.report.run import Run
from evals.scoring import score
from evals.suites import Suite
from evals.summary import curve, reliability, summarise

WORK = Path(".evals")
"""Indexes and answers of earlier runs, by content; safe to delete."""

Ask = Callable[[GoldQuestion], Mapping[str, Any]]
"""Question → the contract's Answer JSON; may raise."""


def open_local(suite: Suite, settings: Settings, report: Callable[[str], Progress]) -> Ask:
    """Build the suite's index, unless it stands, and return a way to ask it. Only `Assistant.ask` is called."""
    index = WORK / "index" / f"{suite.name}-{_digest(str(suite.corpus.resolve()).encode())}"
    opened = Settings(
        **{**asdict(settings), "corpus": str(suite.corpus), "index": str(index), "index_url": "", "max_file_mb": 1000.0}
    )
    build(opened, report=report)
    assistant = Assistant.open(opened)
    return lambda gold: assistant.ask(gold.question, parse_history(gold.history)).to_json()


def open_remote(url: str) -> Ask:
    """Return a way to ask a running server; its index must hold the suite's corpus."""

    def ask(gold: GoldQuestion) -> Mapping[str, Any]:
        body = json.dumps({"question": gold.question, "history": list(gold.history)}).encode()
        request = urllib.request.Request(f"{url.rstrip('/')}/api/ask", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as reply:
            answer: Mapping[str, Any] = json.load(reply)
        return answer

    return ask


def run_suite(
    suite: Suite,
    ask: Ask,
    conditions: Mapping[str, Any],
    *,
    limit: int | None = None,
    progress: Progress | None = None,
    resume: bool = True,
) -> Run:
    """Answer, score and summarise a suite. Answers of an interrupted run under the same conditions are taken over.

    Without `resume` all are asked anew: of a running server it is not known what changed in it.

    An answerer that raises counts as an error of that question; the run goes on.
    """
    questions = suite.questions[:limit]
    kept = WORK / "runs" / f"{suite.name}-{_digest(_run_key(suite, conditions))}.jsonl"
    known = dict(_kept_answers(kept)) if resume else {}
    kept.parent.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with kept.open("a", encoding="utf-8") as file:
        for done, gold in enumerate(questions, start=1):
            if gold.id not in known:
                known[gold.id] = _ask_once(ask, gold)
                answer, error = known[gold.id]
                file.write(json.dumps({"id": gold.id, "answer": answer, "error": error}, ensure_ascii=False) + "\n")
                file.flush()
            if progress:
                progress(done, len(questions))
    seconds = time.perf_counter() - started
    documents = suite.documents()
    records = tuple(score(gold, *known[gold.id], documents) for gold in questions)
    return Run(
        suite=suite.name,
        manifest={**conditions, "seconds": round(seconds, 1), "cores": os.cpu_count(), "questions": len(records)},
        records=records,
        summary=summarise(records),
        curve=curve(records),
        reliability=reliability(records),
        contexts={key: document.text for key, document in documents.items() if key in _cited(records)},
    )


def _cited(records: Sequence[Record]) -> set[str]:
    """Return the ids of the documents that any answer cites."""
    answers = [record.answer for record in records if record.answer]
    return {citation["document_id"] for answer in answers for citation in answer["citations"]}


def _ask_once(ask: Ask, gold: GoldQuestion) -> tuple[Mapping[str, Any] | None, str]:
    try:
        return ask(gold), ""
    except Exception as error:  # noqa: BLE001 - whatever one answer raises is a finding, not the end of the run
        return None, f"{type(error).__name__}: {error}"


def _kept_answers(path: Path) -> Iterator[tuple[str, tuple[Mapping[str, Any] | None, str]]]:
    """Yield the answers of an earlier run; what failed, or was cut off in writing, is asked again."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if not row["error"]:
            yield row["id"], (row["answer"], "")


def _run_key(suite: Suite, conditions: Mapping[str, Any]) -> bytes:
    questions = [asdict(question) for question in suite.questions]
    return json.dumps([suite.name, questions, conditions], sort_keys=True, ensure_ascii=False, default=str).encode()


def code_fingerprint() -> str:
    """Identify the engine: a hash of every file of the package app but its pages and models."""
    root = Path(__file__).parent.parent / "app"
    files = [path for path in sorted(root.rglob("*")) if path.suffix in (".py", ".txt", ".tsv", ".toml", ".onnx")]
    return _digest(b"".join(path.read_bytes() for path in files))


def conditions_of(settings: Settings, suite: Suite, url: str = "") -> dict[str, Any]:
    """Return what an answer depends on: settings, engine, corpus."""
    relevant = {"encoder", "reader", "answerer", "passages", "dense_weight", "max_question_chars"}
    if settings.answerer == "llm":
        relevant |= {"llm", "llm_model", "llm_seconds", "llm_max_tokens"}
    values: dict[str, Any] = {name: value for name, value in asdict(settings).items() if name in relevant}
    corpus = [suite.corpus] if suite.corpus.is_file() else sorted(p for p in suite.corpus.rglob("*") if p.is_file())
    digest = _digest(b"".join(path.read_bytes() for path in corpus))
    return values | {"engine": url or code_fingerprint(), "corpus": digest}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
