"""Canonical lines → the facts a document states about itself, each with the span of the line that states it."""

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile

from app.loading.paragraphs import DATE_LINE, Line
from app.text import SENTENCE_END, split_sentences
from app.types import Field, Span

NUMBER = "文号"
PROPOSAL = "提案编号"
TITLE = "标题"
ISSUER = "发文机关"
ADDRESSEE = "主送"
DATE = "成文日期"
PRINTED = "印发日期"
PRINTER = "印发机关"
CONTACT = "联系人"
PHONE = "联系电话"
ADDRESS = "联系地址"
POSTCODE = "邮政编码"
COPIES = "抄送"
OUTCOME = "办理结果"
DISCLOSURE = "公开属性"
CONSULTED = "会办单位"
SIGNER = "签发人"

LABELS = {
    CONTACT: ("联系人", "联系人姓名", "经办人", "承办人"),
    PHONE: ("联系电话", "电话", "咨询电话", "电话号码"),
    ADDRESS: ("联系地址", "地址", "通讯地址", "通信地址"),
    POSTCODE: ("邮政编码", "邮编"),
    COPIES: ("抄送", "抄报"),
    SIGNER: ("签发人",),
    ADDRESSEE: ("主送", "主送机关"),
    OUTCOME: ("办理结果",),
    DISCLOSURE: ("公开属性", "公开方式", "公开类别", "信息公开属性"),
    NUMBER: ("文号", "发文字号", "发文号"),
    ISSUER: ("发文机关", "发布机构", "发布机关", "制发机关", "发文单位"),
    DATE: ("成文日期", "发文日期", "成文时间"),
}
"""The keys of a field and the words that official documents put in front of its value."""
_KEYS = {label: key for key, labels in LABELS.items() for label in labels}

OTHER_LABEL_LENGTH = 8
HEAD_LINES = 12
"""The title stands in the first so many lines."""
DOCUMENT_NUMBER = re.compile(r"[\u3400-\u9fff]{1,12}\s*[〔\[［【（(]\s*\d{4}\s*[〕\]］】）)]\s*第?\s*\d{1,5}\s*号")
PROPOSAL_NUMBER = re.compile(
    r"第\s*([A-Z]?\d{2,6})\s*号\s*(?:提案|建议|议案)|(?:提案|建议|议案)\s*第\s*([A-Z]?\d{2,6})\s*号"
)
"""The number of the proposal that a reply answers."""
BODY = (
    "委员会|人民政府|办公厅|办公室|政府|委|局|厅|部|署|院|处|中心|公司|集团|大学|学院|学校|中学|小学|银行|联盟|党组|小组|"
    "[总支大]队|协会|学会|商会|工会|基金会|联合会|红十字会|妇联|残联|科协|工商联"
)
ISSUER_LINE = re.compile(rf"^[\u3400-\u9fff\s、（）()]{{2,40}}(?:{BODY})(?:文件)?$")
_NAME_LINE = re.compile(r"^[\u3400-\u9fff\s、（）()]{4,40}$")
"""What may be a body's name, whatever it ends with, where only a body's name stands."""
GENRE = (
    "答复|复函|通知|意见|办法|规定|方案|条例|细则|公告|决定|决议|函|批复|报告|通告|通报|规划|纲要|要点|公报|指南|说明|措施|"
    "计划|法|规则|准则|标准|目录|清单|请示|议案|提案|建议|纪要|政策|令|制度|解读"
)
TITLE_LINE = re.compile(rf"(?:{GENRE})(?:[（(][^（）()]*[)）])?$")
_LABELLED = re.compile(r"^([\u3400-\u9fff（）()\s]{2,12}?)\s*[：:]\s*(\S.*)$")
_ANNOUNCES = re.compile(r"。|如下|以下|下列|收悉")
_PRINTED_LINE = re.compile(
    rf"^(?P<body>[\u3400-\u9fff]{{2,30}}(?:{BODY})\s+)?(?P<date>[^\s年]{{2,4}}\s*年.{{2,12}}日)\s*印发$"
)
_ISO_DATE = re.compile(r"^\d{4}-\d{1,2}-\d{1,2}$")


