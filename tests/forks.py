"""Work done in a fork of this process: the emulated world there is a copy, and ours stays as it was."""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any


def in_fork(work: Callable[[], Any], limit: float = 0.0) -> Any:
    """Do something in a fork of this process and answer what it answers; its world is not ours.

    One that is not done after `limit` seconds is stuck: it dies, and where its threads were goes to standard error.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        if limit:
            faulthandler.dump_traceback_later(limit, exit=True, file=sys.__stderr__)
        try:
            answer = {"ok": work()}
        except BaseException as error:
            answer = {"error": f"{type(error).__name__}: {error}\n{traceback.format_exc(limit=-6)}"}
        with os.fdopen(writer, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    answer = json.loads(text or '{"error": "the fork died, or was stuck"}')
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer["ok"]
