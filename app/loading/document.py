"""Raw text of a file → Document."""

import hashlib
from itertools import accumulate

from app.loading import fields as field_keys
from app.loading.fields import find_fields, find_title
from app.loading.paragraphs import canonical_lines
from app.loading.structure import find_sections
from app.types import Document, Field, Span


def make_document(
    document_id: str,
    raw: str,
    *,
    name: str = "",
    title: str = "",
    source: str = "",
    sha256: str = "",
    extra: tuple[Field, ...] = (),
) -> Document:
    """Read the text of a file. `name` stands in for a title that the text lacks; `title` and `extra` overrule the text."""
    lines = canonical_lines(raw)
    starts = list(accumulate((len(line.text) + 1 for line in lines), initial=0))[: len(lines)]
    text = "\n".join(line.text for line in lines)
    if title:
        title_line = next((i for i, line in enumerate(lines) if line.text == title), None)
        start = starts[title_line] if title_line is not None else 0
        length = len(title) if title_line is not None else 0
        extra = (*extra, Field(field_keys.TITLE, title, Span(start, start + length)))
    else:
        title_line = find_title(lines)
    known = {field.key for field in extra}
    stated = find_fields(lines, starts, title_line, name or document_id)
    fields = (*extra, *(field for field in stated if field.key not in known))
    return Document(
        id=document_id,
        title=next(field.value for field in fields if field.key == field_keys.TITLE),
        text=text,
        sections=find_sections(lines, starts, len(text), title_line),
        fields=fields,
        source=source,
        sha256=sha256 or hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest(),
    )
