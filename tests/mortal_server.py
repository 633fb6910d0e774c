"""Serves a slow assistant on a port until it is killed: `python -m tests.mortal_server PORT ORIGIN`."""

import sys

from app.api import create_app
from app.config import Settings
from app.server import Server, listen
from tests.widget_site import WidgetAssistant


def main(port: int, origin: str) -> None:
    settings = Settings(allowed_origins=origin, feedback="", chat_page=0)
    with listen("127.0.0.1", port) as listener:
        Server(create_app(WidgetAssistant(settings), settings)).run([listener])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
