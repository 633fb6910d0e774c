"""Leave out the inner channels of feed-forward layers that are needed least; what they did the others take over.

Optimal Brain Surgeon (Hassibi et al., *Optimal Brain Surgeon and general network pruning*, 1993) for whole channels: from
how channels go together on real texts follows what leaving one out costs, and how the weights of the others make up for it.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from app.models.encoder_training import Texts, attend, same_length
from app.models.reader_network import Layer, Reader

INNER_LEFT = (1536, 1536, 1216, 1216, 1216, 1216, 1088, 1088, 1088, 1216, 1024, 256)
"""Channels that each layer keeps of 1,536. The last layer does without the others: they add 5e-5 of what varies there.

Elsewhere these cost .003 to .005 of it before any training; the two lowest layers stay as they are.
"""
DAMPING = 1e-4
"""Share of the mean variance that is added to each channel's: some vary too little to be told apart."""


@torch.no_grad()
def prune(encoder: Reader, texts: Texts, inner: Sequence[int] = INNER_LEFT) -> None:
    """Narrow the layers of an encoder that merges to `inner` channels each, from below, as these texts need them."""
    states = []
    for rows in same_length([len(text) for text in texts]):
        ids = torch.stack([torch.from_numpy(texts[row].astype("int64")) for row in rows])
        states.append((encoder.embed(ids), torch.ones(ids.shape)))
    for number, (layer, left) in enumerate(zip(encoder.layers, inner, strict=True)):
        assert isinstance(layer, Layer)
        states = [attend(layer, number, x, sizes)[:2] for x, sizes in states]
        if left < layer.fi.out_features:
            _narrow(layer, [x for x, _ in states], left)
        states = [(layer.feed(x), sizes) for x, sizes in states]


def _narrow(layer: Layer, inputs: Iterable[Tensor], left: int) -> None:
    """Keep `left` channels of the layer's second half, whose inputs are like these (texts, rows, 384)."""
    mean, covariance = _moments(nn.functional.gelu(layer.fi(x)).flatten(0, 1) for x in inputs)
    weights = layer.fo.weight.double().T
    kept, new = keep_channels(covariance, weights, left)
    bias = layer.fo.bias.double() + mean @ weights - mean[kept] @ new
    fi, fo = nn.Linear(layer.fi.in_features, left), nn.Linear(left, layer.fo.out_features)
    fi.weight.copy_(layer.fi.weight[kept])
    fi.bias.copy_(layer.fi.bias[kept])
    fo.weight.copy_(new.T)
    fo.bias.copy_(bias)
    layer.fi, layer.fo = fi, fo


def _moments(values: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean (channels,) and covariance (channels, channels) of all rows, float64."""
    count, total, products = 0, torch.zeros(()), torch.zeros(())
    for rows in map(Tensor.double, values):
        count, total, products = count + len(rows), total + rows.sum(0), products + rows.T @ rows
    mean = total / count
    return mean, products / count - torch.outer(mean, mean)


def keep_channels(covariance: Tensor, weights: Tensor, left: int) -> tuple[Tensor, Tensor]:
    """Choose `left` of n channels, which go into `weights` (n, outputs), all float64.

    One after the other goes the one without which the outputs change least, and the weights of the rest become the least
    squares for what it did. Returns the channels kept, int64 (left,), and their weights (left, outputs).
    """
    weights = weights.clone()
    damped = covariance + torch.eye(len(covariance)) * DAMPING * covariance.diagonal().mean()
    inverse = torch.linalg.inv(damped)
    kept = torch.ones(len(weights), dtype=torch.bool)
    for _ in range(len(weights) - left):
        cost = weights.square().sum(1) / inverse.diagonal()
        channel = int(cost.masked_fill(~kept, torch.inf).argmin())
        column = inverse[:, channel] / inverse[channel, channel]
        weights -= torch.outer(column, weights[channel])
        inverse -= torch.outer(column, inverse[channel])
        kept[channel] = False
        inverse[channel, channel] = 1  # all else about it is zero now; this only keeps `cost` finite
    channels = kept.nonzero().flatten()
    return channels, weights[channels]
