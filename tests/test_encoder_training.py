"""How the shipped encoder merges pieces on their way up, in training and in the graph, and that training helps."""

import gzip
import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("onnx")
torch = pytest.importorskip("torch")

from onnxruntime import InferenceSession  # noqa: E402

from app.models import encoder_training  # noqa: E402
from app.models.encoder_training import Whole, distil, draw, embed, measure, merge, same_length  # noqa: E402
from app.models.graph import BLOCK, HIDDEN, INNER, MERGING, RANGES, Graph, merged_rows  # noqa: E402
from app.models.reader_network import Reader, attention  # noqa: E402
from app.models.train_encoder import PASSAGES, TrainedEncoder, pieces_of, training_texts  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

LAYERS, PIECES = MERGING[-1] + 2, 40


class Words:
    """Word vectors in 4 bits."""

    def __init__(self) -> None:
        chance = np.random.default_rng(1)
        self._packed = chance.integers(0, 16, (PIECES * HIDDEN // BLOCK, BLOCK)).astype(np.uint8)
        self._scales = np.full(len(self._packed), 0.25, np.float16)

    def nibbles(self, name: str) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
        assert name == "emb.word"
        return self._packed, self._scales

    def floats(self, name: str) -> NDArray[np.float32]:
        values = (self._packed.astype(np.float32) - 8) * self._scales[:, None].astype(np.float32)
        return values.reshape(-1)


def make_encoder() -> Reader:
    """An encoder of random weights, two layers more than are needed to merge."""
    torch.manual_seed(0)
    encoder = Reader(PIECES, dropout=0.0, inner=[INNER] * LAYERS).eval()
    encoder.words.copy_(torch.from_numpy(Words().floats("emb.word").reshape(PIECES, HIDDEN)))
    torch.nn.init.normal_(encoder.place, std=0.3)
    return encoder


def make_texts(*lengths: int) -> list[NDArray[np.uint16]]:
    chance = np.random.default_rng(0)
    return [chance.integers(0, PIECES, length).astype(np.uint16) for length in lengths]


def run(model: bytes, ids: NDArray[np.integer]) -> NDArray[np.float32]:
    session = InferenceSession(model, providers=["CPUExecutionProvider"])
    (vectors,) = session.run(["embedding"], {"input_ids": ids.astype(np.int64)})
    return np.asarray(vectors, np.float32)


def test_attention_is_what_the_fused_one_computes() -> None:
    q, k, v = torch.randn(3, 2, 12, 9, 32, generator=torch.Generator().manual_seed(0))
    for mask in (None, torch.arange(9)[None, None, None] < 7, torch.linspace(0, 2, 9)[None, None, None]):
        fused = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        torch.testing.assert_close(attention(q, k, v, mask, 0.0), fused)


def test_short_texts_keep_their_pieces_and_long_ones_half() -> None:
    def left(rows: int) -> int:
        for _ in MERGING:
            rows -= merged_rows(rows)
        return rows

    assert [left(rows) for rows in (2, 10, 14)] == [2, 10, 14]
    assert left(20) >= 14
    assert 0.45 < left(200) / 200 < 0.55
    assert left(512) > 200


def test_what_is_alike_is_merged_and_nothing_lost() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 30, HIDDEN)
    x[0, 7] = x[0, 12] * 2
    merged, sizes, now = merge(x, torch.ones(2, 30))
    assert merged.shape[1] == 30 - merged_rows(30) == 28
    assert sizes.sum(1).tolist() == [30, 30]
    assert now[0, 7] == now[0, 12]
    for text in range(2):
        for row in range(28):
            behind = x[text][now[text] == row]
            assert torch.allclose(merged[text, row], behind.mean(0), atol=1e-5)
            assert sizes[text, row] == len(behind)


def test_training_and_the_graph_merge_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_training, "bfloat16", nullcontext)
    encoder = make_encoder()
    trained = TrainedEncoder({n: v.numpy() for n, v in encoder.state_dict().items()}, Words())
    graph = Graph(trained, range(PIECES), ranges=RANGES[:LAYERS], merging=MERGING, is_float=True)
    model = graph.model().SerializeToString()
    for text in make_texts(2, 9, 41, 160):
        ids = torch.from_numpy(text.astype(np.int64))[None]
        x = encoder.embed(ids)
        for layer in encoder.layers[: MERGING[0]]:
            x = layer(x, None)
        rows, sizes, _ = embed(encoder, x)
        expected = torch.nn.functional.normalize((rows * sizes[:, :, None]).sum(1), dim=1).detach().numpy()
        np.testing.assert_allclose(run(model, text[None]), expected, atol=1e-3)


