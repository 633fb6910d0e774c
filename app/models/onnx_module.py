"""The shipped encoder as an ordinary `SentenceTransformer`, for programs that expect one."""

from collections.abc import Sequence
from pathlib import Path
from shutil import copytree
from typing import Any, Self

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import InputModule

from app.encoders import PROMPTS, SHIPPED_FOLDER, OnnxEngine


class OnnxE5Module(InputModule):
    """Makes an `OnnxEngine` the first and only module of a SentenceTransformer."""

    def __init__(self, folder: Path = SHIPPED_FOLDER, threads: int = 0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.folder = folder
        self.engine = OnnxEngine(folder, threads)
        self.tokenizer = self.engine.tokenizer
        self.max_seq_length = 512

    def get_embedding_dimension(self) -> int:
        """Return the length of a vector."""
        return self.engine.dim

    def preprocess(self, inputs: Sequence[Any], prompt: str | None = None, **_: Any) -> dict[str, torch.Tensor]:
        """Cut texts into pieces. Returns `input_ids` and `attention_mask`, int64 (n, longest)."""
        pieces = [torch.tensor(self.engine.pieces((prompt or "") + text)) for text in inputs]
        mask = [torch.ones_like(ids) for ids in pieces]
        return {
            "input_ids": torch.nn.utils.rnn.pad_sequence(pieces, batch_first=True),
            "attention_mask": torch.nn.utils.rnn.pad_sequence(mask, batch_first=True),
        }

    def forward(self, features: dict[str, torch.Tensor], **_: Any) -> dict[str, torch.Tensor]:
        """Embed the texts one by one, without their padding. Adds `sentence_embedding`, float32 (n, dim)."""
        rows = zip(features["input_ids"], features["attention_mask"], strict=True)
        vectors = [torch.from_numpy(self.engine.embed_pieces([ids[mask.bool()].tolist()])) for ids, mask in rows]
        return features | {"sentence_embedding": torch.cat(vectors)}

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", *_: Any, **__: Any) -> Self:
        """Open what `save` wrote; SentenceTransformer(folder, trust_remote_code=True) calls this."""
        return cls(Path(model_name_or_path, subfolder))

    def save(self, output_path: str, *_: Any, **__: Any) -> None:
        """Copy the model folder."""
        copytree(self.folder, output_path, dirs_exist_ok=True)


def as_sentence_transformer(folder: Path = SHIPPED_FOLDER) -> SentenceTransformer:
    """Wrap the shipped model; encode_query and encode_document add E5's prefixes."""
    return SentenceTransformer(modules=[OnnxE5Module(folder)], prompts=PROMPTS, device="cpu")
