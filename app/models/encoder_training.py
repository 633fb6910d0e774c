"""Train a short encoder to embed as the long one does, and to put a question beside the passage that answers it.

Contrastive learning against the batch and mined passages (Karpukhin et al., EMNLP 2020), held to the long encoder's
vectors (Hinton et al., arXiv:1503.02531). The lowest layers stay as they are, so that a text passes them once.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from app.models.reader_network import Reader
from app.models.reader_training import PAD, SOURCE_NAMES
from app.types import Vectors

LONGEST = 224
"""Pieces of a text that training looks at."""
SHARES = {"drcd": 4, "cmrc": 2, "xquad": 2, "cloze": 1, "regulation": 3, "crossed": 2, "official": 7, "lay": 3}
"""How often a question of each source is drawn."""
TEMPERATURE = 0.02
HARD = 1
"""Mined passages beside each question's own; those of the whole batch are negatives, too."""
HOLD = 30.0
"""What 1 − cosine to the long encoder's vectors counts beside the contrastive loss."""
SAME_TEXT = 0.985
"""Chunks closer than this (cosine) are editions of one text: neither is a negative of the other's questions."""

Weights = dict[str, NDArray[np.float32]]
Texts = Sequence[NDArray[np.uint16]]


def shorten(weights: Weights, layers: Sequence[int]) -> Weights:
    """Return the weights of a body with only some of the layers, in this order."""
    shared = {name: value for name, value in weights.items() if not name.startswith("l") or not name[1].isdigit()}
    for new, old in enumerate(layers):
        start = f"l{old}."
        shared |= {f"l{new}.{n.removeprefix(start)}": v for n, v in weights.items() if n.startswith(start)}
    return shared


def choose(arrays: Mapping[str, NDArray[Any]], most: Mapping[str, int], seed: int = 0) -> dict[str, NDArray[Any]]:
    """Return the arrays with the answered questions alone, of some sources at most so many."""
    chance = np.random.default_rng(seed)
    kept = []
    for source, name in enumerate(SOURCE_NAMES):
        rows = np.flatnonzero((arrays["source"] == source) & (arrays["positive"] >= 0))
        kept.append(np.sort(chance.permutation(rows)[: most.get(name, len(rows))]))
    rows = np.sort(np.concatenate(kept))
    questions = np.split(arrays["questions"], arrays["question_ends"][:-1])
    chosen = [questions[row] for row in rows]
    place = np.full(len(questions), -1, np.int32)
    place[rows] = np.arange(len(rows))
    pairs = {}
    for name in ("forbidden", "lookalikes", "spans"):
        of_chosen = arrays[name][place[arrays[name][:, 0]] >= 0]
        pairs[name] = np.column_stack([place[of_chosen[:, 0]], of_chosen[:, 1:]])
    asked = {
        "questions": np.concatenate(chosen),
        "question_ends": np.cumsum([len(ids) for ids in chosen]).astype(np.int32),
    }
    return {**arrays, **pairs, **asked, **{name: arrays[name][rows] for name in ("source", "positive", "is_dev")}}


