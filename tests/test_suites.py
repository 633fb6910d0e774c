"""Question sets: read, checked, cut to slices; wrong rows are named."""

import gzip
import json
from pathlib import Path

import pytest

from evals.records import GoldQuestion
from evals.suites import SuiteError, custom_suite, load_suite, misplaced_evidence, read_questions, slice_of

ROOT = Path(__file__).parent.parent
ROW = {
    "id": "1",
    "question": "多大？",
    "answers": [["100亿元"]],
    "evidence": ["100 亿元"],
    "kind": "figure",
    "answerable": True,
}


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_reply_has_enough_questions_of_each_kind_with_exact_evidence() -> None:
    suite = load_suite("reply", Path("nowhere"), ROOT / "corpus")
    answerable = [question for question in suite.questions if question.answerable]
    assert len(answerable) >= 150
    assert len(suite.questions) - len(answerable) >= 45
    assert misplaced_evidence(suite) == []
    assert all(question.answers and question.evidence for question in answerable)


def test_reads_parts_alternatives_and_history(tmp_path: Path) -> None:
    row = ROW | {"history": ["基金是谁设立的？"], "answers": [["甲", "乙"], ["丙"]]}
    (question,) = read_questions(write(tmp_path / "q.jsonl", row))
    assert question == GoldQuestion(
        "1", "多大？", "figure", True, ("基金是谁设立的？",), (("甲", "乙"), ("丙",)), ("100 亿元",)
    )


def test_reads_the_format_of_public_sets(tmp_path: Path) -> None:
    row = {"id": "a", "question": "谁？", "answers": ["甲", "某甲"], "positive": ["p1"], "answerable": True}
    (question,) = read_questions(write(tmp_path / "q.jsonl", row))
    assert question.answers == (("甲", "某甲"),)
    assert question.positive == ("p1",)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"question": "x", "answerable": True}, "'id'"),
        (ROW | {"answerable": "yes"}, "true or false"),
        (ROW | {"question": 3}, "expected a string"),
        (ROW | {"answers": [[1]]}, "expected a string"),
        ("text", "malformed"),
        ([], "malformed"),
    ],
)
def test_a_malformed_row_is_named_with_its_line(row: object, words: str, tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"q\.jsonl line 2") as caught:
        list(read_questions(write(tmp_path / "q.jsonl", ROW | {"id": "0"}, row)))
    assert words in str(caught.value)


def test_an_id_given_twice_is_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="line 2: id '1' was given before"):
        list(read_questions(write(tmp_path / "q.jsonl", ROW, ROW)))


def test_evidence_that_is_not_in_the_document_is_named(tmp_path: Path) -> None:
    passages = write(tmp_path / "p.jsonl", {"id": "d", "title": "t", "text": "基金总规模 100 亿元。"})
    questions = write(tmp_path / "q.jsonl", ROW, ROW | {"id": "2", "evidence": ["200 亿元"]})
    assert misplaced_evidence(custom_suite("own", passages, questions)) == ["2: not in the document: 200 亿元"]


def test_an_absent_benchmark_says_how_to_name_its_folder(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="YOUJU_BENCHMARKS"):
        load_suite("cmrc2018", tmp_path, ROOT / "corpus")
    with pytest.raises(SuiteError, match="known are reply"):
        load_suite("nothing", tmp_path, ROOT / "corpus")


def test_a_slice_has_its_questions_passages_and_some_distractors(tmp_path: Path) -> None:
    passages = tmp_path / "p.jsonl.gz"
    with gzip.open(passages, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps({"id": f"p{i}", "title": "", "text": f"第{i}段"}) + "\n" for i in range(50))
    rows = [ROW | {"id": f"q{i}", "evidence": [], "positive": [f"p{i}"]} for i in range(40)]
    part = slice_of(custom_suite("own", passages, write(tmp_path / "q.jsonl", *rows)), 4, tmp_path / "s", distractors=3)
    assert [question.id for question in part.questions] == ["q0", "q10", "q20", "q30"]
    ids = {json.loads(line)["id"] for line in part.corpus.read_text(encoding="utf-8").splitlines()}
    assert ids == {"p0", "p10", "p20", "p30", "p1", "p2", "p3"}
