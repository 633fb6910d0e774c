"""The shipped encoder against the float32 model it was made from and the packaged engine: speed and rankings."""

from app.config import Settings


def bench_encoder(settings: Settings) -> str:
    """Measure everything once, side by side, and return a table."""
    raise SystemExit("not measured yet")
