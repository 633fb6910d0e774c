"""Texts to vectors: the shipped e5-small-zh on ONNX Runtime, or any other sentence-transformers model.

The shipped model needs neither torch nor a model hub, and opens in well under a second. The same engine as an ordinary
`SentenceTransformer` is in app/models/onnx_module.py.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from app.errors import EncoderError
from app.types import Encoder, Progress, Vectors

SHIPPED_NAME = "e5-small-zh"
SHIPPED_FOLDER = Path(__file__).parent / "models" / SHIPPED_NAME
PROMPTS = {"query": "query: ", "document": "passage: "}
"""What E5 was trained to see before a question and before a passage (Wang et al., arXiv:2402.05672)."""

SLICE = 4096
"""Texts handed to the threads at a time: enough of each length, and a million texts need no million futures."""

RUN = 300
"""Pieces that go through the model at once: one sentence a run takes 5.7 ms of a core, 300 pieces 5.0 ms a sentence."""


def load_encoder(name: str = SHIPPED_NAME, cache_dir: Path | None = None, threads: int = 0) -> Encoder:
    """Load the shipped model, or another one by folder or by its name in the local cache; 0 threads use every core.

    Opens no connection. Raises EncoderError when the model is absent or damaged.
    """
    if name == SHIPPED_NAME:
        return OnnxEncoder(OnnxEngine(SHIPPED_FOLDER, threads))
    return SentenceTransformerEncoder(name, cache_dir, threads)


class OnnxEngine:
    """A folder of model.onnx, tokenizer.json and SHA256SUMS, ready to embed texts as they stand.

    Texts of equal length share a run, one core a run. There is no padding and every scale in the model is fixed, so a
    vector depends on nothing but its text, to the bit.
    """

    def __init__(self, folder: Path = SHIPPED_FOLDER, threads: int = 0) -> None:
        from tokenizers import Tokenizer

        self.fingerprint = check_files(folder)
        self.threads = threads or os.cpu_count() or 1
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._session = open_session(folder / "model.onnx")
        self.dim = int(self._session.get_outputs()[0].shape[1])

    def pieces(self, text: str) -> list[int]:
        """Cut a text into at most 512 pieces of the vocabulary, `<s>` and `</s>` included. Returns their ids."""
        return list(self.tokenizer.encode(text).ids)

    def embed_pieces(self, pieces: Sequence[Sequence[int]]) -> Vectors:
        """Embed texts of equal length, given as pieces, in one run. Returns float32 (n, dim), unit length."""
        (vectors,) = self._session.run(["embedding"], {"input_ids": np.array(pieces, dtype=np.int64)})
        return np.asarray(vectors, dtype=np.float32)

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Embed texts. Returns float32 (n, dim), unit length."""
        if len(texts) == 1:
            return self.embed_pieces([self.pieces(texts[0])])
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        done = 0
        with ThreadPoolExecutor(self.threads) as pool:
            for start in range(0, len(texts), SLICE):
                pieces = list(pool.map(self.pieces, texts[start : start + SLICE]))
                batches = equal_lengths(pieces)
                runs = pool.map(self.embed_pieces, ([pieces[row] for row in rows] for rows in batches))
                for rows, found in zip(batches, runs, strict=True):
                    vectors[[start + row for row in rows]] = found
                    done += len(rows)
                    if progress is not None:
                        progress(done, len(texts))
        return vectors


