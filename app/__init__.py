"""YouJu 有据: questions about official documents, answered with the exact passage behind every sentence."""

__version__ = "0.1.0"
