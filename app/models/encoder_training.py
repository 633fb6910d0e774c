"""Teach an encoder that merges pieces to embed as one that does not.

Distillation (Hinton et al., arXiv:1503.02531): each row of the last layer towards the mean of what the whole encoder makes
of the pieces behind it, and the text's vector towards the whole encoder's. No questions or answers are needed, only texts.
"""

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from app.models.graph import HIDDEN, MERGING, merged_rows
from app.models.reader_network import Layer, Reader

Texts = Sequence[NDArray[np.uint16]]

RUN = 2000
"""Pieces of texts of one length that go through the network at once."""
VECTOR = 10.0
"""What 1 − cosine of the text's vector counts beside the rows' relative squared distance."""


class Whole:
    """What the whole encoder makes of texts, a row a piece: float16, after the layers below the merging and after the last."""

    @torch.no_grad()
    def __init__(self, encoder: Reader, texts: Texts) -> None:
        lengths = [len(text) for text in texts]
        self._starts = np.cumsum(lengths) - lengths
        self.lower, self.last = (torch.zeros(sum(lengths), HIDDEN, dtype=torch.float16) for _ in range(2))
        for rows in same_length(lengths):
            ids = torch.from_numpy(np.stack([texts[row] for row in rows]).astype(np.int64))
            x = encoder.embed(ids)
            places = self.places(rows, ids.shape[1])
            with bfloat16():
                for number, layer in enumerate(encoder.layers):
                    if number == MERGING[0]:
                        self.lower[places] = x.half()
                    x = layer(x, None)
            self.last[places] = x.half()

    def places(self, rows: Sequence[int], length: int) -> Tensor:
        """Where the pieces of some texts of one length are, int64 (texts, pieces)."""
        return torch.from_numpy(self._starts[list(rows), None] + np.arange(length))


def bfloat16() -> torch.autocast:
    """Matrices in 16 bits: two and a half times as fast where a processor has them."""
    return torch.autocast("cpu", torch.bfloat16)


