"""The report of a run: a terminal table, one self-contained HTML page, and everything as JSON."""

from evals.report.page import write_html
from evals.report.run import Run, read_json, write_json
from evals.report.table import table

__all__ = ["Run", "read_json", "table", "write_html", "write_json"]
