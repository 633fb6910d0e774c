"""How the shipped reader is tuned: what is shown to it, what it knows already, and that tuning helps."""

import copy

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("scipy")
torch = pytest.importorskip("torch")

from app.models.reader_network import Reader  # noqa: E402
from app.models.reader_tuning import (  # noqa: E402
    Group,
    Maker,
    between,
    losses,
    measure,
    read,
    tune,
)
from app.models.tune_reader import official_rows, split  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

PASSAGES = {
    "牧羊犬条例": "每户可以养牧羊犬两只。每只每年交管理费三百元。管理费由镇农业站收取。登记证五年内有效。",
    "渡口规定": "渡船每天开行十二班。末班船晚上九点离岸。大风六级以上停航。乘船的老人和学生不买票。",
}
ROWS = [
    {
        "title": title,
        "passage": passage,
        "questions": [
            {"question": f"{title}说的第一件事是什么", "answer": passage.split("。")[0]},
            {"question": f"{title}什么时候开始施行", "answer": None},
        ],
    }
    for title, passage in PASSAGES.items()
]


@pytest.fixture(scope="module")
def groups() -> list[Group]:
    return Maker(0).written(ROWS)


@pytest.fixture
def reader(groups: list[Group]) -> Reader:
    torch.manual_seed(0)
    used = torch.from_numpy(np.unique(np.concatenate([pair.ids for group in groups for pair in group])))
    reader = Reader(int(used.max()) + 1, dropout=0.0, inner=[1536] * 3)
    reader.words[used] = torch.randn(len(used), reader.words.shape[1])
    return reader


def total_loss(reader: Reader, groups: list[Group]) -> float:
    with torch.no_grad():
        return float(sum(losses(reader, groups)))


def test_a_question_stands_beside_its_passage_first_and_beside_others_that_do_not_answer(groups: list[Group]) -> None:
    assert [group[0].is_answered for group in groups] == [True, False, True, False]
    for group in groups:
        assert not any(pair.is_answered for pair in group[1:])
        if not group[0].is_answered:
            assert len(group) == 1, "what nothing answers is asked of its own passage"
    for own, *others in groups[::2]:
        assert all("".join(own.text.text[a:b] for a, b in own.spans) not in other.text.text for other in others)


def test_marks_are_the_pieces_of_the_answer(groups: list[Group]) -> None:
    maker = Maker(0)
    own = groups[0][0]
    [(first, last)] = own.marks()
    assert maker.tokenizer.decode(own.ids[first : last + 1].tolist()).replace(" ", "") == "每户可以养牧羊犬两只"


def test_pairs_are_read_as_the_reader_reads_them(groups: list[Group], reader: Reader) -> None:
    said = read(reader, [pair for group in groups for pair in group])
    for pair, one in said.items():
        ids = torch.from_numpy(pair.ids)[None]
        judged, _ = reader(ids, torch.ones_like(ids, dtype=torch.bool))
        assert one.answerable == pytest.approx(float(judged[0, 1].detach()), abs=0.05)
        first, last = one.span
        assert pair.inside.start <= first <= last < pair.inside.stop


def test_tuning_helps_and_changes_lower_layers_less(groups: list[Group], reader: Reader) -> None:
    before = copy.deepcopy(reader.layers)
    before_tuning = total_loss(reader, groups)
    *_, tuned = tune(reader, groups * 10, epochs=2, rate=1e-3)
    assert total_loss(tuned, groups) < 0.85 * before_tuning
    layers = zip(before, tuned.layers, strict=True)
    moved = [float((a.get_parameter("fi.bias") - b.get_parameter("fi.bias")).detach().abs().mean()) for a, b in layers]
    assert 0 < moved[0] < moved[1] < moved[2]
    figures = measure(tuned, groups)
    assert figures["questions"] == len(groups)
    assert all(0 <= figures[name] <= 1 for name in figures if name != "questions")


def test_half_way_is_between(reader: Reader) -> None:
    tuned = copy.deepcopy(reader)
    with torch.no_grad():
        tuned.judge.bias.add_(1.0)
    half = between(reader, tuned, 0.5)
    assert torch.allclose(half.judge.bias, reader.judge.bias + 0.5)
    assert torch.equal(between(reader, tuned, 1.0).judge.bias, tuned.judge.bias)
    assert torch.equal(half.judge.weight, reader.judge.weight)


def test_a_passage_is_trained_on_or_held_out() -> None:
    rows = official_rows()
    trained, held = split(rows)
    assert len(trained) + len(held) == len(rows)
    assert not {row["passage"] for row in trained} & {row["passage"] for row in held}
    assert 0.08 < len(held) / len(rows) < 0.15
