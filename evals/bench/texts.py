"""Official texts in any number, for measuring size: real passages whose sentences are mixed and whose figures vary."""

import gzip
import json
import random
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from app.text import split_sentences
from app.types import Encoder, Progress, Vectors
from evals.suites import SuiteError

SOURCES = ("ncp_dev", "lecoqa_law", "shanghai_regs")
ARTICLES = 10
"""Paragraphs of a document."""
ARTICLE_CHARS = 170
"""A paragraph ends with the sentence that passes this length; with title and heading it makes some 300 tokens."""
SPREAD = 0.3
"""Length of what is added to a real vector to draw one near it: their cosine is .96."""


def read_passages(benchmarks: Path) -> list[tuple[str, str]]:
    """Return title and text of the real passages. Raises SuiteError if they are not there."""
    passages = []
    for name in SOURCES:
        path = benchmarks / f"{name}.passages.jsonl.gz"
        if not path.is_file():
            raise SuiteError(
                f"{name} is not in {benchmarks}; name the folder of the question sets: YOUJU_BENCHMARKS=DIR"
            )
        with gzip.open(path, "rt", encoding="utf-8") as file:
            passages += [(row["title"], row["text"]) for row in map(json.loads, file)]
    return passages


def make_texts(passages: Sequence[tuple[str, str]], seed: int = 0) -> Iterator[tuple[str, str]]:
    """Yield title and text of one document after the other, without end; the same seed gives the same ones."""
    drawn = random.Random(seed)
    cut = [(title, [span.of(text) for span in split_sentences(text, clauses=True)]) for title, text in passages]
    sentences = [sentence for _, parts in cut for sentence in parts]
    while True:
        title = cut[drawn.randrange(len(cut))][0]
        yield title, "\n".join(_article(drawn, cut, sentences, number) for number in range(1, ARTICLES + 1))


def _article(
    drawn: random.Random, cut: Sequence[tuple[str, Sequence[str]]], sentences: Sequence[str], number: int
) -> str:
    """Return a paragraph: half of a real passage's sentences, and others until it is long enough."""
    parts = [part for part in cut[drawn.randrange(len(cut))][1] if drawn.random() < 0.5]
    while sum(map(len, parts)) < ARTICLE_CHARS:
        parts.append(sentences[drawn.randrange(len(sentences))])
    text = re.sub(r"\d+", lambda match: str(drawn.randrange(10 ** min(len(match.group()), 6))), "".join(parts))
    return f"（{number}）{text}".replace("\n", "")


class DrawnEncoder:
    """Draws the vectors of passages near real ones, so that encoding time doesn't hide the index; questions are real."""

    def __init__(self, encoder: Encoder, real: Vectors) -> None:
        self.name, self.dim, self.fingerprint = encoder.name, encoder.dim, encoder.fingerprint
        self._encoder, self._real = encoder, real

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed questions. Returns float32 (n, dim), unit length."""
        return self._encoder.encode_queries(texts)

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Draw a vector for each text. Returns float32 (n, dim), unit length."""
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        hashes = [zlib.crc32(text.encode("utf-8")) for text in texts]
        near = self._real[np.array(hashes) % len(self._real)]
        noise = np.random.default_rng(hashes[0]).standard_normal(near.shape, dtype=np.float32)
        vectors = near + noise * np.float32(SPREAD / self.dim**0.5)
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit
