"""Questions about the document itself (文号? 联系人? 哪天?), answered from the line that says it."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.answering.lexicon import words
from app.answering.matching import match_term, squeeze
from app.answering.question import Question
from app.answering.terms import Term
from app.loading import fields as keys
from app.text import fold
from app.types import Document, Field, Span

ASKS: dict[str, re.Pattern[str]] = {
    keys.NUMBER: re.compile(r"文号|发文字号|文件(?:编)?号|公文号|答复(?:编)?号|发文号|第?几号[\u3400-\u9fff]{0,4}令|令号|\b(?:document|reference|file) (?:number|no)\b"),
    keys.PROPOSAL: re.compile(r"(?:提案|建议|议案)的?(?:编号|号码?|序号)|第?几号(?:提案|建议|议案)|(?:提案|建议|议案)(?:是|为|的)?第?几号|哪[一个]?[号件份]?(?:提案|议案)|(?:第?几|哪一?)届.{0,10}(?:提案|建议|议案)|\bproposal (?:number|no)\b|\bnumber of the (?:\w+ )?proposal\b|\bwhich proposal\b"),
    keys.TITLE: re.compile(r"(?:文件|答复|文档|公文|通知|全称)的?(?:全称|标题|题目|名称|名字)|^标题|\btitle\b"),
    keys.ISSUER: re.compile(
        r"发文(?:机关|单位|部门)|谁(?:发(?!放|展|现|生|行|挥|起)|写|作出?|出具|答复|回复|印发)的?|由?(?:哪(?:[几些两三]?[个家]?)(?:单位|部门|机关|机构|委办局?)|谁)"
        r"[\u3400-\u9fff]{0,4}(?:发布|发出|作出|做出|答复|回复|制定|印发|出具|写|发(?!放|展|现|生|行|挥|起))的?|落款(?:单位|是(?!哪一?[天年日]|几))|(?:答复|回复|发布|制定)(?:单位|机关|部门|方)"
        r"|署名|\bwho (?:issued|wrote|published|replied)|\bissu(?:er|ed by)\b|\bissuing\b"
    ),
    keys.SIGNER: re.compile(r"签发人|谁签[发署]|签[发署]的?(?:人|领导)|\bsigned by\b|\bwho signed\b"),
    keys.ADDRESSEE: re.compile(
        r"提案(?:是|由).{0,4}(?:谁|哪(?!一?[天年月日])).{0,6}提|谁提(?:出|交)?的|哪[位个些几].{0,2}(?:代表|委员).{0,4}提|提案(?:人|者|方)|哪(?:些|个)?(?:人|单位|界别|党派).{0,4}提(?:出|交)"
        r"|[提写](?:出|交|了)?(?:的|这|该|此|本|那|[件份个条]){0,3}(?:提案|建议|议案|意见)的是?.{0,3}(?:委员|代表|单位|党派|界别|人|谁|哪)|主送|(?:写|发|答复|回复|回)给(?:了)?(?:谁|哪)|(?:答复|回复)(?:的)?(?:对象|了?谁)|收(?:文|信)(?:单位|机关|人|方)|\baddressed to\b|\baddressees?\b|\bwho (?:made|submitted|tabled|raised|put forward) (?:the|this) (?:proposal|suggestion|motion)\b"
    ),
    keys.PRINTED: re.compile(r"印发(?:的?(?:日期|时间)|于)|(?:什么时候|何时|哪天|哪一天|几号|几月几[日号])(?:.{0,4})印发|印发.{0,3}(?:哪天|何时|什么时候)|^(?!.*\b(?:who|which)\b).*\bprinted\b"),
    keys.PRINTER: re.compile(r"印发(?:机关|单位|部门)|(?:谁|哪个?(?:单位|部门|机关|机构|办公室))(?:负责)?印(?:发|出来|制)|\b(?:who|which \w+)\b.{0,12}\bprinted\b"),
    keys.DATE: re.compile(
        r"成文日期|发文(?:日期|时间)|落款的?(?:日期|时间|日子)|落款.{0,4}(?:什么时候|何时|哪一?[天日]|几[月号])|(?:^|[和与及、,]|以及)(?:的|成文)?日期|(?:答复|文件|公文|回复|回信|通知|这份|签发|签署|写|发出?|作出|做出|发布|出具|成文)的?(?:日期|时间|日子)"
        r"|(?:答复|文件|公文|回复|回信|这份).{0,8}(?:什么时候|何时|哪一?天|哪一?年|几月几[日号]|(?<!第)几[号日](?!提案|建议|议案)|多会儿|啥时候)"
        r"|(?:公报|通知|通告|公告|办法|细则|方案|纪要|指南)是?(?:什么时候|何时|哪一?[天年日]|几月几[日号]|啥时候)(?:发布|印发|公布|下发|发|出台|写|签)的?[?？]?$"
        r"|(?:什么时候|何时|哪一?天|几月几[日号]|(?<!第)几[号日](?!提案|建议|议案)|啥时候)(?:.{0,4})(?:答复|回复|发文|发出|发的|写的|签发|成文|作出|出具|落款|签署)|^[是在]?(?:哪一?天|几月几[日号])(?:的)?[?？]?$"
        r"|\b(?:dated|date of (?:the|this)|when was (?:the|this|it) (?:\w+ )?(?:issued|written|signed|published|dated|reply|document))|\bwhat date\b|\bissue date\b"
    ),
    keys.CONTACT: re.compile(r"联系人|经办人|承办人|联络人|(?:找|联系|联络|问)(?:的是)?(?:谁|哪位|哪个人|什么人)|谁来?接(?:电话|听|待)|\bcontact (?:person|name)\b|\bwho\b.{0,12}\b(?:picks? up|answers? the phone)\b|\bwho\b.{0,20}\bcontact\b(?: person)?"),
    keys.PHONE: re.compile(r"(?<!举报)(?<!监督)(?<!投诉)电话(?!告诉|通知|告知|给我|回访|核实)|手机|座机|(?:联系|打)(?:.{0,3})号码|怎么(?:打|联系)|怎样联系|如何联系|联系方式|\b(?:tele)?phone\b|\bcall\b|\bcontact (?:number|details)\b"),
    keys.ADDRESS: re.compile(
        r"地址|(?:办公|单位|科委|机关|部门).{0,4}(?:在哪|什么地方|何处|哪里|哪儿|哪条(?:马)?路)|去哪(?:里|儿)?(?:找|办)|联系方式|(?<!mail )(?<!web )(?<!site )\baddress\b(?!ed)|\boffice located\b"
    ),
    keys.POSTCODE: re.compile(r"邮编|邮政编码|\b(?:post(?:al)?\s?code|zip)\b"),
    keys.COPIES: re.compile(r"抄[送报]|还(?:抄|发|送|寄)(?:给|送|到)了?(?:谁|哪|什么)|\bcc\b|\bcopied to\b|\bcopies\b"),
    keys.CONSULTED: re.compile(
        r"会办|(?:[跟和同与]|会同|商)了?哪[些个几]?个?(?:单位|部门|机关|委办局?).{0,10}(?:研究|商[量议]|会商|协商|会办|答复|办理|回复)|(?:研究|商量|会商|协商|征求)[了过]?哪[些几]个?(?:单位|部门)"
    ),
    keys.OUTCOME: re.compile(r"(?:办理?|处理|提案)(?:成了?)?(?:什么|啥|的)?(?:结果|情况是|结论)|采纳|(?:提案|建议|提议)[\u3400-\u9fff]{0,6}(?:接受|采用|答应)|\boutcome\b|\bhandling result\b"),
    keys.DISCLOSURE: re.compile(
        r"公开(?:属性|方式|类别|范围|情况|程度)|(?:是否|能否|可否|能不能|可不可以|会不会|是不是|可以|能|会|全文|主动|依申请|对外)(?:全文|主动|对外|对社会|向社会)?公开"
        r"|公开吗|\bdisclosure\b|\bopen to the public\b(?: in full)?|\bmade public\b|\bpublicly? (?:disclosed|available|released)\b"
    ),
}  # fmt: skip
"""How each field is asked for, over the folded question."""

WHY = re.compile(r"(?<![名称译定评选分])为什么(?!时)|为何|为啥|凭什么|怎么会|原因|\bwhy\b")
"""Such a question wants a reason, which no field gives."""

ABOUT_DOCUMENT = re.compile(
    r"这[个份篇封项件次]|该|本|此|文件|答复函?|回复|回信|封?来?信(?![息用任])|复函|公文|文档|提案|提议|函|通知|单位|部门|机关|机构|科委|委员会|政府|政协|委员|代表|上面|里面?|文中|材料|工作人员|负责|人|是|在|的"
    r"|一起|共同|研究|商量|会商|协商|征求|意见|写|发|出|作|做|给|送|由|号码|多少|有没有|打|办理|主办|承办|经办|发文|主管|贵[局委厅办院部司会]?|你们|咨询|请教|反映|问题|找|去|地方|清楚|明白|疑问|疑义|对应|官方|正式|最后|落款|标注|显示|全文|全称|姓名|名字|叫|市"
    r"|\b(?:the|this|that|document|reply|letter|number|contact|office|of|for|is|was|what|who|whom|where|when|on|in|to|by|its|it|and|a)\b"
)
"""Words of such a question that only point at the document."""


@dataclass(frozen=True, slots=True)
class FieldAnswer:
    """A field of a document that answers a question."""

    document: Document
    field: Field


def asked_keys(text: str) -> list[str]:
    """Return the field keys that a folded question asks for, in the order in which it names them."""
    found = [(match.start(), key) for key, pattern in ASKS.items() if (match := pattern.search(text))]
    names = [key for _, key in sorted(found)]
    if keys.PRINTED in names and keys.DATE in names and "印发" in text:
        names.remove(keys.DATE)
    if keys.PRINTER in names and keys.ISSUER in names:
        names.remove(keys.ISSUER)
    if keys.COPIES in names and keys.ADDRESSEE in names and "还" in text:
        names.remove(keys.ADDRESSEE)
    return names


MOST_DOCUMENTS = 3
"""So many documents' fields are given where the question does not say which document is meant."""
_GENRE = re.compile(keys.GENRE)
_SUBJECT = re.compile(r"[“《「](关于[^”》」\n]{2,60}(?:提案|建议|议案|请示|函|来信))[”》」]")
"""How a reply names what it answers, within the first so many characters: 您提出的“关于…的提案”收悉."""
OPENING_CHARS = 600


