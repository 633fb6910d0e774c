"""A draft while it is being written → its sentences, each as soon as it is complete. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from app.answering.facts import MARK
from app.text import split_sentences

MAX_SENTENCES = 8
"""A model that goes on longer than this is stopped."""
MAX_CHARS = 2000
"""And one that writes so much without an end of sentence."""

_MARKS_BEHIND = re.compile(
    r"([。！？!?.；;]+[”’」』）)》\"]*)((?:\s*[\[［【]\s*\d{1,3}(?:\s*[,，、]\s*\d{1,3})*\s*[\]］】])+)"
)
_OPEN_MARK = re.compile(r"\s*(?:[\[［【][\d,，、\s]*)?$")
"""What may yet become a citation mark."""
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_ABSENT = re.compile(
    r"(?:资料|文件|材料|原文|文中|上述内容)(?:中|里)?(?:并|都|均|也)?(?:没有|未|无)(?:明确)?(?:提及|提到|提供|说明|涉及|写明|包含|给出|找到|相关|具体|这|该|关于|记载)"
    r"|未提及|没有提及|未提到|没有提到|无法(?:回答|得知|确定|判断)|无相关信息"
    r"|(?:not|n't) (?:mention|state|provide|specif|contain|include|say)|no (?:information|mention)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Draft:
    """One sentence of a draft, and the numbers of the passages it cites."""

    text: str
    cited: tuple[int, ...]

    @property
    def says_nothing(self) -> bool:
        """Tell a sentence that says that the passages do not answer."""
        return _ABSENT.search(self.text) is not None


def read_drafts(pieces: Iterable[str]) -> Iterator[Draft | None]:
    """Yield the sentences of a text that comes in pieces, and None after each piece; what the model thinks aloud is left out.

    Ends, and with it closes what writes the pieces, after MAX_SENTENCES or when the model repeats itself.
    """
    written, done, seen = "", 0, set[str]()
    for piece in pieces:
        written += piece
        complete = _complete(_tidy(written))
        for text in complete[done:]:
            if text in seen or len(seen) >= MAX_SENTENCES:
                return
            seen.add(text)
            yield _draft(text)
        done = max(done, len(complete))
        if len(written) > MAX_CHARS:
            return
        yield None
    for text in _sentences(_tidy(written))[done:]:
        if text not in seen and len(seen) < MAX_SENTENCES:
            seen.add(text)
            yield _draft(text)


def _tidy(written: str) -> str:
    """Return the text without thoughts and with each citation mark before the end of its sentence."""
    return _MARKS_BEHIND.sub(lambda match: match.group(2) + match.group(1), _THOUGHT.sub("", written))


def _sentences(text: str) -> list[str]:
    return [span.of(text) for span in split_sentences(text)]


def _complete(text: str) -> list[str]:
    """Return the sentences that something follows which is no citation mark."""
    spans = split_sentences(text)
    while spans and (len(spans) == 1 or _OPEN_MARK.fullmatch(text, spans[-1].start)):
        if not _OPEN_MARK.fullmatch(text, spans[-1].start):
            return []
        spans = spans[:-1]
    return [span.of(text) for span in spans[:-1]] if spans else []


def _draft(text: str) -> Draft:
    numbers = [int(number) for mark in MARK.findall(text) for number in re.findall(r"\d+", mark)]
    return Draft(text, tuple(dict.fromkeys(numbers)))
