"""Errors meant for the user: one line that says what, which value, and what to do.

YouJuError
├── ConfigError     a setting is unknown or has a wrong value
├── LoadError       a source file cannot be read
├── EncoderError    an embedding model is missing, damaged or unknown
├── ModelError      a language model is missing, does not answer, or answers with what cannot be read
├── IndexProblem    the stored index cannot be used
│   ├── IndexMissingError   nothing was built yet
│   ├── IndexDamagedError   a file of the index is absent or altered
│   ├── IndexMismatchError  the index was built with another encoder or format
│   ├── IndexBusyError      another build is under way
│   └── IndexServerError    the server that holds the index does not answer, or refuses
├── QuestionError   a question that cannot be asked: malformed history, an answerer that is not there
│   └── NoQuestionError     it is empty, or has only signs
├── NotFoundError   a document that the index does not hold, or an answer that is not kept
├── RatingError     a rating that is neither up nor down, or a comment that is too long
└── FeedbackError   the file of ratings cannot be used
    └── FeedbackOffError    ratings are switched off

Anything else that is raised is a bug and propagates with its traceback.
"""


class YouJuError(Exception):
    """Base of every error whose message is written for the user."""


class ConfigError(YouJuError):
    """A setting is unknown or has a value of the wrong kind."""


class LoadError(YouJuError):
    """A source file cannot be read as a document."""


class EncoderError(YouJuError):
    """An embedding model is missing, damaged or unknown."""


class ModelError(YouJuError):
    """A language model is missing, does not answer in time, or answers with what cannot be read.

    `kind`: down, timeout, busy, key, model, overflow, server, cut, silent or malformed. No message holds a key.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class IndexProblem(YouJuError):
    """Base of what can be wrong with a stored index."""


class IndexMissingError(IndexProblem):
    """No index has been built in this folder yet."""


class IndexDamagedError(IndexProblem):
    """A file of the index is absent, cut short or altered."""


class IndexMismatchError(IndexProblem):
    """The index was built with another encoder or another format."""


class IndexBusyError(IndexProblem):
    """Another build of the same index is under way."""


class IndexServerError(IndexProblem):
    """The server that holds the index does not answer, or refuses what it was asked."""


class QuestionError(YouJuError):
    """A question or a conversation that cannot be asked."""


class NoQuestionError(QuestionError):
    """A question that is empty, or has only signs."""


class NotFoundError(YouJuError):
    """A document that the index does not hold, or an answer that is not kept."""


class RatingError(YouJuError):
    """A rating that is neither up nor down, or a comment that is too long."""


class FeedbackError(YouJuError):
    """The file of ratings cannot be used."""


class FeedbackOffError(FeedbackError):
    """Ratings are switched off."""
