"""What is said when nothing is answered: a greeting, a refusal, and questions that the documents do answer."""

import re
from collections.abc import Sequence

from app.answering.matching import coverage, squeeze
from app.answering.metadata import asked_keys
from app.answering.question import parse_question
from app.loading import fields as keys
from app.types import Document, Passage, Refusal

NOT_FOUND, OUT_OF_SCOPE, GREETING = "not_found", "out_of_scope", "greeting"

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


def suggestions(documents: Sequence[Document], limit: int = NEAR) -> tuple[str, ...]:
    """Return questions that the documents do answer, made from their headings and fields."""
    questions: list[str] = []
    for document in documents:
        headings = [section.path[0] for section in document.sections if len(section.path) == 1]
        for heading in dict.fromkeys(headings):
            if topic := re.search(r"[“《]([^”》]{4,30})[”》]", heading):
                questions.append(f"“{topic.group(1)}”方面有哪些措施？")
        for key in (keys.NUMBER, keys.CONTACT, keys.PHONE):
            if document.field(key):
                questions.append(
                    f"{key}是什么？" if key == keys.NUMBER else f"{key}是{'谁' if key == keys.CONTACT else '多少'}？"
                )
    return tuple(questions[:limit])
