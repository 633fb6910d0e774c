"""YouJu for users of LangChain: the retriever and the answer in real chains; and chat models by their names."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda

import app.llm
from app.assistant import Assistant
from app.config import Settings
from app.errors import ConfigError, QuestionError
from app.llm import YouJuRetriever, answering
from app.llm.langchain import LangChainModel, open_model
from app.llm.opening import DeferredModel, open_chat_model
from tests.fake_assistant import FakeAssistant

SCHEMA = json.loads((Path(__file__).parent / "answer.schema.json").read_text(encoding="utf-8"))


def metadata_of(documents: list[Document]) -> list[dict[str, Any]]:
    return [document.metadata for document in documents]


@pytest.mark.model
def test_retrieves_passages_in_a_chain(assistant: Assistant) -> None:
    chain = YouJuRetriever(assistant=assistant, passages=3) | RunnableLambda(metadata_of)
    found = chain.invoke("G60基金多大？")
    assert len(found) == 3
    document = assistant.document(found[0]["document_id"])
    assert "总规模 100 亿元" in document.text[found[0]["start"] : found[0]["end"]]


@pytest.mark.model
def test_answers_in_a_chain_with_the_retriever(assistant: Assistant) -> None:
    both = RunnableLambda(str.strip) | {
        "answer": answering(assistant),
        "documents": YouJuRetriever(assistant=assistant, passages=2),
    }
    found = both.invoke("  G60基金多大？ ")
    jsonschema.validate(found["answer"], SCHEMA)
    cited = found["answer"]["citations"][0]
    assert any(d.metadata["start"] <= cited["start"] < d.metadata["end"] for d in found["documents"])


def test_an_answer_in_a_chain_needs_nothing_but_the_question() -> None:
    chain = answering(FakeAssistant()) | (lambda answer: answer["text"])
    assert "总资助额 26 亿余元" in chain.invoke("资助了多少？")
    assert len(chain.batch(["资助了多少？", "基金多大？"])) == 2
    with pytest.raises(QuestionError):
        chain.invoke(" ")


def test_any_chat_model_of_langchain_writes() -> None:
    model = LangChainModel(lambda: FakeListChatModel(responses=["一句。"]), "fake", 5)
    assert "".join(piece.text for piece in model.stream([("system", "规则"), ("user", "问")], 5)) == "一句。"
    model.close()


def test_a_provider_that_is_not_installed_is_named() -> None:
    with pytest.raises(ConfigError, match="anthropic"):
        open_chat_model(Settings(llm="anthropic:claude", llm_api_key="sk-secret"))
    with pytest.raises(ConfigError, match="setting llm is 'nobody:x'"):
        open_chat_model(Settings(llm="nobody:x"))


def test_without_a_model_the_settings_are_named() -> None:
    with pytest.raises(ConfigError, match="no language model is set up"):
        open_chat_model(Settings())


def test_a_model_is_opened_when_it_is_needed() -> None:
    deferred = DeferredModel(Settings(llm_url="http://127.0.0.1:9/v1", llm_model="qwen"))
    assert deferred.name == "qwen"
    assert deferred.open() is deferred.open()


def test_a_server_on_this_machine_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    model = open_model(Settings(llm_url="http://127.0.0.1:8/v1", llm_model="m"))
    client = model._model.http_async_client  # type: ignore[attr-defined]
    assert not client._mounts
    model.close()


def test_what_the_package_does_not_have_is_an_ordinary_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = app.llm.nothing
