"""The reader: where it finds answers, what it makes of odd input, and that everything works without it."""

import math
import shutil
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from app.answering.short_answer import full_answer, trim
from app.encoders import SHIPPED_FOLDER
from app.errors import EncoderError
from app.reader import FOLDER, OnnxReader, encode_passage, load_reader
from app.types import Chunk, Passage, Reading, Span

TEXT = "扬帆专项面向32周岁以下的青年科技人员，2023年资助了200人，每人资助20万元。启明星计划面向35周岁以下的青年，资助了150人。"


def reading(*marks: tuple[float, float]) -> Reading:
    """A reading of a text of one character a piece with these likelihoods of start and end."""
    places = np.array([(i, i + 1) for i in range(len(marks))], np.int32)
    return Reading(0.0, 0.0, places, np.log(np.array(marks, np.float32)))


def test_best_span_is_the_likeliest_pair_in_order() -> None:
    found = reading((0.1, 0.7), (0.6, 0.1), (0.3, 0.2)).best_span()
    assert found[:2] == (1, 3)
    assert math.isclose(found[2], math.log(0.6 * 0.2), rel_tol=1e-5)


def test_best_span_stays_within_the_sentence() -> None:
    assert reading((0.1, 0.7), (0.6, 0.1), (0.3, 0.2)).best_span(2, 3)[:2] == (2, 3)
    assert reading((0.5, 0.5), (0.5, 0.5)).best_span(7, 9) == (7, 7, -math.inf)


def test_share_is_the_mass_of_starts_in_a_range() -> None:
    assert math.isclose(reading((0.1, 0.7), (0.6, 0.1), (0.3, 0.2)).share(1, 3), 0.9, rel_tol=1e-5)


@given(st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)), min_size=1, max_size=12))
def test_best_span_equals_trying_all(marks: list[tuple[float, float]]) -> None:
    logs = np.log(np.array(marks, np.float32))
    best = max(logs[i, 0] + logs[j, 1] for i in range(len(marks)) for j in range(i, len(marks)))
    assert math.isclose(reading(*marks).best_span()[2], best, rel_tol=1e-5, abs_tol=1e-5)


@given(st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)), min_size=1, max_size=8))
def test_the_likeliest_spans_hold_the_best_one(marks: list[tuple[float, float]]) -> None:
    said = reading(*marks)
    begins, ends, likelihoods = said.likeliest_spans(0, len(marks), len(marks))
    assert len(begins) == len(marks) * (len(marks) + 1) // 2
    assert (begins < ends).all()
    assert math.isclose(likelihoods.max(), said.best_span()[2], rel_tol=1e-5, abs_tol=1e-5)
    assert not len(said.likeliest_spans(90, 99, 3)[0])


def answer_in(text: str, *marks: tuple[float, float]) -> str:
    passage = Passage(Chunk("c", "d", Span(0, len(text)), text, ()), 1.0, 1, reading=reading(*marks))
    start, end = full_answer("怎么办？", passage, Span(0, len(text))) or (0, 0)
    return text[start:end]


def test_an_answer_is_as_long_as_the_reader_is_unsure_of_its_end() -> None:
    text, sure, rest = "先登记后核验再领取", (0.9, 0.001), (0.001, 0.001)
    assert answer_in(text, sure, rest, (0.001, 0.9), *[rest] * 6) == "先登记"
    unsure = answer_in(text, sure, rest, (0.001, 0.3), *[rest] * 2, (0.001, 0.25), *[rest] * 2, (0.001, 0.25))
    assert len(unsure) > len("先登记")
    assert full_answer("怎么办？", Passage(Chunk("c", "d", Span(0, 9), text, ()), 1.0, 1), Span(0, 9)) is None


def test_an_unknown_reader_is_named_in_the_error() -> None:
    with pytest.raises(EncoderError, match="reader-x"):
        load_reader("reader-x")
    assert load_reader("") is None