class Lower:
    """What the layers that stay as they are make of texts: float16 (pieces, 384), one text after another."""

    @torch.no_grad()
    def __init__(self, encoder: Reader, layers: int, texts: Texts) -> None:
        encoder.eval()
        self.lengths = np.array([min(len(text), LONGEST) for text in texts])
        self._starts = np.cumsum(self.lengths) - self.lengths
        self._states = torch.zeros(int(self.lengths.sum()), encoder.place.shape[1], dtype=torch.float16)
        self._layers = layers
        order = np.argsort(self.lengths, kind="stable")
        for rows in np.array_split(order, max(1, len(order) // 64)):
            width = self.lengths[rows[-1]]
            ids = torch.tensor([[*texts[n][:width].tolist(), *[PAD] * (width - len(texts[n]))] for n in rows])
            mask = ids != PAD
            x = encoder.ln(encoder.words[ids] + encoder.place[:width])
            for layer in encoder.layers[:layers]:
                x = layer(x, mask[:, None, None, :])
            for row, n in enumerate(rows):
                self._states[self._starts[n] : self._starts[n] + self.lengths[n]] = x[row, : self.lengths[n]].half()

    def embed(self, encoder: Reader, rows: NDArray[np.int64], parts: int) -> Tensor:
        """Pass texts through the upper layers, `parts` batches of about equal length. Returns (n, 384), unit length."""
        order = np.argsort(self.lengths[rows], kind="stable")
        vectors = [self._embed(encoder, rows[part]) for part in np.array_split(order, parts) if len(part)]
        return torch.cat(vectors)[torch.from_numpy(np.argsort(order))]

    def _embed(self, encoder: Reader, rows: NDArray[np.int64]) -> Tensor:
        x = torch.zeros(len(rows), int(self.lengths[rows].max()), self._states.shape[1])
        mask = torch.zeros(x.shape[:2], dtype=torch.bool)
        for row, n in enumerate(rows):
            x[row, : self.lengths[n]] = self._states[self._starts[n] : self._starts[n] + self.lengths[n]].float()
            mask[row, : self.lengths[n]] = True
        for layer in encoder.layers[self._layers :]:
            x = layer(x, mask[:, None, None, :])
        return nn.functional.normalize((x * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True), dim=1)


def contrast(
    encoder: Reader,
    lower: tuple[Lower, Lower],
    arrays: Mapping[str, NDArray[Any]],
    negatives: NDArray[np.int32],
    long: tuple[Vectors, Vectors],
    *,
    kept: int,
    steps: int,
    groups: int,
    rate: float,
    seed: int = 0,
) -> Iterator[tuple[int, Reader]]:
    """Train the layers above `kept` to rank a question's passage first; `lower` and `long` are of questions and chunks.

    Yields the step and the encoder with its averaged weights ten times, the last time at the end.
    """
    parameters = list(encoder.layers[kept:].parameters())
    settings: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": 0.01},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(settings, lr=rate, betas=(0.9, 0.98))
    warm = max(1, steps // 15)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, max(0.01, (steps - step) / (steps - warm)))
    )
    smooth = torch.optim.swa_utils.get_ema_multi_avg_fn(0.99)  # type: ignore[no-untyped-call]
    averaged = torch.optim.swa_utils.AveragedModel(encoder, multi_avg_fn=smooth)
    asked, read = lower
    long_asked, long_read = (torch.from_numpy(np.asarray(vectors, np.float32)) for vectors in long)
    barred = group_pairs(arrays["forbidden"])
    encoder.train()
    started, shown = time.monotonic(), np.zeros(2)
    for step, (examples, chunks) in enumerate(draw(arrays, negatives, steps, groups, seed)):
        q, c = asked.embed(encoder, examples, 2), read.embed(encoder, chunks, 12)
        near, own = long_read[chunks], chunks[: len(examples)]
        is_out = (near[: len(examples)] @ near.T > SAME_TEXT) | torch.from_numpy(own[:, None] == chunks)
        for row, example in enumerate(examples.tolist()):
            if example in barred:
                is_out[row] |= torch.from_numpy(np.isin(chunks, list(barred[example])))
        is_out.fill_diagonal_(False)
        scores = (q @ c.T / TEMPERATURE).masked_fill(is_out, -1e4)
        ranked = nn.functional.cross_entropy(scores, torch.arange(len(examples)))
        turned = (2 - (q * long_asked[examples]).sum(1).mean() - (c * near).sum(1).mean()) / 2
        optimizer.zero_grad(set_to_none=True)
        (ranked + 2 * HOLD * turned).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        averaged.update_parameters(encoder)
        shown = 0.95 * shown + 0.05 * np.array([float(ranked.detach()), float(turned.detach())])
        if (step + 1) % max(1, steps // 40) == 0:
            now = shown / (1 - 0.95 ** (step + 1))
            seconds = time.monotonic() - started
            print(f"step {step + 1}/{steps}, {seconds:.0f} s: rank {now[0]:.3f}, 1 - cos {now[1]:.4f}", flush=True)
        if (step + 1) % max(1, steps // 10) == 0 or step == steps - 1:
            assert isinstance(averaged.module, Reader)
            yield step + 1, averaged.module
            encoder.train()


def draw(
    arrays: Mapping[str, NDArray[Any]], negatives: NDArray[np.int32], steps: int, groups: int, seed: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield questions, and the chunks to tell apart: each question's own first, then HARD mined ones of each."""
    chance = np.random.default_rng(seed)
    usable = ~arrays["is_dev"] & (arrays["positive"] >= 0) & (negatives[:, HARD - 1] >= 0)
    pools = {name: np.flatnonzero(usable & (arrays["source"] == n)) for n, name in enumerate(SOURCE_NAMES)}
    shuffled: dict[str, Iterator[Any]] = {name: iter(()) for name in pools}
    odds = np.array([SHARES[name] if name in SHARES and len(pool) else 0 for name, pool in pools.items()], float)

    def next_of(name: str) -> int:
        for example in shuffled[name]:
            return int(example)
        shuffled[name] = iter(chance.permutation(pools[name]))
        return next_of(name)

    for _ in range(steps):
        sources = chance.choice(list(pools), groups, p=odds / odds.sum())
        examples = np.array([next_of(name) for name in sources], np.int64)
        mined = []
        for example in examples:
            near = negatives[example][negatives[example] >= 0]
            likely = 1 / (3 + np.arange(len(near)))
            mined.append(chance.choice(near, HARD, replace=False, p=likely / likely.sum()))
        yield examples, np.concatenate([arrays["positive"][examples], np.concatenate(mined)]).astype(np.int64)


def group_pairs(pairs: NDArray[np.int32]) -> dict[int, set[int]]:
    """Map the first of each pair to all of its seconds."""
    groups: dict[int, set[int]] = {}
    for first, second in pairs.tolist():
        groups.setdefault(first, set()).add(second)
    return groups


@torch.no_grad()
def measure(encoder: Reader, lower: tuple[Lower, Lower], arrays: Mapping[str, NDArray[Any]]) -> dict[str, float]:
    """Return S@1 among the held-out articles' chunks for their questions, by source."""
    encoder.eval()
    held = arrays["is_dev"] & (arrays["positive"] >= 0)
    chunks = np.unique(arrays["positive"][held]).astype(np.int64)
    read = torch.cat([lower[1].embed(encoder, rows, 1) for rows in _by_length(lower[1], chunks)])
    chunks = np.concatenate(_by_length(lower[1], chunks))
    found = {}
    for source, name in enumerate(SOURCE_NAMES):
        rows = np.flatnonzero(held & (arrays["source"] == source))[:300].astype(np.int64)
        if len(rows):
            best = (lower[0].embed(encoder, rows, 8) @ read.T).argmax(1).numpy()
            found[name] = float((chunks[best] == arrays["positive"][rows]).mean())
    return found


def _by_length(texts: Lower, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    order = rows[np.argsort(texts.lengths[rows], kind="stable")]
    return np.array_split(order, max(1, len(order) // 64))