def same_length(lengths: Sequence[int]) -> list[list[int]]:
    """Group texts of equal length, at most `RUN` pieces a group. Returns their rows."""
    by_length: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        by_length.setdefault(length, []).append(row)
    groups = []
    for length, rows in by_length.items():
        count = max(1, RUN // length)
        groups += [rows[start : start + count] for start in range(0, len(rows), count)]
    return groups


def merge(x: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Merge rows as the graph does (app/models/graph.py). x (texts, rows, 384); sizes (texts, rows), the pieces of each.

    Returns both anew, and for each row before, int64 (texts, rows), its row now.
    """
    count, half = merged_rows(x.shape[1]), (x.shape[1] + 1) // 2
    with torch.no_grad():
        unit = nn.functional.normalize(x, dim=2)
        likeness, nearest = (unit[:, 0::2] @ unit[:, 1::2].transpose(1, 2)).max(2)
        order = likeness.argsort(dim=1, descending=True, stable=True)
        moved, stays = order[:, :count], order[:, count:]
        goes = nearest.gather(1, moved)
        now = torch.zeros_like(sizes, dtype=torch.int64)
        now[:, 1::2] = torch.arange(half - count, x.shape[1] - count)
        now.scatter_(1, stays * 2, torch.arange(half - count).expand_as(stays))
        now.scatter_(1, moved * 2, half - count + goes)
    merged = torch.zeros_like(sizes[:, count:]).scatter_add(1, now, sizes)
    return gather_sums(x * sizes[:, :, None], now, merged.shape[1]) / merged[:, :, None], merged, now


def gather_sums(x: Tensor, places: Tensor, rows: int) -> Tensor:
    """Add up x (texts, n, 384) by the row that each belongs to. Returns (texts, rows, 384)."""
    return x.new_zeros(x.shape[0], rows, x.shape[2]).scatter_add(1, places[:, :, None].expand_as(x), x)


def embed(encoder: Reader, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pass what the lower layers made (texts, pieces, 384) through the layers from the first that merges.

    Returns the last layer (texts, rows, 384), how many pieces each row stands for (texts, rows) and the row of each piece
    (texts, pieces).
    """
    sizes, rows = torch.ones(x.shape[:2]), torch.arange(x.shape[1]).expand(x.shape[:2])
    for number in range(MERGING[0], len(encoder.layers)):
        layer = encoder.layers[number]
        assert isinstance(layer, Layer)
        x, sizes, now = attend(layer, number, x, sizes)
        rows = now.gather(1, rows)
        with bfloat16():
            x = layer.feed(x)
    return x.float(), sizes, rows


def attend(layer: Layer, number: int, x: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pass rows through a layer's attention, and merge them if the layer, counted from 0, is one that does.

    Takes and returns x (texts, rows, 384) and how many pieces each row stands for (texts, rows); and returns for each row
    before, int64 (texts, rows), its row now.
    """
    with bfloat16():
        x = layer.attend(x, sizes.log()[:, None, None, :])
    if number in MERGING and merged_rows(x.shape[1]):
        return merge(x.float(), sizes)
    return x.float(), sizes, torch.arange(x.shape[1]).expand(sizes.shape)


def differences(encoder: Reader, whole: Whole, rows: Sequence[int], length: int) -> tuple[Tensor, Tensor]:
    """Compare texts of one length with what the whole encoder makes of them.

    Returns 1 − cosine of the vectors and the rows' squared distance relative to their squared length, both (texts,).
    """
    places = whole.places(rows, length)
    last = whole.last[places].float()
    x, sizes, row_of = embed(encoder, whole.lower[places].float())
    vector = nn.functional.normalize((x * sizes[:, :, None]).sum(1), dim=1)
    aim = gather_sums(last, row_of, x.shape[1]) / sizes[:, :, None]
    distance = ((x - aim).square().sum(2) * sizes).sum(1) / last.square().sum((1, 2))
    return 1 - (vector * nn.functional.normalize(last.mean(1), dim=1)).sum(1), distance


def distil(
    encoder: Reader, whole: Whole, lengths: Sequence[int], *, steps: int, pieces: int, rate: float, seed: int = 0
) -> Iterator[tuple[int, Reader]]:
    """Train the layers from the first that merges, `pieces` a step.

    A text counts as the square root of its pieces: a question's vector matters, too. Yields the step and the encoder with its
    averaged weights ten times, the last time at the end.
    """
    parameters = list(encoder.layers[MERGING[0] :].parameters())
    optimizer = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.98), weight_decay=0.0)
    warm = max(1, steps // 40)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / warm) * max(0.02, 1 - step / steps)
    )
    smooth = torch.optim.swa_utils.get_ema_multi_avg_fn(0.99)  # type: ignore[no-untyped-call]
    averaged = torch.optim.swa_utils.AveragedModel(encoder, multi_avg_fn=smooth)
    drawn = draw(lengths, seed)
    started, shown = time.monotonic(), np.zeros(2)
    for step in range(steps):
        runs: list[list[int]] = []
        while sum(len(rows) * lengths[rows[0]] for rows in runs) < pieces:
            runs.append(next(drawn))
        weights = [len(rows) * lengths[rows[0]] ** 0.5 for rows in runs]
        optimizer.zero_grad(set_to_none=True)
        for rows, weight in zip(runs, weights, strict=True):
            turned, distance = (part.mean() for part in differences(encoder, whole, rows, lengths[rows[0]]))
            share = weight / sum(weights)
            (share * (VECTOR * turned + distance)).backward()
            shown = 0.98 * shown + 0.02 * np.array([float(turned.detach()), float(distance.detach())])
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        averaged.update_parameters(encoder)
        if (step + 1) % max(1, steps // 40) == 0:
            seconds = time.monotonic() - started
            print(f"step {step + 1}/{steps}, {seconds:.0f} s: 1 - cos {shown[0]:.5f}, rows {shown[1]:.4f}", flush=True)
        if (step + 1) % max(1, steps // 10) == 0 or step == steps - 1:
            assert isinstance(averaged.module, Reader)
            yield step + 1, averaged.module


def draw(lengths: Sequence[int], seed: int) -> Iterator[list[int]]:
    """Yield texts of one length, at most `RUN` pieces, again and again all of them."""
    chance = np.random.default_rng(seed)
    while True:
        order = chance.permutation(len(lengths))
        groups = same_length([lengths[row] for row in order])
        for number in chance.permutation(len(groups)):
            yield [int(order[row]) for row in groups[number]]


@torch.no_grad()
def measure(encoder: Reader, whole: Whole, lengths: Sequence[int], bounds: Sequence[int]) -> list[float]:
    """Return the mean 1 − cosine of texts of up to so many pieces, bound by bound."""
    found = [float(differences(encoder, whole, [row], length)[0]) for row, length in enumerate(lengths)]
    kinds = np.searchsorted(bounds, lengths)
    return [
        float(np.mean([value for value, of in zip(found, kinds, strict=True) if of == kind]))
        for kind in range(len(bounds))
    ]
