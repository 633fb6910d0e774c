"""The OpenAPI document: every route of the API, in Chinese, with examples."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app import __version__

TEXT = (
    "就收录的公文提问，回答的每一句都逐字引自原文并附出处；没有依据时明确拒答。\n\n"
    '错误一律为 `{"error": {"code", "message"}}`，语言随 `Accept-Language`（zh-CN、zh-TW、en）；`/v1` 下为 OpenAI 的格式。\n'
    "字符位置按 Unicode 码位计，左闭右开。别的网站的页面须先用 `POST /api/token` 领取令牌。"
)
FAILURE = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        }
    },
    "example": {"error": {"code": "bad_question", "message": "请输入要问的内容，至少要有一个字。"}},
}


CITATION_EXAMPLE = {
    "number": 1,
    "document_id": "reply.md",
    "title": "对市政协十四届二次会议第 0608 号提案的答复",
    "reference": "沪科提复〔2024〕38号，1. 关于“加大人才培养引进力度”的建议，二是",
    "page": None,
    "start": 512,
    "end": 560,
    "quote": "截至 2023 年底，四类计划共资助了 1 万余人，总资助额 26 亿余元。",
    "chunk_id": "reply.md:480-640",
    "score": 0.83,
}
ANSWER_EXAMPLE = {
    "id": "0f3a9c",
    "question": "四类人才计划一共资助了多少人？",
    "status": "answered",
    "refusal": None,
    "answerer": "extractive",
    "text": "截至 2023 年底，四类计划共资助了 1 万余人，总资助额 26 亿余元。 [1]",
    "language": "zh",
    "sentences": [{"text": CITATION_EXAMPLE["quote"], "highlights": ["1 万余人"], "citations": [1], "verified": True}],
    "citations": [CITATION_EXAMPLE],
    "passages": [],
    "timings_ms": {"retrieve": 5.1, "answer": 3.2, "total": 8.3},
    "confidence": 0.91,
}
RATING_EXAMPLE = {"answer_id": "0f3a9c", "rating": "up"}
DOCUMENT_EXAMPLE = {
    "id": "reply.md",
    "title": "对提案的答复",
    "characters": 2,
    "fields": [],
    "sections": [],
    "text": "原文",
}
COMPLETION_EXAMPLE = {
    "id": "chatcmpl-0f3a9c",
    "object": "chat.completion",
    "created": 0,
    "model": "youju",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": ANSWER_EXAMPLE["text"], "youju": ANSWER_EXAMPLE},
            "finish_reason": "stop",
        }
    ],
}
BUILD_EXAMPLE = {"state": "running", "report": None, "problem": ""}
ADD_DOCUMENT_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "文件（.txt、.md、.jsonl）"},
                        "replace": {"type": "string", "enum": ["0", "1"], "description": "1 替换同名文件"},
                    },
                }
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["url"],
                    "additionalProperties": False,
                    "properties": {
                        "url": {"type": "string", "description": "公网上的 http(s) 网址"},
                        "name": {"type": "string", "nullable": True, "description": "存为什么文件名"},
                        "replace": {"type": "boolean"},
                    },
                },
                "example": {"url": "https://www.example.gov.cn/files/notice.txt"},
            },
        },
    }
}
EVENT: dict[str, Any] = {
    "type": "object",
    "description": "一个事件；data 是一行 JSON",
    "required": ["data"],
    "properties": {"data": {"type": "string"}},
}
MEANINGS = {
    400: "请求不能处理",
    401: "没有密钥，或密钥不对",
    403: "不允许这个来源",
    404: "没有找到",
    405: "不支持这种方法",
    408: "正文传得太慢",
    409: "与现状冲突",
    413: "正文太大",
    422: "请求不合要求",
    429: "太频繁；Retry-After 说明几秒后再试",
    500: "服务器出错",
    503: "现在不能作答；Retry-After 说明几秒后再试",
    507: "文件没有存下",
}
Replies = dict[int | str, dict[str, Any]]


def replies(example: Any, *failures: int, status: int = 200, streams: bool = False) -> Replies:
    """Return what a route may answer: an object such as the example (or a stream of such), and failures of these kinds."""
    content: dict[str, Any] = {"application/json": {"schema": {"type": "object"}, "example": example}}
    if streams:
        content["text/event-stream"] = {"schema": EVENT}
    return {status: {"description": "完成", "content": content}, **_failures(*failures)}


def stream_replies() -> Replies:
    """Return what the stream of an answer may be."""
    named = {"type": "string", "enum": ["passages", "token", "answer", "error"]}
    schema = {**EVENT, "required": ["event", "data"], "properties": {**EVENT["properties"], "event": named}}
    example = {"event": "token", "data": '{"text": "…", "sentence": {}, "citations": []}'}
    content = {"text/event-stream": {"schema": schema, "example": example}}
    return {200: {"description": "事件流", "content": content}, **_failures(400, 404, 422, 429, 503)}


def file_replies() -> Replies:
    """Return what a file may be."""
    content = {"text/plain": {"schema": {"type": "string"}}, "application/octet-stream": {"schema": {"type": "string"}}}
    return {200: {"description": "文件", "content": content}, **_failures(404, 503)}


def _failures(*kinds: int) -> Replies:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}
    return {
        kind: {"description": MEANINGS[kind], "content": content} for kind in sorted({*kinds, 401, 403, 405, 408, 413})
    }


def describe(parts: dict[str, FastAPI], root_path: str = "") -> dict[str, Any]:
    """Return one document of applications that are mounted at the prefixes given, below a root."""
    whole: dict[str, Any] = {}
    for prefix, part in parts.items():
        document = get_openapi(title="有据 YouJu", version=__version__, description=TEXT, routes=part.routes)
        paths = {prefix + path: item for path, item in document["paths"].items()}
        schemas = document.get("components", {}).get("schemas", {})
        whole = whole or {**document, "paths": {}, "components": {"schemas": {"Failure": FAILURE}}}
        whole["paths"] |= paths
        whole["components"]["schemas"] |= schemas
    return {**whole, "servers": [{"url": root_path or "/"}]}