def test_a_damaged_reader_says_what_to_do(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "reader")
    (tmp_path / "reader" / "words.json").write_text("{}", encoding="ascii")
    with pytest.raises(EncoderError, match="train_reader"):
        OnnxReader(tmp_path / "reader")


@pytest.fixture(scope="module")
def reader() -> OnnxReader:
    return OnnxReader()


@pytest.mark.model
@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("扬帆专项每人资助多少钱？", "20万元"),
        ("启明星计划面向多少岁以下的青年？", "35周岁以下"),
    ],
)
def test_finds_the_short_answer(reader: OnnxReader, question: str, answer: str) -> None:
    (found,) = reader.read(question, [("", TEXT)])
    start, end, _ = found.best_span()
    assert answer in TEXT[start:end] or TEXT[start:end] in answer
    assert found.answerable > 0


@pytest.mark.parametrize(
    ("text", "read", "answer"),
    [
        ("做了评价、1240项成果", "、1240项成果", "1240项成果"),
        ("发挥“1+7+N”产业联盟作用", "1+7+N”", "“1+7+N”"),
        ("依据《评价报告2023》的数据", "《评价报告2023", "《评价报告2023》"),
        ("落户某市（今属某县", "（今属某县", "今属某县"),
        ("共计30个）和其他", "30个）", "30个"),
    ],
)
def test_a_short_answer_has_no_loose_marks(text: str, read: str, answer: str) -> None:
    start, end = trim("多少？", text, text.index(read), text.index(read) + len(read))
    assert text[start:end] == answer


@pytest.mark.model
def test_traditional_characters_read_as_simplified_ones(reader: OnnxReader) -> None:
    (traditional,) = reader.read("揚帆專項資助了多少人？", [("", TEXT.replace("扬", "揚").replace("资", "資"))])
    (simplified,) = reader.read("扬帆专项资助了多少人？", [("", TEXT)])
    assert np.array_equal(traditional.marks, simplified.marks)
    assert np.array_equal(traditional.places, simplified.places)


@pytest.mark.model
def test_prefers_the_passage_that_answers_and_knows_one_that_does_not(reader: OnnxReader) -> None:
    other = "上海市图书馆每周一闭馆，周二至周日开放时间为上午九时至下午五时。"
    answering, unrelated = reader.read("扬帆专项资助了多少人？", [("", TEXT), ("", other)])
    assert answering.relevance > unrelated.relevance
    assert answering.answerable > 0 > unrelated.answerable


@pytest.mark.model
def test_a_reading_depends_on_its_own_passage_only(reader: OnnxReader) -> None:
    question, passages = "资助了多少人？", [("甲", TEXT), ("", TEXT[:30]), ("", TEXT[30:60]), ("乙", TEXT)]
    together = reader.read(question, passages)
    for passage, found in zip(passages, together, strict=True):
        (alone,) = reader.read(question, [passage])
        assert alone.answerable == found.answerable
        assert np.array_equal(alone.marks, found.marks)


@pytest.mark.model
@pytest.mark.parametrize("text", ["", " ", "\n", "🙂", "\x00", "𠮷" * 900, "a" * 5000, "１２３％ ﬁ ½"])
def test_reads_any_text(reader: OnnxReader, text: str) -> None:
    for question, head in (("多少？", ""), ("？" * 3000, "题" * 3000)):
        (found,) = reader.read(question, [(head, text)])
        start, end, _ = found.best_span()
        assert 0 <= start <= end <= max(len(text), start)
        assert np.isfinite(found.marks).all()


@lru_cache(maxsize=1)
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(SHIPPED_FOLDER / "tokenizer.json"))


@given(st.text(max_size=60), st.text(max_size=20))
def test_places_are_offsets_of_the_text(text: str, head: str) -> None:
    _, text_start, places = encode_passage(tokenizer(), head, text)
    assert all(0 <= start <= end <= len(text) for start, end in places[text_start:])
