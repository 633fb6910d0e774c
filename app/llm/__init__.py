"""Language models, and YouJu for users of LangChain. What is heavy is imported when it is asked for."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.llm.langchain import YouJuRetriever, answering

__all__ = ["YouJuRetriever", "answering"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from app.llm import langchain

    return getattr(langchain, name)
