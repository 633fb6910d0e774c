"""The HTTP interface: REST, server-sent events, the OpenAI-compatible API, MCP, the widget, and the chat page at /.

application.py  puts the parts together, and serves them
service.py      what the routes share
access.py       who may call: origins, tokens, keys, limits; limits.py counts, tokens.py signs
bodies.py       how long a request's body may be, and take
failures.py     errors in one shape; messages.py, in three languages
answers.py      many answers at once, in threads; events.py streams them
asking.py       /api/ask, /api/ask/stream, /api/feedback, /api/suggestions
context.py      /api/documents/{id}/context: a quote with the text around it
pages.py        /widget.js, /embed, /demo, /api/token
health.py       /healthz, /readyz
"""

from app.api.application import create_app, serve

__all__ = ["create_app", "serve"]
