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

from app.models.reader_mining import SAME_TEXT, group_pairs
from app.models.reader_network import Reader
from app.models.reader_training import SOURCE_NAMES
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
        device = encoder.place.device
        self.lengths = torch.tensor([min(len(text), LONGEST) for text in texts], device=device)
        self._starts = self.lengths.cumsum(0) - self.lengths
        self._layers = layers
        pieces = np.concatenate([text[:LONGEST] for text in texts]).astype(np.int64)
        self._pieces = torch.from_numpy(pieces).to(device)
        self._states = torch.zeros(len(pieces), encoder.place.shape[1], dtype=torch.float16, device=device)
        for rows in torch.split(self.lengths.argsort(), 64):
            places, mask = self._places(rows)
            x = encoder.ln(encoder.words[self._pieces[places]] + encoder.place[: mask.shape[1]])
            for layer in encoder.layers[:layers]:
                x = layer(x, mask[:, None, None, :])
            self._states[places[mask]] = x[mask].half()

    def _places(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return where the pieces of some texts lie (n, longest), and which of these are theirs (n, longest)."""
        lengths = self.lengths[rows]
        place = torch.arange(int(lengths.max()), device=rows.device)
        return (self._starts[rows][:, None] + place).clamp(max=len(self._pieces) - 1), place < lengths[:, None]

    def embed(self, encoder: Reader, rows: Tensor, parts: int) -> Tensor:
        """Pass texts through the upper layers, `parts` batches of about equal length. Returns (n, 384), unit length."""
        order = self.lengths[rows].argsort()
        vectors = [self._embed(encoder, part) for part in rows[order].chunk(parts)]
        return torch.cat(vectors)[order.argsort()]

    def _embed(self, encoder: Reader, rows: Tensor) -> Tensor:
        places, mask = self._places(rows)
        x = self._states[places].float()
        with torch.autocast("cuda", torch.bfloat16, enabled=x.is_cuda):
            for layer in encoder.layers[self._layers :]:
                x = layer(x, mask[:, None, None, :])
        return nn.functional.normalize((x.float() * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True), dim=1)


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

    All is done where `encoder` is, on a GPU or not. Yields the step and the encoder with its averaged weights ten times, the last time at the end.
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
    device = encoder.place.device
    long_asked, long_read = (torch.from_numpy(np.asarray(vectors, np.float32)).to(device) for vectors in long)
    barred = group_pairs(arrays["forbidden"])
    encoder.train()
    started, shown = time.monotonic(), np.zeros(2)
    for step, (examples, chunks) in enumerate(draw(arrays, negatives, steps, groups, seed)):
        is_same = chunks[: len(examples), None] == chunks
        for row, example in enumerate(examples.tolist()):
            is_same[row] |= np.isin(chunks, list(barred.get(example, ())))
        question_rows, chunk_rows = (torch.from_numpy(rows).to(device) for rows in (examples, chunks))
        q, c = asked.embed(encoder, question_rows, 2), read.embed(encoder, chunk_rows, 12)
        near = long_read[chunk_rows]
        is_out = (near[: len(examples)] @ near.T > SAME_TEXT) | torch.from_numpy(is_same).to(device)
        is_out.fill_diagonal_(False)
        scores = (q @ c.T / TEMPERATURE).masked_fill(is_out, -1e4)
        ranked = nn.functional.cross_entropy(scores, torch.arange(len(examples), device=device))
        turned = (2 - (q * long_asked[question_rows]).sum(1).mean() - (c * near).sum(1).mean()) / 2
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


@torch.no_grad()
def measure(encoder: Reader, lower: tuple[Lower, Lower], arrays: Mapping[str, NDArray[Any]]) -> dict[str, float]:
    """Return S@1 among the held-out articles' chunks for their questions, by source."""
    encoder.eval()
    held = arrays["is_dev"] & (arrays["positive"] >= 0)
    chunks = torch.from_numpy(np.unique(arrays["positive"][held]).astype(np.int64)).to(encoder.place.device)
    read = lower[1].embed(encoder, chunks, max(1, len(chunks) // 64))
    found = {}
    for source, name in enumerate(SOURCE_NAMES):
        rows = np.flatnonzero(held & (arrays["source"] == source))[:300]
        if len(rows):
            asked = lower[0].embed(encoder, torch.from_numpy(rows).to(chunks.device), max(1, len(rows) // 64))
            best = chunks[(asked @ read.T).argmax(1)].cpu().numpy()
            found[name] = float((best == arrays["positive"][rows]).mean())
    return found
