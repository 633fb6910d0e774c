"""What is said when nothing is answered: a greeting, a refusal, and questions that the documents do answer."""

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from app.answering.matching import coverage, squeeze
from app.answering.metadata import asked_keys
from app.answering.question import parse_question
from app.loading import fields as keys
from app.types import Document, Passage, Refusal

NOT_FOUND, OUT_OF_SCOPE, GREETING, BAD_QUESTION = "not_found", "out_of_scope", "greeting", "bad_question"

_GREETING = re.compile(
    r"^(?:(?:你|您|大家)?好[呀啊的吗]*|嗨|哈[喽啰]|hello+|hi+|hey|早上?好?[呀啊]*|早安|(?:上午|中午|下午|晚上)好[呀啊]*|在吗|在不在|有人吗|谢+谢*你?[了啦呀]*|多谢|感谢|thanks?(?: you)?"
    r"|再见|拜拜|bye(?: bye)?|good (?:morning|afternoon|evening)|你是谁|你叫什么(?:名字)?|你(?:能|会|可以)(?:做|干)(?:什么|啥|些什么)|你有什么(?:用|功能)|怎么用|帮助|help|who are you|what can you do)$",
    re.IGNORECASE,
)
NEAR = 3
"""How many questions a refusal suggests."""
ON_TOPIC = 0.35
"""Share of a question's words that some passage must hold for it to be on topic."""


def is_off_topic(question: str, passages: Sequence[Passage]) -> bool:
    """Tell a question that shares hardly a word with any passage and asks for no field of a document."""
    parsed = parse_question(question)
    if asked_keys(parsed.text):
        return False
    terms = parsed.terms
    return max((coverage(terms, squeeze(passage.chunk.text)) for passage in passages), default=0.0) < ON_TOPIC


def is_greeting(question: str) -> bool:
    """Tell a greeting, thanks or a question about the assistant itself."""
    words = [part for part in re.split(r"[\s，,。.！!？?~～…]+", question.strip()) if part]
    joined = " ".join(words)
    return bool(words) and (bool(_GREETING.match(joined)) or all(_GREETING.match(word) for word in words))


def greeting(documents: Sequence[Document], language: str) -> Refusal:
    """Say what can be asked; no fact, no citation."""
    if language == "en":
        message = "Hello! Ask me about the documents below; every sentence of an answer comes with its exact source."
    else:
        message = "您好！您可以就收录的文件提问，回答中的每一句都附有原文出处；文件里没有的，我会直接说明。"
    return Refusal(GREETING, message, suggestions(documents))


def refusal(documents: Sequence[Document], language: str, is_off_topic: bool) -> Refusal:
    """Say that the documents do not answer."""
    if language == "en":
        message = (
            "This is outside what the documents are about."
            if is_off_topic
            else "The documents do not say this. The passages looked at are listed below."
        )
    elif is_off_topic:
        message = "这个问题不在收录文件的范围内，无法据以回答。"
    else:
        message = "收录的文件中没有找到可以回答这个问题的内容，因此不作回答。可查看下方检索到的相近段落。"
    return Refusal(OUT_OF_SCOPE if is_off_topic else NOT_FOUND, message, suggestions(documents))


NOTES = {
    "down": ("语言模型连接不上", "The language model cannot be reached"),
    "timeout": ("语言模型没有及时作答", "The language model did not answer in time"),
    "busy": ("语言模型正忙", "The language model is busy"),
    "key": ("语言模型拒绝了密钥", "The language model refused the key"),
    "model": ("语言模型没有准备好", "The language model is not ready"),
    "overflow": ("问题和资料超出了语言模型的长度", "Question and passages are too long for the language model"),
    "server": ("语言模型出错了", "The language model failed"),
    "cut": ("语言模型中途断开", "The language model broke off"),
    "malformed": ("语言模型的输出无法读取", "The language model's output cannot be read"),
    "unverified": ("语言模型写的句子没有通过核对", "What the language model wrote was not supported by the documents"),
    "silent": ("语言模型没有作答", "The language model gave no answer"),
}
"""Why a language model did not write the answer."""


def fallback_note(kind: str, language: str) -> str:
    """Say why sentences are quoted where a language model was asked."""
    chinese, english = NOTES[kind]
    return (
        f"{english}; the documents' own sentences are quoted instead."
        if language == "en"
        else f"{chinese}，以下直接引用原文。"
    )


def broken_note(kind: str, language: str) -> str:
    """Say that an answer is not complete."""
    chinese, english = NOTES[kind]
    return f"{english}; the answer may be incomplete." if language == "en" else f"{chinese}，回答可能不完整。"


def partly_note(language: str) -> str:
    """Say that a part of the question stays open."""
    return "The documents do not answer all of the question." if language == "en" else "问题的一部分，资料中未提及。"


def unreadable(message: str) -> Refusal:
    """Say why a question cannot be asked."""
    return Refusal(BAD_QUESTION, message)


def suggestions(documents: Sequence[Document], limit: int = NEAR) -> tuple[str, ...]:
    """Return questions that the documents answer, made from their figures, headings and fields in turn."""
    kinds = (_about_figures, _about_headings, _about_fields)
    columns = [[question for document in documents for question in ask(document)] for ask in kinds]
    in_turn = [question for row in zip_longest(*columns) for question in row if question]
    return tuple(dict.fromkeys(in_turn))[:limit]


_FIGURE = re.compile(
    r"(?:^|[，。；,;])(?:其中|累计|共|总计)?([\u3400-\u9fff]{2,14}(?:额|规模|占比|比重|主体数量|总数|经费|资金))(?:超过?|达到?|为|共)?\s*\d",
    re.MULTILINE,
)
_QUOTED = re.compile(r"[“《]([^”》]{4,30})[”》]")


def _about_figures(document: Document) -> Iterator[str]:
    for match in _FIGURE.finditer(document.text):
        yield f"{match.group(1)}是多少？"


def _about_headings(document: Document) -> Iterator[str]:
    headings = dict.fromkeys(section.path[0] for section in document.sections if len(section.path) == 1)
    for heading in headings:
        if topic := _QUOTED.search(heading):
            yield f"“{topic.group(1)}”方面有哪些措施？"


def _about_fields(document: Document) -> Iterator[str]:
    asked = {keys.CONTACT: "联系人是谁？", keys.NUMBER: "文号是什么？", keys.DATE: "成文日期是哪天？"}
    for key, question in asked.items():
        if document.field(key):
            yield question
