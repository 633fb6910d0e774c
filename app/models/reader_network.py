"""The reader as a PyTorch module: e5-small's body over (question, passage), and three heads.

It starts from the encoder that ships (app/models/e5-small-zh), whose word vectors it keeps as they are and shares.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

HIDDEN, INNER, LAYERS, HEADS, POSITIONS = 384, 1536, 12, 12, 512


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, rate: float) -> Tensor:
    """softmax(q kᵀ / √d + mask) v, where a bool mask is False for what is not there; `rate` of it is dropped.

    Written out for the processor: a step of training takes two thirds of what it takes with the fused one.
    """
    if q.is_cuda:
        return nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=rate)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask.to(scores.dtype)
    return nn.functional.dropout(scores.softmax(-1), rate).to(v.dtype) @ v


class Layer(nn.Module):
    """A transformer layer that normalises after each half, as BERT does."""

    def __init__(self, dropout: float, inner: int) -> None:
        super().__init__()
        self.q, self.k, self.v, self.ao = (nn.Linear(HIDDEN, HIDDEN) for _ in range(4))
        self.fi, self.fo = nn.Linear(HIDDEN, inner), nn.Linear(inner, HIDDEN)
        self.aln, self.oln = (nn.LayerNorm(HIDDEN, eps=1e-12) for _ in range(2))
        self.dropout = nn.Dropout(dropout)
        self.rate = dropout

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (n, pieces, 384); mask bool (n, 1, 1, pieces), False where there is only padding."""
        return self.feed(self.attend(x, mask))

    def attend(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """The first half; a float mask is added to what attention thinks of each piece."""
        q, k, v = (part(x).unflatten(2, (HEADS, -1)).transpose(1, 2) for part in (self.q, self.k, self.v))
        rate = self.rate if self.training else 0.0
        context = attention(q, k, v, mask, rate)
        out: Tensor = self.aln(x + self.dropout(self.ao(context.transpose(1, 2).flatten(2))))
        return out

    def feed(self, x: Tensor) -> Tensor:
        """The second half."""
        out: Tensor = self.oln(x + self.dropout(self.fo(nn.functional.gelu(self.fi(x)))))
        return out


class Reader(nn.Module):
    """(question, passage) → relevance, answerable, and how likely an answer starts and ends at each piece (logits).

    `inner` has the width of each layer's second half.
    """

    words: Tensor

    def __init__(self, pieces: int, dropout: float = 0.1, inner: Sequence[int] = (INNER,) * LAYERS) -> None:
        super().__init__()
        self.register_buffer("words", torch.zeros(pieces, HIDDEN), persistent=False)
        self.place = nn.Parameter(torch.zeros(POSITIONS, HIDDEN))
        self.ln = nn.LayerNorm(HIDDEN, eps=1e-12)
        self.layers = nn.ModuleList(Layer(dropout, width) for width in inner)
        self.dropout = nn.Dropout(dropout)
        self.pool = nn.Linear(HIDDEN, HIDDEN)
        self.judge = nn.Linear(HIDDEN, 2)
        self.span = nn.Linear(HIDDEN, 2)

    def embed(self, ids: Tensor) -> Tensor:
        """ids int64 (n, pieces) → what goes into the first layer (n, pieces, 384)."""
        x: Tensor = self.dropout(self.ln(self.words[ids] + self.place[: ids.shape[1]]))
        return x

    def hidden(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids int64 and mask bool (n, pieces) → the last layer (n, pieces, 384)."""
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x, mask[:, None, None, :])
        out: Tensor = x
        return out

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """ids int64 and mask bool (n, pieces) → (relevance, answerable) (n, 2), (start, end) (n, pieces, 2)."""
        x = self.hidden(ids, mask)
        judged: Tensor = self.judge(self.dropout(torch.tanh(self.pool(x[:, 0]))))
        marked: Tensor = self.span(x)
        return judged, marked


def read_encoder(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read the shipped encoder's weights as float32: `word`, `place`, `emb.ln.w`, `l0.q.w` (out, in), `l0.q.b` …"""
    initial = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
    weights = {}
    if "word" in initial:
        packed, scale = initial["word"], initial["word.scale"].astype(np.float32)
        nibbles = np.stack([packed & 15, packed >> 4], axis=2).reshape(len(packed), HIDDEN).astype(np.float32) - 8
        weights["word"] = (nibbles.reshape(len(packed), -1, 32) * scale[:, :, None]).reshape(len(packed), HIDDEN)
    for name, values in initial.items():
        if values.dtype == np.int8:
            matrix = values.astype(np.float32) * initial[name.removesuffix(".w") + ".scale"]
            narrowed = initial.get(name.removesuffix(".w") + ".in")
            weights[name] = (matrix if narrowed is None else matrix * narrowed[:, None]).T
        elif values.dtype == np.float32 and name.endswith((".w", ".b", "place")):
            weights[name] = values
    return weights


def start_from(weights: dict[str, NDArray[np.float32]], dropout: float = 0.1) -> Reader:
    """Return a reader whose body is the encoder's; its heads are new."""
    layers = len([name for name in weights if name.endswith(".oln.w")])
    reader = Reader(len(weights["word"]), dropout, [len(weights[f"l{layer}.fi.b"]) for layer in range(layers)])
    values = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
    reader.words.copy_(values["word"])
    state = {"place": values["place"], "ln.weight": values["emb.ln.w"], "ln.bias": values["emb.ln.b"]}
    for name, value in values.items():
        layer, *rest = name.split(".")
        if layer[0] == "l" and layer[1:].isdigit():
            part, kind = rest
            state[f"layers.{layer[1:]}.{part}.{'weight' if kind == 'w' else 'bias'}"] = value
    missing, unexpected = reader.load_state_dict(state, strict=False)
    assert not unexpected
    assert {key.split(".")[0] for key in missing} == {"pool", "judge", "span"}
    for head in (reader.pool, reader.judge, reader.span):
        nn.init.normal_(head.weight, std=0.02)
        nn.init.zeros_(head.bias)
    return reader


def go_on_from(path: Path, weights: dict[str, NDArray[np.float32]], dropout: float = 0.1) -> Reader:
    """Return a reader whose body and heads are those of an exported model.onnx; the word vectors are the encoder's."""
    exported = read_encoder(path)
    reader = start_from({"word": weights["word"], **exported}, dropout)
    for name in ("pool", "judge", "span"):
        head: nn.Linear = getattr(reader, name)
        head.weight.data.copy_(torch.from_numpy(exported[f"{name}.w"].T.copy()))
        head.bias.data.copy_(torch.from_numpy(exported[f"{name}.b"].copy()))
    return reader
