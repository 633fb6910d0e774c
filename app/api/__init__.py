"""The HTTP interface: REST, server-sent events, the OpenAI-compatible API, MCP, the widget, and the chat page at /.

application.py  puts the parts together, and serves them
service.py      what the routes share
access.py       who may call: origins, tokens, keys, hosts; tokens.py signs, limits.py counts
scopes.py       what a request says about itself
bodies.py       how long a request's body may be, and take
failures.py     errors in one shape; messages.py, in three languages
answers.py      many answers at once, in threads; events.py streams them
asking.py       /api/ask, /api/ask/stream, /api/feedback, /api/suggestions
documents.py    /api/search, /api/documents; context.py: a quote with the text around it
openai.py       /v1: OpenAI's chat completions
mcp.py          /mcp: the MCP server
admin.py        /api/admin: documents by upload or URL (fetching.py), builds (builds.py)
pages.py        /widget.js, /embed, /demo, /api/token
description.py  /api/openapi.json
health.py       /healthz, /readyz, /metrics (metrics.py)
"""

from app.api.application import create_app, serve

__all__ = ["create_app", "serve"]
