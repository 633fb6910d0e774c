"""The MCP server at /mcp: the tools ask, search and get_document. The only importer of mcp.

Streamable HTTP without sessions: any of several servers can answer any call. Origins and hosts are checked before a
request comes here (access.py, hosts.py), for this path as for all others, so the package's own lists stay off.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, TextContent, Tool, ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.types import Receive, Scope, Send

from app import __version__
from app.api.failures import ApiError, as_api_error
from app.api.messages import message_of
from app.api.service import Service
from app.assistant import parse_history
from app.errors import YouJuError
from app.types import passage_json

TEXT_CHARS = 20_000
"""Characters of a document that one call returns."""
INSTRUCTIONS = "有据：就收录的公文提问。回答的每一句都逐字引自原文，并附文号、章节与字符位置；文件里没有的会直接拒答。"


class AskArguments(BaseModel):
    """就收录的文件提问，回答附逐字引文与出处；没有依据时明确拒答。"""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(description="要问的问题，例如：四类人才计划一共资助了多少人？")
    history: list[str] = Field(default=[], max_length=100, description="先前的问题，从早到晚；用于理解追问")
    document_ids: list[str] | None = Field(default=None, max_length=1000, description="只在这些文件里找")


class SearchArguments(BaseModel):
    """检索与一句话最相近的段落，不作回答。"""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(description="检索词或一句话")
    k: int = Field(default=10, ge=1, le=50, description="返回几段")


class DocumentArguments(BaseModel):
    """读取一份文件的原文，每次最多 20,000 字；从 start（字符位置）开始。"""

    model_config = ConfigDict(extra="forbid")

    document_id: str = Field(description="文件编号，见引文或检索结果的 document_id")
    start: int = Field(default=0, ge=0, description="从第几个字符开始")


class McpServer:
    """An ASGI application for /mcp; it serves while `run` is entered, which may happen more than once."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._manager: StreamableHTTPSessionManager | None = None
        self._tools: dict[str, tuple[type[BaseModel], Callable[[Any], Awaitable[dict[str, Any]]]]] = {
            "ask": (AskArguments, self._ask),
            "search": (SearchArguments, self._search),
            "get_document": (DocumentArguments, self._get_document),
        }

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Serve for the length of the block."""
        server: Server[Any] = Server(
            "youju",
            version=__version__,
            title="有据 YouJu",
            instructions=INSTRUCTIONS,
            on_list_tools=self._list,
            on_call_tool=self._call,
        )
        manager = StreamableHTTPSessionManager(
            server,
            json_response=True,
            stateless=True,
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        async with manager.run():
            self._manager = manager
            try:
                yield
            finally:
                self._manager = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._manager is None:
            raise ApiError(503, "not_ready")
        if scope["method"] != "POST":
            # GET would hold a line open for messages that a server without sessions never sends.
            raise ApiError(405, "method_not_allowed")
        await self._manager.handle_request(scope, receive, send)

    async def _list(self, *_: Any) -> ListToolsResult:
        annotations = ToolAnnotations(read_only_hint=True, open_world_hint=False)
        return ListToolsResult(
            tools=[
                Tool(
                    name=name,
                    description=arguments.__doc__,
                    input_schema=arguments.model_json_schema(),
                    annotations=annotations,
                )
                for name, (arguments, _call) in self._tools.items()
            ]
        )

    async def _call(self, _: Any, params: CallToolRequestParams) -> CallToolResult:
        """Run a tool. What the caller did wrong is a result as well, so that a model can read it and do better."""
        try:
            return _result(await self._run(params.name, params.arguments or {}))
        except (ApiError, YouJuError) as error:
            told = as_api_error(error)
        except ValidationError as error:
            first = error.errors()[0]
            told = ApiError(422, "invalid_request", f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        message = message_of(told.code, "zh-CN", told.detail)
        return CallToolResult(content=[TextContent(text=f"{told.code}: {message}")], is_error=True)

    async def _run(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name not in self._tools:
            raise ApiError(404, "not_found", f"tool {name[:100]}")
        kind, call = self._tools[name]
        return await call(kind.model_validate(arguments))

    async def _ask(self, arguments: AskArguments) -> dict[str, Any]:
        assistant, history = self._service.loaded(), parse_history(arguments.history)

        def answer_and_note() -> dict[str, Any]:
            answer = assistant.ask(arguments.question, history, arguments.document_ids)
            self._service.feedback.note(answer, history)
            return answer.to_json()

        with self._service.desk.take_place():
            return await self._service.desk.run(answer_and_note)

    async def _search(self, arguments: SearchArguments) -> dict[str, Any]:
        assistant = self._service.loaded()

        def rank() -> dict[str, Any]:
            return {"passages": [passage_json(found) for found in assistant.search(arguments.query, arguments.k)]}

        with self._service.desk.take_place():
            return await self._service.desk.run(rank)

    async def _get_document(self, arguments: DocumentArguments) -> dict[str, Any]:
        document = self._service.loaded().document(arguments.document_id)
        text = document.text[arguments.start : arguments.start + TEXT_CHARS]
        return {
            "document_id": document.id,
            "title": document.title,
            "characters": len(document.text),
            "start": arguments.start,
            "text": text,
        }


def _result(structured: dict[str, Any]) -> CallToolResult:
    text = json.dumps(structured, ensure_ascii=False)
    return CallToolResult(content=[TextContent(text=text)], structured_content=structured)
