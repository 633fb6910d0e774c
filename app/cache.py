"""An encoder and a reader that remember: what is asked and found most is encoded and read once."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from app.types import Encoder, Progress, Reader, Reading, Vectors

REMEMBERED = 20_000
"""Vectors kept in memory; about 40 MB at 384 dimensions."""
REMEMBERED_READINGS = 3000
"""Readings kept in memory: of 500 questions, at most 20 MB."""


class CachedEncoder:
    """Wraps an encoder; safe to use from several threads."""

    def __init__(self, encoder: Encoder, remembered: int = REMEMBERED) -> None:
        self.name, self.dim, self.fingerprint = encoder.name, encoder.dim, encoder.fingerprint
        self._encoder = encoder
        self._remembered = remembered
        self._queries: OrderedDict[str, Vectors] = OrderedDict()
        self._passages: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed questions. Returns float32 (n, dim), unit length; a higher dot product is closer."""
        known, missing = self._look_up(self._queries, texts)
        return self._complete(
            self._queries, texts, known, dict(zip(missing, self._encoder.encode_queries(missing), strict=True))
        )

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Embed passages. Returns float32 (n, dim), unit length; a higher dot product is closer."""
        known, missing = self._look_up(self._passages, texts)
        fresh = self._encoder.encode_passages(missing, progress)
        return self._complete(self._passages, texts, known, dict(zip(missing, fresh, strict=True)))

    def _look_up(
        self, vectors: OrderedDict[str, Vectors], texts: Sequence[str]
    ) -> tuple[dict[str, Vectors], list[str]]:
        """Return the remembered vectors, and the texts that must be encoded, each once."""
        with self._lock:
            known = {text: vectors[text] for text in texts if text in vectors}
            for text in known:
                vectors.move_to_end(text)
        return known, [text for text in dict.fromkeys(texts) if text not in known]

    def _complete(
        self,
        vectors: OrderedDict[str, Vectors],
        texts: Sequence[str],
        known: dict[str, Vectors],
        fresh: dict[str, Vectors],
    ) -> Vectors:
        """Remember the fresh vectors and return those of all texts, float32 (n, dim)."""
        with self._lock:
            vectors.update(fresh)
            while len(vectors) > self._remembered:
                vectors.popitem(last=False)
        known = known | fresh
        return np.array([known[text] for text in texts], dtype=np.float32).reshape(len(texts), self.dim)


class CachedReader:
    """Wraps a reader; safe to use from several threads."""

    def __init__(self, reader: Reader, remembered: int = REMEMBERED_READINGS) -> None:
        self._reader = reader
        self._remembered = remembered
        self._readings: OrderedDict[tuple[str, str, str], Reading] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, question: str, passages: Sequence[tuple[str, str]]) -> tuple[Reading, ...]:
        """Read passages, given as (title and headings, text), for a question."""
        keys = [(question, *passage) for passage in passages]
        with self._lock:
            known = {key: self._readings[key] for key in keys if key in self._readings}
            for key in known:
                self._readings.move_to_end(key)
        missing = [key for key in dict.fromkeys(keys) if key not in known]
        if missing:
            fresh = self._reader.read(question, [(head, text) for _, head, text in missing])
            known |= dict(zip(missing, fresh, strict=True))
            with self._lock:
                self._readings.update(zip(missing, fresh, strict=True))
                while len(self._readings) > self._remembered:
                    self._readings.popitem(last=False)
        return tuple(known[key] for key in keys)