def answer_from_fields(question: Question, documents: Sequence[Document]) -> list[FieldAnswer]:
    """Return the fields that answer a question about a document; none if it is about something else.

    The rest of the question must be found among the document's own fields: a phone number of another body is not
    answered with the one at hand. Where several documents fit and the question names none, each gives its own.
    """
    if WHY.search(question.text):
        return []
    if _ASKS_SUBJECT.search(question.text) and (subjects := [s for d in documents if (s := _subject_of(d))]):
        return subjects[:MOST_DOCUMENTS]
    found: list[FieldAnswer] = []
    named = 0
    labels = list(dict.fromkeys(label for document in documents for label in _asked_by_label(question.text, document)))
    rest = question.text
    for label in labels:
        rest = rest.replace(fold(label), " ")
    asked = [*labels, *asked_keys(rest)]
    complains = _COMPLAINS.search(rest) is not None and keys.PHONE in asked
    if complains:
        asked.remove(keys.PHONE)
        asked += dict.fromkeys(f.key for d in documents for f in d.fields if _FOR_COMPLAINTS.search(f.key))
    for document in _called(question.text, documents):
        present = [field for key in asked if (field := _field(document, key)) and field.span.end > field.span.start]
        others = [] if complains else _others(question, asked)
        if present and _is_about(question, others, document) and not is_contact_of_another(question, "", document):
            found += [FieldAnswer(document, field) for field in present]
            named += 1
            if others or question.years or named == MOST_DOCUMENTS:
                break
    return found


