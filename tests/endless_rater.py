"""Run as `python -m tests.endless_rater FILE COUNT`: says of each rating that it is kept, then kills itself."""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

from app.feedback import FeedbackStore
from app.types import Answer


def main() -> None:
    """Rate COUNT answers in four threads and die without a chance to tidy up, once the last was accepted."""
    path, count = sys.argv[1], int(sys.argv[2])
    store = FeedbackStore(path)

    def rate(number: int) -> None:
        answer_id = f"{os.getpid()}-{number}"
        store.note(Answer(answer_id, "问", "answered", None, "extractive", "答", "zh", (), (), ()))
        store.rate(answer_id, "down", "不对")
        os.write(sys.stdout.fileno(), f"{answer_id}\n".encode())

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(rate, range(count)))
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
