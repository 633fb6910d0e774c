"""Runs of the evals without an engine: questions of every fate, answered by the stand-in for the assistant."""

from collections.abc import Mapping
from typing import Any

from evals.records import GoldQuestion, Record, Summary
from evals.report import Run
from tests.fake_assistant import FUND, TALENT, TEXT, FakeAssistant, make_document

HOSTILE = "</script><img src=x onerror=\"document.title='hacked'\"><!-- ${1} &amp; 資助\u2028"
MANIFEST = {
    "encoder": "hashing",
    "date": "2025-01-02",
    "seconds": 1.5,
    "cores": 2,
    "command": "python -m evals run <x>",
}
SUMMARY = {
    "correct": Summary(0.5, 0.2, 0.8, 4),
    "s@1": Summary(0.75, 0.5, 1.0, 4),
    "mrr": Summary(0.8125, 0.6, 0.9, 4),
    "p95 ms": Summary(12.34, 12.34, 12.34, 6),
    "errors": Summary(1, 1, 1, 6),
    "house rule": Summary(0.25, float("nan"), float("nan"), 6),
}


def ask(question: str, document_text: str = TEXT) -> dict[str, Any]:
    """Return the contract's JSON of an answer, which is surer than a refusal."""
    answer = FakeAssistant([make_document(text=document_text)]).ask(question).to_json()
    return answer | {"confidence": 0.8 if answer["status"] == "answered" else 0.1}


def make_record(
    name: str,
    question: str,
    kind: str,
    *,
    fault: str = "",
    evidence: tuple[str, ...] = (TALENT,),
    history: tuple[str, ...] = (),
    figures: Mapping[str, float] | None = None,
) -> Record:
    """Return the record of a question as the stand-in answers it; one that asks nothing of it was an error."""
    gold = GoldQuestion(
        name, question, kind, bool(evidence), history, (("1万余人", "1 万余人"),) * bool(evidence), evidence
    )
    answer = None if fault == "error" else ask(question)
    error = "" if answer else "ValueError: 坏了 <b>"
    return Record(gold, answer, error, figures or {"correct": float(not fault), "milliseconds": 2.0}, fault)


RECORDS = (
    make_record("fig-1", "四类计划资助了多少人？", "figure"),
    make_record(
        "fig-2",
        "基金总规模多大？",
        "two_part",
        fault="wrong sentence",
        evidence=(TALENT, FUND),
        history=("四类计划资助了多少人？",),
    ),
    make_record("para-1", "花了多少钱？", "paraphrase", fault="false refusal"),
    make_record("near-1", "广东省的电话是多少？", "near_miss", evidence=()),
    make_record("near-2", "2019 年资助了多少人？", "near_miss", fault="false answer", evidence=()),
    make_record("err-1", "人才 ＡＢＣ", "figure", fault="error"),
)


def make_run(records: tuple[Record, ...] = RECORDS, **changes: Any) -> Run:
    """Return a run with something in every part."""
    parts: dict[str, Any] = {
        "suite": "答复 reply",
        "manifest": MANIFEST,
        "records": records,
        "summary": SUMMARY,
        "curve": ((0.2, 1.0), (0.5, 0.8), (1.0, 0.5)),
        "reliability": ((0.25, 0.5, 2), (0.9, 1.0, 4)),
        "contexts": {"reply": TEXT},
    }
    return Run(**{**parts, **changes})


def make_hostile_run() -> Run:
    """Return a run in which every text that comes from outside tries to become markup."""
    document = f"{TEXT}\n{HOSTILE}"
    gold = GoldQuestion(HOSTILE, f"资助{HOSTILE}", HOSTILE, True, (HOSTILE,), ((HOSTILE,),), (HOSTILE,))
    answer = ask(f"资助{HOSTILE}", document)
    answer["sentences"][0]["highlights"].append(HOSTILE)
    answer["citations"][0] |= {"reference": HOSTILE, "title": HOSTILE}
    answer["passages"][0] |= {"heading": [HOSTILE], "text": HOSTILE, "chunk_id": HOSTILE}
    records = (
        Record(gold, answer, "", {HOSTILE: 1.0}, HOSTILE),
        Record(gold, None, HOSTILE, {}, "error"),
        Record(gold, ask(HOSTILE.replace("資助", "")) | {"status": "refused"}, "", {}, ""),
    )
    summary = {HOSTILE: Summary(0.5, 0.4, 0.6, 3)}
    return make_run(records, suite=HOSTILE, manifest={HOSTILE: HOSTILE}, summary=summary, contexts={"reply": document})
