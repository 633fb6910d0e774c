"""What the encoder's feed-forward layers are left with, and that it does the part of what is gone."""

import numpy as np
import pytest

pytest.importorskip("onnx")
torch = pytest.importorskip("torch")

from app.encoders import SHIPPED_FOLDER  # noqa: E402
from app.models.encoder_pruning import INNER_LEFT, keep_channels, prune  # noqa: E402
from app.models.graph import INNER, LAYERS  # noqa: E402
from app.models.reader_network import Layer, Reader, read_encoder, start_from  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

CHANNELS, LEFT = 12, 5


def layers_of(encoder: Reader) -> list[Layer]:
    return [layer for layer in encoder.layers if isinstance(layer, Layer)]


def test_channels_that_others_can_replace_go_first() -> None:
    torch.manual_seed(0)
    basis = torch.randn(400, LEFT, dtype=torch.float64)
    values = torch.cat([basis, basis @ torch.randn(LEFT, CHANNELS - LEFT, dtype=torch.float64)], dim=1)
    values -= values.mean(0)
    weights = torch.randn(CHANNELS, 3, dtype=torch.float64)
    kept, new = keep_channels(values.T @ values / 400, weights, LEFT)
    assert len(kept) == len(new) == LEFT
    assert (values[:, kept] @ new - values @ weights).norm() < 0.01 * (values @ weights).norm()


def test_the_rest_takes_over_by_least_squares() -> None:
    torch.manual_seed(0)
    values = torch.randn(400, CHANNELS, dtype=torch.float64) @ torch.randn(CHANNELS, CHANNELS, dtype=torch.float64)
    values -= values.mean(0)
    weights = torch.randn(CHANNELS, 3, dtype=torch.float64)
    kept, new = keep_channels(values.T @ values / 400, weights, LEFT)
    best = torch.linalg.lstsq(values[:, kept], values @ weights).solution
    torch.testing.assert_close(new, best, atol=0.02, rtol=0.02)


def test_what_is_there_twice_can_go() -> None:
    torch.manual_seed(0)
    encoder = Reader(40, dropout=0.0, inner=[64] * LAYERS).eval()
    encoder.words.copy_(torch.randn(encoder.words.shape))
    for layer in layers_of(encoder):
        layer.fi.weight.data[32:] = layer.fi.weight.data[:32]
        layer.fi.bias.data[32:] = layer.fi.bias.data[:32]
    chance = np.random.default_rng(0)
    texts = [chance.integers(0, 40, length).astype(np.uint16) for length in [15, 40, 40, 90] * 5]
    ids = torch.from_numpy(texts[1].astype(np.int64))[None]
    mask = torch.ones_like(ids, dtype=torch.bool)
    before = encoder.hidden(ids, mask)
    prune(encoder, texts, [64, 64] + [32] * (LAYERS - 2))
    assert [layer.fi.out_features for layer in layers_of(encoder)] == [64, 64] + [32] * (LAYERS - 2)
    torch.testing.assert_close(encoder.hidden(ids, mask), before, atol=0.01, rtol=0.01)


def test_the_shipped_encoder_is_narrowed_above_the_second_layer() -> None:
    encoder = start_from(read_encoder(SHIPPED_FOLDER / "model.onnx"))
    assert tuple(layer.fi.out_features for layer in layers_of(encoder)) == INNER_LEFT
    assert INNER_LEFT[:2] == (INNER, INNER)