def test_a_text_is_merged_the_same_among_others() -> None:
    encoder = make_encoder()
    trained = TrainedEncoder({n: v.numpy() for n, v in encoder.state_dict().items()}, Words())
    model = Graph(trained, range(PIECES), ranges=RANGES[:LAYERS], merging=MERGING).model().SerializeToString()
    texts = np.stack(make_texts(50, 50, 50))
    np.testing.assert_array_equal(run(model, texts), np.concatenate([run(model, text[None]) for text in texts]))


def test_without_merging_the_graph_is_the_whole_encoder() -> None:
    encoder = make_encoder()
    trained = TrainedEncoder({n: v.numpy() for n, v in encoder.state_dict().items()}, Words())
    model = Graph(trained, range(PIECES), ranges=RANGES[:LAYERS], is_float=True).model().SerializeToString()
    (text,) = make_texts(60)
    ids = torch.from_numpy(text.astype(np.int64))[None]
    mean = encoder.hidden(ids, torch.ones_like(ids, dtype=torch.bool))[0].mean(0).detach()
    np.testing.assert_allclose(run(model, text[None])[0], (mean / mean.norm()).numpy(), atol=1e-3)


def test_all_texts_are_drawn_by_length() -> None:
    lengths = [5, 9, 5, 1500, 9, 9, 1500]
    drawn = draw(lengths, 0)
    seen: list[int] = []
    while len(seen) < len(lengths):
        rows = next(drawn)
        assert len({lengths[row] for row in rows}) == 1
        seen += rows
    assert sorted(seen) == list(range(7))
    assert [len(rows) for rows in same_length(lengths)] == [2, 3, 1, 1]


def test_a_passage_is_read_whole_and_in_parts() -> None:
    passage = "第一句说了一件事情的开头。" * 30
    parts = list(pieces_of("标题", passage, np.random.default_rng(0)))
    assert parts[0] == f"标题 {passage}"
    windows = [part for part in parts[1:] if part.startswith("标题 ")]
    assert "".join(window.removeprefix("标题 ") for window in windows) == passage
    assert all(len(window) <= 134 for window in windows)
    assert all(part in passage for part in parts[1:] if part not in windows)


def test_training_texts_are_passages_and_questions_of_all_sets(tmp_path: Path) -> None:
    for name in PASSAGES:
        lines = {
            "passages": {"title": f"题{name}", "text": f"{name}的一段。"},
            "questions": {"question": f"{name}有什么？"},
        }
        for kind, record in lines.items():
            with gzip.open(tmp_path / f"{name}.{kind}.jsonl.gz", "wt", encoding="utf-8") as file:
                file.write(json.dumps({"id": "1", **record}) + "\n")
    texts = training_texts(tmp_path, np.random.default_rng(0))
    assert {text.split(": ")[0] for text in texts} == {"passage", "query"}
    assert {f"passage: 题{name} {name}的一段。" for name in PASSAGES} <= set(texts)
    assert len(texts) == len(set(texts))


@pytest.mark.model
def test_training_brings_it_nearer_to_the_whole_encoder() -> None:
    encoder = make_encoder()
    texts = make_texts(*[12, 40] * 4)
    whole, lengths = Whole(encoder, texts), [len(text) for text in texts]
    before = measure(encoder, whole, lengths, (20, 99))
    *_, (step, trained) = distil(encoder, whole, lengths, steps=10, pieces=200, rate=3e-6)
    after = measure(trained, whole, lengths, (20, 99))
    assert step == 10
    assert before[0] < before[1]
    assert after[1] < 0.9 * before[1]
