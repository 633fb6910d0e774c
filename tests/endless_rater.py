"""Run as `python -m tests.endless_rater FILE COUNT`: rates answers, says of each that it is kept; then kills itself."""

import os
import signal
import sys

from app.feedback import FeedbackStore
from app.types import Answer


def main() -> None:
    """Rate COUNT answers and die without a chance to tidy up, right after the last rating was accepted."""
    path, count = sys.argv[1], int(sys.argv[2])
    store = FeedbackStore(path)
    for number in range(count):
        answer_id = f"{os.getpid()}-{number}"
        store.note(Answer(answer_id, "问", "answered", None, "extractive", "答", "zh", (), (), ()))
        store.rate(answer_id, "down", "不对")
        print(answer_id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