_ASKS_SUBJECT = re.compile(
    r"^(?:这[份个件]|该|本|原)?(?:答复|回复)?的?(?:政协)?(?:提案|建议|议案)的?(?:标题|题目|名称|案名|案由|主题)"
    r"|^(?:这[份个件]|该|本|原)?(?:提案|议案)(?:叫什么|是?关于什么)"
)


def _subject_of(document: Document) -> FieldAnswer | None:
    """Return what a reply answers, with the sentence that names it: 您提出的“关于…的提案”收悉."""
    found = _SUBJECT.search(document.text, 0, OPENING_CHARS)
    if found is None:
        return None
    start = document.text.rfind("\n", 0, found.start()) + 1
    end = re.compile(r"[。：:\n]|$").search(document.text, found.end())
    return FieldAnswer(document, Field("案由", found.group(1), Span(start, end.end() if end else found.end())))


INSTEAD = {keys.SIGNER: keys.ISSUER, keys.PRINTED: keys.DATE}
"""What answers where a document does not have the field itself."""


def _field(document: Document, key: str) -> Field | None:
    return document.field(key) or (document.field(INSTEAD[key]) if key in INSTEAD else None)


def _called(text: str, documents: Sequence[Document]) -> Sequence[Document]:
    """Return the documents that a question calls by their number, as what answers a proposal (谁提的建议), or as their titles
    end (这份通知), all if it calls none.

    A number that no document has calls none of them.
    """
    numbered = [d for d in documents if (number := d.field(keys.NUMBER)) and squeeze(number.value) in squeeze(text)]
    if numbered or keys.DOCUMENT_NUMBER.search(text):
        return numbered
    if re.search("提案|建议|议案", text) and (replies := [d for d in documents if d.field(keys.PROPOSAL)]):
        return replies
    genres = set(_GENRE.findall(text))
    called = [document for document in documents if genres & set(_GENRE.findall(document.title)[-1:])]
    return called or documents


