"""The measuring instrument: calls the one public `Assistant.ask`, never internals."""
