"""Raw text of a file → Document."""

import hashlib
from itertools import accumulate

from app.loading import fields as field_keys
from app.loading.fields import find_fields
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
    """Read the text of a file. `name` stands in for a title that the text lacks; `title` and `extra` fields overrule it."""
    lines = canonical_lines(raw)
    starts = list(accumulate((len(line.text) + 1 for line in lines), initial=0))[: len(lines)]
    text = "\n".join(line.text for line in lines)
    fields = find_fields(lines, starts, title or name or document_id) if lines else ()
    known = {field.key for field in extra}
    fields = (*extra, *(field for field in fields if field.key not in known))
    found = next((field.value for field in fields if field.key == field_keys.TITLE), name or document_id)
    return Document(
        id=document_id,
        title=title or found,
        text=text,
        sections=find_sections(lines, starts, len(text)) if lines else (),
        fields=fields,
        source=source,
        sha256=sha256 or hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest(),
    )


def outside_field(key: str, value: str) -> Field:
    """Return a field that is not stated in the text (it came beside it): its span is empty."""
    return Field(key, value, Span(0, 0))
