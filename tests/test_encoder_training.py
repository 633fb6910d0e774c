"""How the shipped encoder is trained: which layers it starts from, what it is shown, and that training helps."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("scipy")
torch = pytest.importorskip("torch")

from app.models.encoder_training import Lower, choose, contrast, draw, measure, shorten  # noqa: E402
from app.models.reader_mining import mine  # noqa: E402
from app.models.reader_network import Reader  # noqa: E402
from app.models.reader_training import CLOZE, DRCD, OFFICIAL  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

CHUNKS = [np.arange(4 + 8 * n, 12 + 8 * n, dtype=np.uint16) for n in range(6)]
QUESTIONS = [np.array([3, 53 + n, 53 + n], np.uint16) for n in range(6)]
"""They share no word with their chunks: that must be learnt."""


def make_arrays(**other: Any) -> dict[str, Any]:
    """Six chunks and a question on each; the last question is held out, the fifth has no answer."""
    arrays = {
        "chunks": np.concatenate(CHUNKS),
        "chunk_ends": np.cumsum([len(chunk) for chunk in CHUNKS]).astype(np.int32),
        "questions": np.concatenate(QUESTIONS),
        "question_ends": np.cumsum([len(question) for question in QUESTIONS]).astype(np.int32),
        "source": np.array([DRCD, DRCD, CLOZE, CLOZE, OFFICIAL, OFFICIAL], np.int8),
        "positive": np.array([0, 1, 2, 3, -1, 5], np.int32),
        "is_dev": np.array([False, False, False, False, False, True]),
        "forbidden": np.array([[1, 0], [3, 5]], np.int32),
        "lookalikes": np.array([[4, 4]], np.int32),
        "spans": np.array([[0, 1, 2], [3, 4, 5]], np.int32),
    }
    return arrays | other


def make_encoder(layers: int = 2) -> Reader:
    torch.manual_seed(0)
    encoder = Reader(60, dropout=0.0, layers=layers)
    encoder.words.normal_()
    return encoder


def test_a_short_body_has_the_layers_that_were_chosen() -> None:
    weights = {"word": np.zeros(1, np.float32), "ln.w": np.ones(1, np.float32)}
    weights |= {f"l{n}.q.w": np.full(1, n, np.float32) for n in range(12)}
    short = shorten(weights, (0, 2, 11))
    assert {name: float(value[0]) for name, value in short.items() if name.startswith("l") and name != "ln.w"} == {
        "l0.q.w": 0.0, "l1.q.w": 2.0, "l2.q.w": 11.0,
    }  # fmt: skip
    assert {"word", "ln.w"} <= set(short)


def test_a_text_passes_the_lower_layers_once_and_nothing_else_changes() -> None:
    encoder = make_encoder(3)
    texts = [*CHUNKS, *QUESTIONS]
    found = Lower(encoder, 2, texts).embed(encoder, torch.arange(len(texts)), 3).detach()
    for text, vector in zip(texts, found, strict=True):
        ids = torch.from_numpy(text.astype(np.int64))[None]
        mean = encoder.hidden(ids, torch.ones_like(ids, dtype=torch.bool))[0].mean(0).detach()
        assert torch.allclose(vector, mean / mean.norm(), atol=2e-3)


def test_some_questions_are_chosen_with_all_that_belongs_to_them() -> None:
    chosen = choose(make_arrays(), {"cloze": 1})
    assert chosen["source"].tolist() == [DRCD, DRCD, CLOZE, OFFICIAL]
    assert chosen["positive"].tolist()[:2] == [0, 1]
    assert chosen["forbidden"].tolist()[0] == [1, 0]
    assert chosen["spans"].tolist()[0] == [0, 1, 2]
    questions = np.split(chosen["questions"], chosen["question_ends"][:-1])
    kept = [*chosen["positive"]]
    assert [question.tolist() for question in questions] == [QUESTIONS[n].tolist() for n in kept]


def test_only_answered_questions_of_articles_not_held_out_are_drawn() -> None:
    negatives = np.array([[1, 2], [0, 2], [1, 4], [2, 0], [1, 2], [0, 1]], np.int32)
    drawn = list(draw(make_arrays(), negatives, 20, 8, 0))
    assert {int(example) for examples, _ in drawn for example in examples} == {0, 1, 2, 3}
    for examples, chunks in drawn:
        assert chunks[:8].tolist() == examples.tolist()
        assert all(chunk in negatives[example] for example, chunk in zip(examples, chunks[8:], strict=True))


def test_mined_passages_are_near_and_do_not_answer() -> None:
    vectors = np.eye(6, 384, dtype=np.float32)
    found = mine(make_arrays(), vectors, vectors)
    for row, positive in zip(found, make_arrays()["positive"], strict=True):
        kept = row[row >= 0].tolist()
        assert len(kept) == len(set(kept)) >= 3
        assert positive not in kept
    assert 0 not in found[1]
    assert 5 not in found[3]
    assert found[4][0] == 4


def test_passages_that_are_the_same_text_are_no_negatives() -> None:
    vectors = np.eye(6, 384, dtype=np.float32)
    vectors[2] = vectors[3]
    found = mine(make_arrays(), vectors, vectors)
    assert 3 not in found[2]
    assert 2 not in found[3]


@pytest.mark.model
def test_training_puts_a_question_beside_its_passage() -> None:
    encoder, arrays = make_encoder(), make_arrays(positive=np.arange(6, dtype=np.int32), is_dev=np.zeros(6, bool))
    lower = Lower(encoder, 1, QUESTIONS), Lower(encoder, 1, CHUNKS)
    everything = arrays | {"is_dev": np.ones(6, bool)}
    asked, read = (side.embed(encoder, torch.arange(6), 1).detach().numpy() for side in lower)
    negatives = np.array([[n for n in range(6) if n != m] for m in range(6)], np.int32)
    before = measure(encoder, lower, everything)
    steps = contrast(encoder, lower, arrays, negatives, (asked, read), kept=1, steps=40, groups=6, rate=1e-3)
    *_, (step, trained) = steps
    after = measure(trained, lower, everything)
    assert step == 40
    assert sum(after.values()) > sum(before.values())
    assert sum(after.values()) >= 2.5
