"""(question, passage) → whether the passage answers, and where: the shipped reader-zh on ONNX Runtime.

A cross-encoder of 21 M parameters on the encoder's word vectors, made by app/models/train_reader.py. Everything works
without it, only less well.
"""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from app.encoders import SHIPPED_FOLDER, check_files, equal_lengths, open_session
from app.errors import EncoderError
from app.text import fold
from app.types import Reader, Reading

SHIPPED_READER = "reader-zh"
FOLDER = Path(__file__).parent / "models" / SHIPPED_READER
EOS = 2
QUESTION_PIECES, PASSAGE_PIECES = 64, 440
"""Longer questions and passages are cut there: together they fit the 512 places of the model."""


def load_reader(name: str, threads: int = 0) -> Reader | None:
    """Load the shipped reader; none for an empty name. Raises EncoderError when it is damaged or another is named."""
    if not name:
        return None
    if name != SHIPPED_READER:
        raise EncoderError(f"there is no reader {name!r}; the setting reader is {SHIPPED_READER} or empty")
    return OnnxReader(FOLDER, threads)


class OnnxReader:
    """A folder of model.onnx and words.json, beside the encoder that holds its word vectors and its tokenizer.

    It is opened at the first question. Pairs of equal length share a run, as in the encoder, and nothing depends on
    what else is read at the same time.
    """

    def __init__(self, folder: Path = FOLDER, threads: int = 0, encoder: Path = SHIPPED_FOLDER) -> None:
        self._folder = folder
        self._encoder = encoder
        check_files(folder, "python -m app.models.train_reader")
        self._pool = ThreadPoolExecutor(threads or os.cpu_count() or 1)

    @cached_property
    def _model(self) -> tuple[Any, dict[str, NDArray[Any]], Tokenizer]:
        session = open_session(self._folder / "model.onnx")
        tokenizer = Tokenizer.from_file(str(self._encoder / "tokenizer.json"))
        return session, _words(self._folder / "words.json", self._encoder / "model.onnx"), tokenizer

    def read(self, question: str, passages: Sequence[tuple[str, str]]) -> tuple[Reading, ...]:
        """Read passages, given as (title and headings, text), for a question. Spans are offsets in the text."""
        session, words, tokenizer = self._model
        asked = encode_question(tokenizer, question)
        encoded = list(self._pool.map(lambda passage: encode_passage(tokenizer, *passage), passages))
        pairs = [[*asked, EOS, EOS, *ids, EOS] for ids, _, _ in encoded]
        batches = equal_lengths(pairs)

        def run(rows: Sequence[int]) -> Any:
            ids = np.array([pairs[row] for row in rows], np.int64)
            return session.run(["judged", "marked"], {"input_ids": ids, **words})

        readings: dict[int, Reading] = {}
        for rows, (judged, marked) in zip(batches, self._pool.map(run, batches), strict=True):
            for row, judgement, marks in zip(rows, judged, marked, strict=True):
                ids, text_start, places = encoded[row]
                own = marks[len(asked) + 2 :][text_start : len(ids)]
                readings[row] = Reading(
                    relevance=float(judgement[0]),
                    answerable=float(judgement[1]),
                    places=np.array(places[text_start:], np.int32).reshape(-1, 2),
                    marks=_log_softmax(own),
                )
        return tuple(readings[row] for row in range(len(passages)))


def _log_softmax(marks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return log-likelihoods of start and end (pieces, 2), each column summing to 1."""
    if not len(marks):
        return marks
    top = marks.max(axis=0)
    normal: NDArray[np.float32] = marks - top - np.log(np.exp(marks - top).sum(axis=0))
    return normal


def _words(places: Path, encoder: Path) -> dict[str, NDArray[Any]]:
    """Map the word vectors in the encoder's file, which is never read twice into memory."""
    kinds = {"word": np.uint8, "word.scale": np.float16}
    try:
        where = json.loads(places.read_text(encoding="ascii"))
        return {
            name: np.memmap(encoder, kind, "r", where[name]["offset"], tuple(where[name]["shape"]))
            for name, kind in kinds.items()
        }
    except OSError as error:
        raise EncoderError(f"{error.filename} cannot be read ({error.strerror}). Install YouJu again") from error


def encode_question(tokenizer: Tokenizer, question: str) -> list[int]:
    """Return `<s>` and the pieces of a question, at most 64."""
    return list(tokenizer.encode(f"query: {as_read(question)}").ids[:-1][:QUESTION_PIECES])


def encode_passage(tokenizer: Tokenizer, head: str, text: str) -> tuple[list[int], int, list[tuple[int, int]]]:
    """Return the pieces of a passage, the first that is its own text, and each one's offsets in that text."""
    front = f"passage: {head} "
    encoding = tokenizer.encode(front + as_read(text))
    ids = list(encoding.ids[1:-1][:PASSAGE_PIECES])
    places = [(max(0, a - len(front)), max(0, b - len(front))) for a, b in encoding.offsets[1:-1][:PASSAGE_PIECES]]
    text_start = next((i for i, (_, end) in enumerate(places) if end > 0), len(places))
    return ids, text_start, places


def as_read(text: str) -> str:
    """Return a Chinese text in simplified characters, as the search does, another as it is; offsets stay valid."""
    return fold(text) if any("\u3400" <= character <= "\u9fff" for character in text) else text