def cited_by_number(text: str, documents: Sequence[Document]) -> tuple[Document, str] | None:
    """Return the document whose number a question gives, and the question without it; None if it gives none, or another's."""
    for document in documents:
        number = document.field(keys.NUMBER)
        written = r"\s*".join(map(re.escape, squeeze(number.value))) if number else ""
        if written and (found := re.search(written, fold(text))):
            rest = text[: found.start()] + text[found.end() :]
            return (document, rest) if any(map(str.isalnum, rest)) else None
    return None


def _asked_by_label(text: str, document: Document) -> list[str]:
    """Return the keys that a question names by the document's own label; 多长时间 is not the label 时间."""
    named = _HOW_LONG.sub(" ", text)
    return [field.key for field in document.fields if field.key not in ASKS and fold(field.key) in named]


_COMPLAINS = re.compile(r"举报|投诉|检举|告(?:状|发|[他它她你]|$|[?？]|该|应|打|找|的|谁)")
_FOR_COMPLAINTS = re.compile("举报|投诉|监督")
"""A complaint is not made at the number for advice, but at one whose label says so."""
_HOW_LONG = re.compile(r"(?:多[长少久]|一段|这段|段)时间")


def _others(question: Question, asked: Collection[str]) -> list[Term]:
    """Return the words of a question that neither ask for the fields nor only point at the document."""
    rest = question.text
    for key in asked:
        rest = ASKS[key].sub(" ", rest) if key in ASKS else rest.replace(fold(key), " ")
    return [t for t in question.terms if t.text in rest and _names_something(t) and not _only_points(t.text)]


_NOT_ITS_OWN = (keys.CONSULTED, keys.ADDRESSEE, keys.SIGNER)
"""Fields that name others than whose phone and address a document gives."""


def _is_about(question: Question, others: Collection[Term], document: Document) -> bool:
    """Tell whether a question's other words describe the document: found in its fields, its title, or what it answers."""
    subject = " ".join(_SUBJECT.findall(document.text[:OPENING_CHARS]))
    identity = _identity(document, (keys.CONSULTED,)) + squeeze(subject)
    return all(match_term(term.text, identity) >= 0.7 for term in others) and all(
        year in identity for year in question.years
    )


def _identity(document: Document, without: Collection[str]) -> str:
    """Return what a document says of itself, squeezed, without some of its fields."""
    fields = " ".join(f"{field.key} {field.value}" for field in document.fields if field.key not in without)
    return squeeze(f"{fields} {document.title}")


_OWNER = re.compile(
    r"([\u3400-\u9fff]{2,12}?)(?:(?:委员|代表|同志|先生|女士)的?|(?<=[办科处局委厅部所站院校司])|的)"
    r"(?:联系|办公|咨询|手机)?(?:电话|手机|号码|邮箱|微信|地址)"
)


def is_contact_of_another(question: Question, sentence: str, document: Document) -> bool:
    """Tell a question for the phone of somebody who is not the one whose phone a document, or a squeezed sentence of it,
    gives: of the addressee, of another office."""
    asked = _OWNER.search(question.text)
    owner = asked.group(1) if asked else ""
    names = [owner[i:] for i in range(len(owner) - 1)]
    if (
        not names
        or re.search("[哪谁啥打问找]|什么|举报|投诉|监督|咨询|预约|报名|求助", question.text)
        or any(_only_points(name) for name in names)
    ):
        return False
    own = _identity(document, _NOT_ITS_OWN) + sentence
    return all(match_term(name, own) < 0.7 for name in names)


def _names_something(term: Term) -> bool:
    """Tell a noun or a name from verbs (问问) and counted things (一封信), which don't say which document is meant."""
    return (term.is_name or term.weight >= 0.9) and not re.match(r"^(?:一.+|(.)\1)$", term.text)


def _only_points(word: str) -> bool:
    return word in words("stop_words") or not ABOUT_DOCUMENT.sub("", word)
