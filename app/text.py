"""Sentence spans, folding for search, and search tokens. Pure functions over any text."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

import opencc

from app.types import Span

SENTENCE_END = "。！？!?"
CLAUSE_END = "；;"
TOPIC_CHARS = 30
"""A numbered sentence longer than this says something itself."""
CLOSERS = "”’』」》〉）)】］]〕\"'"
BRACKETS = {"“": "”", "‘": "’", "「": "」", "『": "』", "（": "）", "《": "》", "〈": "〉", "【": "】", "〔": "〕"}

_PAIRED = BRACKETS | {"(": ")", '"': '"'}
_BRACKET = re.compile("[\n" + re.escape("".join([*_PAIRED, *_PAIRED.values()])) + "]")
_BREAK = re.compile("[\n." + re.escape(SENTENCE_END + CLAUSE_END + "".join(_PAIRED)) + "]")
_FULL_STOP = re.compile(r"\.(?=[\"'”’)\]]*(?:\s+[^\s\da-z(,]|\s*\Z))")
_NO_FULL_STOP = re.compile(
    r"(?:\b[A-Za-z]|\b(?:No|Mr|Mrs|Ms|Dr|St|vs|etc|Fig|Art|Inc|Ltd|Co)|(?:^|[.。；;：:!?！？])\s*\d{1,2})\Z",
    re.MULTILINE,
)
"""What stands before a dot that ends no sentence: an initial, an abbreviation, the number of an item."""
_NEW_SENTENCE = re.compile(r"\s+[A-Z]")
_IN_ADDRESS = re.compile(r"(?<=[A-Za-z\d/=])[!?](?=[A-Za-z\d/=_])")
WORD_PATTERN = r"[a-z0-9]+(?:[.,:/+_-][a-z0-9]+)*%?"
"""A search token that is not Chinese, in folded text: a word, a number, a date; ASCII letters and digits only."""
_TOKEN = re.compile(WORD_PATTERN + r"|[\u3400-\u9fff\U00020000-\U0003ffff〇]+", re.ASCII)


def is_cjk(character: str) -> bool:
    """Tell whether a character is a Chinese ideograph."""
    return "\u3400" <= character <= "\u9fff" or "\U00020000" <= character <= "\U0003ffff" or character == "〇"


def has_cjk(text: str) -> bool:
    """Tell whether a text has a Chinese ideograph."""
    return any(map(is_cjk, text))


@lru_cache(maxsize=1)
def _folding_table() -> dict[int, str]:
    """Map every character whose search form differs to that form, one character for one."""
    characters = [chr(code) for code in range(0x80, 0x10000) if not 0xD800 <= code < 0xE000]
    plain = [_same_length(character, unicodedata.normalize("NFKC", character).lower()) for character in characters]
    simplified = opencc.OpenCC("t2s").convert("\n".join(plain)).split("\n")
    table = {code: chr(code + 32) for code in range(ord("A"), ord("Z") + 1)}
    for character, form, simple in zip(characters, plain, simplified, strict=True):
        table[ord(character)] = _same_length(form, simple)
    table |= {ord("〔"): "[", ord("〕"): "]", ord("【"): "[", ord("】"): "]"}
    return {code: form for code, form in table.items() if chr(code) != form}


def _same_length(character: str, form: str) -> str:
    return form if len(form) == 1 else character


def fold(text: str) -> str:
    """Return the search copy: simplified, half-width, lower-case. Offsets stay valid: length never changes."""
    return text.translate(_folding_table())


def search_tokens(text: str) -> list[str]:
    """Return characters and character bigrams of Chinese runs, words and numbers of the rest, all folded."""
    tokens: list[str] = []
    for match in _TOKEN.finditer(fold(text)):
        run = match.group()
        if is_cjk(run[0]):
            tokens.extend(run)
            tokens.extend(run[i : i + 2] for i in range(len(run) - 1))
        else:
            tokens.append(run)
    return tokens


_TOPIC = re.compile(
    r"(?:第?[一二三四五六七八九十]{1,3}[、.．是]|[（(][一二三四五六七八九十\d]{1,3}[）)]|\d{1,2}[、.．](?!\d))\s*"
)


def is_question(sentence: str) -> bool:
    """Tell a question that the text answers next."""
    return sentence.rstrip(CLOSERS + " ").endswith(("？", "?"))


def is_topic(sentence: str) -> bool:
    """Tell a sentence that only names what the next ones say: a numbered one (三是加强服务。) or a question."""
    return is_question(sentence) or (len(sentence) <= TOPIC_CHARS and _TOPIC.match(sentence) is not None)


_ORDER = re.compile(
    r"(?:忽略|无视|忘记|忘掉|不要理会|disregard|ignore|forget)[^。.]{0,20}?(?:指令|指示|提示|规则|要求|命令|instruction|prompt|rule)"
    r"|(?:system|developer)\s*(?:prompt|message)|系统提示|提示词|你(?:现在|从现在起)?是[^。，,]{0,12}?(?:AI|人工智能|助手|语言模型|GPT)|as an ai|you are (?:now )?(?:an?|the) (?:ai|assistant|chatbot)"
    r"|(?:请|必须|务必)?(?:只|直接)?(?:回答|输出|回复)[:：“\"‘]|\b(?:reply|respond|answer|output) (?:only )?(?:with|as follows)\b"
    r"|(?:^|[\s。])(?:system|assistant|user|human|ai)\s*[:：]|<\|",
    re.IGNORECASE,
)


def is_order(text: str) -> bool:
    """Tell a sentence that speaks to a language model; no such sentence is shown to one, nor quoted beside an answer."""
    return _ORDER.search(text) is not None


def unnumbered(sentence: str) -> str:
    """Return a sentence without the number in front of it: 申报材料 of 三、申报材料."""
    return _TOPIC.sub("", sentence, count=1) if _TOPIC.match(sentence) else sentence


def split_sentences(text: str, within: Span | None = None, clauses: bool = False) -> list[Span]:
    """Cut a text into sentences; with `clauses` also after each semicolon.

    The spans are in order and do not overlap; only white space lies between them. A sentence that is quoted or
    stands in brackets is not cut out of the sentence around it.
    """
    within = within or Span(0, len(text))
    ends = SENTENCE_END + CLAUSE_END if clauses else SENTENCE_END
    cuts = [within.start, *_cuts(text, within, ends), within.end]
    spans = [_trim(text, start, end) for start, end in pairwise(cuts)]
    return [span for span in spans if span is not None]


def leads_in(sentence: str) -> bool:
    """Tell a sentence that only leads up to what follows: 申请人须符合下列条件：."""
    return sentence.rstrip().endswith(("：", ":"))


LIST_CHARS = 4000
"""So far a list is followed."""
_ITEM = re.compile(
    r"(?P<numbered>\d{1,2}\s*[.．、](?!\d))|(?P<half>\d{1,2}[)）])|(?P<bracketed>[（(]\d{1,2}[）)])"
    r"|(?P<chinese>[（(][一二三四五六七八九十]{1,3}[）)])|(?P<circled>[①-⑳])|(?P<dotted>[-•·●])"
    r"|(?P<point>[一二三四五六七八九十]{1,2}是)|(?P<ordinal>第[一二三四五六七八九十][，,、])"
)


def items_after(text: str, lead: Span) -> list[Span]:
    """Return the items of the list behind a heading or a lead-in: the first sentence of each, without a semicolon.

    None if no list follows. A lead-in may stand between the heading and the list; items of another style that stand
    among those of the first are part of these.
    """
    own = _item_style(lead.of(text))
    items: list[Span] = []
    style = ""
    for span in split_sentences(text, Span(lead.end, min(len(text), lead.end + LIST_CHARS)), clauses=True):
        sentence = span.of(text)
        found = _item_style(sentence)
        if found and found != own and (not style or found == style):
            style = found
            items.append(Span(span.start, span.end - 1) if sentence[-1] in CLAUSE_END else span)
        elif (found and found == own) or not (found or _goes_on(text, items, lead, span)):
            break
    return items


def lead_of(text: str, item: Span) -> str:
    """Return the line that leads in the list of which a line is an item: 申请人须符合下列条件：; empty if none does."""
    style = _item_style(item.of(text))
    if style is None or text[max(0, item.start - 1) : item.start] not in ("", "\n"):
        return ""
    for line in reversed(text[max(0, item.start - LIST_CHARS) : item.start].rstrip().split("\n")):
        if _item_style(line.strip()) != style:
            return line.strip() if leads_in(line) else ""
    return ""


def list_around(text: str, item: Span) -> tuple[str, list[Span]]:
    """Return the nearest heading or lead-in behind which a sentence is an item, and all items; nothing if it is in no list."""
    if _item_style(item.of(text)) is None:
        return "", []
    before = Span(max(0, item.start - LIST_CHARS), item.start)
    for span in reversed(split_sentences(text, before, clauses=True)):
        sentence = span.of(text)
        is_head = sentence[-1] not in SENTENCE_END + CLAUSE_END or (sentence[-1] in SENTENCE_END and is_topic(sentence))
        if is_head and item in (items := items_after(text, span)):
            return sentence, items
    return "", []


def _item_style(sentence: str) -> str | None:
    match = _ITEM.match(sentence)
    return match.lastgroup if match else None


def _goes_on(text: str, items: Sequence[Span], lead: Span, span: Span) -> bool:
    """Tell a further sentence of the last item, or the lead-in right behind the heading."""
    if items:
        return "\n" not in text[items[-1].end : span.start]
    return leads_in(span.of(text)) and not leads_in(lead.of(text))


def _cuts(text: str, within: Span, ends: str) -> Iterator[int]:
    """Yield the offsets behind which a new sentence starts, in order."""
    pairs = _bracket_pairs(text, within)
    position = within.start
    while match := _BREAK.search(text, position, within.end):
        i, character = match.start(), match.group()
        position = i + 1
        if i in pairs:
            position = pairs[i] + 1
            if _ends_with_quote(text, i, pairs[i], within.end):
                yield position
        elif character == "\n":
            yield position
        elif _is_full_stop(text, i) if character == "." else character in ends and not _IN_ADDRESS.match(text, i):
            while position < within.end and text[position] in ends + CLOSERS + "…" and position not in pairs:
                position += 1
            yield position


def _bracket_pairs(text: str, within: Span) -> dict[int, int]:
    """Map each opening bracket and quotation mark to its closing one in the same line; unclosed ones are left out."""
    pairs: dict[int, int] = {}
    opened: list[tuple[str, int]] = []
    awaited: Counter[str] = Counter()
    for match in _BRACKET.finditer(text, within.start, within.end):
        character = match.group()
        if character == "\n":
            opened.clear()
            awaited.clear()
        elif awaited[character]:
            closer, offset = "", 0
            while closer != character:
                closer, offset = opened.pop()
                awaited[closer] -= 1
            pairs[offset] = match.start()
        elif character in _PAIRED:
            opened.append((_PAIRED[character], match.start()))
            awaited[_PAIRED[character]] += 1
    return pairs


def _ends_with_quote(text: str, opening: int, closing: int, end: int) -> bool:
    """Tell a sentence that ends with its quote: 他说：“……。” and, before a capital letter, "We agree." """
    if text[closing] not in '”’」』"' or text[closing - 1] not in SENTENCE_END + ".":
        return False
    is_introduced = opening > 0 and text[opening - 1] in "：:"
    goes_on = closing + 1 < end and text[closing + 1] in "，、；：。！？,;:!?的等"
    return (is_introduced and not goes_on) or bool(_NEW_SENTENCE.match(text, closing + 1))


def _is_full_stop(text: str, i: int) -> bool:
    """Tell a full stop of an English sentence from a decimal point, an abbreviation or an item number."""
    return bool(_FULL_STOP.match(text, i)) and not _NO_FULL_STOP.search(text, max(0, i - 12), i)


def _trim(text: str, start: int, end: int) -> Span | None:
    """Return the span without surrounding white space, or None if nothing is left."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end) if end > start else None