def find_title(lines: Sequence[Line]) -> int | None:
    """Return the line that is the title: above the text, of a known genre (答复, 通知 …) or else a heading."""
    head = list(takewhile(lambda i: not _is_prose(lines[i]), range(min(len(lines), HEAD_LINES))))
    headings = [i for i in head if lines[i].level and not _is_letterhead(lines[i].text)]
    highest = min((lines[i].level for i in headings), default=0)
    headings = [i for i in headings if lines[i].level == highest]
    of_genre = [i for i in head if 4 <= len(lines[i].text) <= 80 and TITLE_LINE.search(lines[i].text)]
    plain = [i for i in of_genre if not lines[i].level and not _LABELLED.match(lines[i].text)]
    candidates = [*(i for i in headings if i in of_genre), *(plain or headings)]
    return candidates[0] if candidates else None


def find_fields(lines: Sequence[Line], starts: Sequence[int], title: int | None, other_title: str) -> tuple[Field, ...]:
    """Return the document's fields in the order of the text. `other_title` is that of a text without a title line."""
    fields = [*_labelled(lines, starts), *_unlabelled(lines, starts), *_consulted(lines, starts)]
    if title is not None:
        fields.append(Field(TITLE, lines[title].text, _span(lines, starts, title)))
        fields += _addressee(lines, starts, title)
        if match := PROPOSAL_NUMBER.search(lines[title].text):
            fields.append(Field(PROPOSAL, match.group(1) or match.group(2), _span(lines, starts, title)))
    elif not any(field.key == TITLE for field in fields):
        fields.append(outside_field(TITLE, other_title))
    fields += _issuer(lines, starts, title)
    first: dict[str, Field] = {}
    for field in sorted(fields, key=lambda field: field.span):
        first.setdefault(field.key, field)
    return tuple(first.values())


def outside_field(key: str, value: str) -> Field:
    """Return a field that is not stated in the text (it came beside it): its span is empty."""
    return Field(key, value, Span(0, 0))


def _is_letterhead(text: str) -> bool:
    return bool(ISSUER_LINE.match(text) or DOCUMENT_NUMBER.fullmatch(text))


def _is_prose(line: Line) -> bool:
    return not line.level and len(line.text) > 15 and line.text[-1] in SENTENCE_END + "."


def _span(lines: Sequence[Line], starts: Sequence[int], i: int) -> Span:
    return Span(starts[i], starts[i] + len(lines[i].text))


def _labelled(lines: Sequence[Line], starts: Sequence[int]) -> Iterator[Field]:
    """Yield the lines 「label：value」. Labels that LABELS does not know keep their own word as key."""
    for i, line in enumerate(lines):
        if several := _several(line.text):
            yield from (Field(key, value, _span(lines, starts, i)) for key, value in several)
            continue
        match = _LABELLED.match(line.text)
        if match is None or len(line.text) > 120:
            continue
        label, value = re.sub(r"\s", "", match.group(1)), match.group(2)
        if label in _KEYS:
            yield Field(_KEYS[label], value, _span(lines, starts, i))
        elif label == TITLE:
            if i < HEAD_LINES:
                yield Field(TITLE, value, _span(lines, starts, i))
        elif len(label) <= OTHER_LABEL_LENGTH and len(line.text) <= 60 and not re.search(r"[。；]", value):
            yield Field(label, value, _span(lines, starts, i))


_SEGMENT = re.compile(
    r"([\u3400-\u9fff]{2,6})\s*[：:]\s*([^；;，,、：:（）()\u3000]+?)\s*(?=[；;，,、（）()\u3000]|\s+[\u3400-\u9fff]{2,6}\s*[：:]|$)"
)


def _several(text: str) -> list[tuple[str, str]]:
    """Return the fields of a line that gives more than one: （联系人：陈强；联系电话：025-83335566）."""
    found = _SEGMENT.findall(text)
    is_known = any(label in _KEYS for label, _ in found)
    return (
        [(_KEYS.get(label, label), value) for label, value in found]
        if len(found) > 1 and is_known and len(text) <= 120
        else []
    )


_ORDER_NUMBER = re.compile(r"第\s*\d+\s*号")
"""How an order is numbered, below the line 某某人民政府令."""