def open_session(path: Path) -> Any:
    """Open an ONNX model for runs on one core each; several threads may run it at once."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = 1
    return InferenceSession(path, options, providers=["CPUExecutionProvider"])


def equal_lengths(pieces: Sequence[Sequence[int]]) -> list[list[int]]:
    """Group texts of equal length, at most `RUN` pieces or one text a group. Returns their rows, longest texts first."""
    by_length: dict[int, list[int]] = {}
    for row, ids in enumerate(pieces):
        by_length.setdefault(len(ids), []).append(row)
    batches = []
    for length, rows in sorted(by_length.items(), reverse=True):
        count = max(1, RUN // length)
        batches += [rows[start : start + count] for start in range(0, len(rows), count)]
    return batches


class OnnxEncoder:
    """The shipped model."""

    def __init__(self, engine: OnnxEngine, name: str = SHIPPED_NAME) -> None:
        self.name = name
        self.dim = engine.dim
        self.fingerprint = engine.fingerprint
        self._engine = engine

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed questions. Returns float32 (n, dim), unit length; a higher dot product is closer."""
        return self._engine.embed([PROMPTS["query"] + text for text in texts])

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Embed passages. Returns float32 (n, dim), unit length; a higher dot product is closer."""
        return self._engine.embed([PROMPTS["document"] + text for text in texts], progress)


class SentenceTransformerEncoder:
    """Any model that sentence-transformers reads, with its own prompts, on the CPU; one text at a time as well."""

    def __init__(self, name: str, cache_dir: Path | None = None, threads: int = 0) -> None:
        import torch
        from safetensors import SafetensorError
        from sentence_transformers import SentenceTransformer

        if threads:
            torch.set_num_threads(threads)
        folder = str(cache_dir) if cache_dir else None
        try:
            self._model = SentenceTransformer(name, device="cpu", cache_folder=folder, local_files_only=True)
        except (OSError, ValueError, SafetensorError) as error:
            raise EncoderError(_why_not_loaded(name, folder, error)) from error
        self.name = name
        self.dim = len(self._model.encode_query(""))
        self.fingerprint = self._sample_weights()

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed questions. Returns float32 (n, dim), unit length; a higher dot product is closer."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for i, text in enumerate(texts):
            vectors[i] = self._model.encode_query(text, normalize_embeddings=True, show_progress_bar=False)
        return vectors

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Embed passages. Returns float32 (n, dim), unit length; a higher dot product is closer."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for i, text in enumerate(texts):
            vectors[i] = self._model.encode_document(text, normalize_embeddings=True, show_progress_bar=False)
            if progress is not None:
                progress(i + 1, len(texts))
        return vectors

    def _sample_weights(self) -> str:
        """Hash the prompts and about a thousand values of every tensor: any training changes nearly all of them."""
        digest = hashlib.sha256(json.dumps(self._model.prompts, sort_keys=True).encode())
        for key, tensor in sorted(self._model.state_dict().items()):
            values = tensor.flatten()
            digest.update(key.encode() + values[:: len(values) // 1000 + 1].float().numpy().tobytes())
        return digest.hexdigest()[:16]


def check_files(folder: Path, maker: str = "python -m app.models.train_encoder") -> str:
    """Compare a model folder with its SHA256SUMS. Returns its fingerprint. Raises EncoderError if a file differs."""
    repair = f"Install YouJu again, or make the model anew: {maker}"
    try:
        sums = (folder / "SHA256SUMS").read_text(encoding="ascii")
        for line in sums.splitlines():
            expected, name = line.split("  ")
            with (folder / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                    raise EncoderError(
                        f"{folder / name} is damaged: its SHA-256 is not the one in SHA256SUMS. {repair}"
                    )
    except OSError as error:
        raise EncoderError(f"{error.filename} cannot be read ({error.strerror}). {repair}") from error
    return hashlib.sha256(sums.encode()).hexdigest()[:16]


def _why_not_loaded(name: str, cache_dir: str | None, error: Exception) -> str:
    if Path(name).is_dir():
        return f"{name} is not a model that sentence-transformers can load: {str(error).splitlines()[0]}"
    into = f" --cache-dir {cache_dir}" if cache_dir else ""
    return (
        f"encoder {name} is neither {SHIPPED_NAME}, nor a folder, nor a model in the local cache, and YouJu does not "
        f"download by itself. Name a folder, or fetch it once while online: HF_HUB_OFFLINE=0 hf download {name}{into}"
    )