def _unlabelled(lines: Sequence[Line], starts: Sequence[int]) -> Iterator[Field]:
    """Yield the 文号 that stands alone in a line or before other fields, the date, and who printed the document when."""
    for i, line in enumerate(lines):
        is_order = i > 0 and _ORDER_NUMBER.fullmatch(line.text) and lines[i - 1].text.endswith("令")
        alone, *beside = re.split(r"\s{2,}", line.text)
        if is_order or DOCUMENT_NUMBER.fullmatch(line.text):
            yield Field(NUMBER, line.text, _span(lines, starts, i))
        elif beside and DOCUMENT_NUMBER.fullmatch(alone):
            yield Field(NUMBER, alone, _span(lines, starts, i))
            labelled = (match for part in beside if (match := _LABELLED.match(part)))
            yield from (Field(_KEYS.get(m.group(1), m.group(1)), m.group(2), _span(lines, starts, i)) for m in labelled)
        elif match := _PRINTED_LINE.match(line.text):
            above = lines[i - 1].text if i else ""
            yield Field(PRINTED, match["date"], _span(lines, starts, i))
            if match["body"]:
                yield Field(PRINTER, match["body"].strip(), _span(lines, starts, i))
            elif ISSUER_LINE.match(above):
                yield Field(PRINTER, above, _span(lines, starts, i - 1))
        elif DATE_LINE.match(line.text) or _ISO_DATE.match(line.text):
            yield Field(DATE, line.text, _span(lines, starts, i))


def _addressee(lines: Sequence[Line], starts: Sequence[int], title: int) -> Iterator[Field]:
    """Yield the line behind the title that ends with a colon: whom the document is addressed to."""
    for i in range(title + 1, min(title + 4, len(lines))):
        text = lines[i].text
        if text[-1] in "：:" and len(text) <= 120 and text.strip("：: ") and not _ANNOUNCES.search(text):
            yield Field(ADDRESSEE, text.rstrip("：: "), _span(lines, starts, i))
            return


_CONSULTED = re.compile(
    r"经(?:会同|会商|征求|商|与)([^，,。；]{3,80}?)(?:意见|共同|联合)*(?:研究|会商|协商|商议|办理)*[，,。]"
    r"|主办[，,、]([^，,。；]{3,80}?)(?:会办|协办|参与办理)[，,。]"
)


def _consulted(lines: Sequence[Line], starts: Sequence[int]) -> Iterator[Field]:
    """Yield who else answers: 经会同甲局、乙局研究，现答复如下. Its span is the sentence."""
    for line, start in zip(lines, starts, strict=True):
        if re.search("收悉|答复如下", line.text) and (match := _CONSULTED.search(line.text)):
            sentences = split_sentences(line.text)
            inside = next(span for span in sentences if span.start <= match.start() < span.end)
            bodies = match.group(1) or match.group(2)
            yield Field(CONSULTED, bodies, Span(start + inside.start, start + inside.end))
            return


def _issuer(lines: Sequence[Line], starts: Sequence[int], title: int | None) -> Iterator[Field]:
    """Yield the issuing body: the line above the title, else the signature above the date."""
    above = [i for i in range(title or 0) if ISSUER_LINE.match(lines[i].text) or _is_over_number(lines, i)]
    dates = [i for i, line in enumerate(lines) if DATE_LINE.match(line.text) and not line.text.endswith("印发")]
    signed = [i - 1 for i in dates if i and _is_signature(lines, i - 1)]
    for i in [*above[:1], *signed[:1]][:1]:
        yield Field(ISSUER, lines[i].text.removesuffix("文件"), _span(lines, starts, i))


def _is_over_number(lines: Sequence[Line], i: int) -> bool:
    return bool(_NAME_LINE.match(lines[i].text) and DOCUMENT_NUMBER.fullmatch(lines[i + 1].text))


def _is_signature(lines: Sequence[Line], i: int) -> bool:
    """Tell the line over a date that is a body's name; at the end of a document that may end with anything."""
    pattern = _NAME_LINE if i >= len(lines) // 2 else ISSUER_LINE
    return bool(pattern.match(lines[i].text)) and not TITLE_LINE.search(lines[i].text)
