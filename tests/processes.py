"""The command line as real processes, against a server in this one that counts writes and may signal its client there."""

from __future__ import annotations

import functools
import importlib
import io
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.loaders import JSONFileLoader
from moto.core.botocore_stubber import MockRawResponse
from moto.moto_api._internal import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.test import Client

from reptiops import cli
from reptiops.aws import is_read
from reptiops.cli import main as command_line
from reptiops.sandbox import gaps
from reptiops.sandbox.control import Status
from reptiops.sandbox.server import REGION, announce
from reptiops.sandbox.session import sandbox_session
from tests.inventory import inventory

INSTANCE = "crash"
LIMIT = 240
"""Seconds for one command."""
World = Counter[tuple[str, str]]


def is_write(environ: dict[str, Any]) -> bool:
    """Whether a request changes something, whichever of AWS's protocols it speaks."""
    target, path = environ.get("HTTP_X_AMZ_TARGET", ""), environ.get("PATH_INFO", "")
    form = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
    if target:
        name = target.rsplit(".", 1)[-1]
    elif "/operation/" in path:
        name = path.rsplit("/", 1)[-1]
    elif form:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        found = re.search(rb"(?:^|&)Action=(\w+)", body)
        name = found.group(1).decode() if found else ""
    else:
        return environ["REQUEST_METHOD"] not in ("GET", "HEAD")
    return not is_read(xform_name(name))


class Server:
    """moto in this process, which counts writes and may signal its client at some of them."""

    def __init__(self, directory: Path):
        self.writes, self.pid = 0, 0
        self.points: dict[tuple[int, str], signal.Signals] = {}
        """(which write, before or after it) → the signal that the client gets there."""
        self.sent: list[tuple[int, str]] = []
        self._dead = False
        self._inner = DomainDispatcherApplication(create_backend_app)
        self._one = threading.Lock()
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        announce(directory, self.endpoint, INSTANCE)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, environ: dict[str, Any], respond: Any) -> Any:
        if environ.get("PATH_INFO") == "/reptiops/instance":
            respond("200 OK", [("Content-Type", "text/plain")])
            return [INSTANCE.encode()]
        with self._one:
            if not is_write(environ):
                return list(self._inner(environ, respond))
            self.writes += 1
            number = self.writes
            self._signal(number, "before")
            if self._dead:  # and what the client was about to ask dies with it
                respond("503 Service Unavailable", [("Connection", "close")])
                return [b""]
            answer = list(self._inner(environ, respond))
            self._signal(number, "after")
            return answer

    def _signal(self, number: int, when: str) -> None:
        kind = self.points.get((number, when))
        if kind is not None:
            os.kill(self.pid, kind)
            self.sent.append((number, when))
            # A request that was on its way when the client died may still arrive: after a kill "after" it does.
            self._dead = self._dead or (kind == signal.SIGKILL and when == "before")

    @contextmanager
    def signalling(self, points: dict[tuple[int, str], signal.Signals], start: Callable[[], int]) -> Iterator[None]:
        """While the client that `start` starts runs, it gets these signals."""
        with self._one:
            self.writes, self.points, self.sent, self._dead = 0, points, [], False
            self.pid = start()
        yield
        with self._one:
            self.points, self._dead = {}, False

    def forget(self) -> None:
        """An empty world."""
        moto_api_backend.reset()

    def session(self) -> Any:
        """A boto3 session that sees this world."""
        return sandbox_session(Status(True, self.endpoint, region=REGION))

    def answer(self, request: AWSPreparedRequest) -> AWSResponse:
        """What it answers to a request of this process, without a connection; a write of ours is not counted."""
        with self._one:
            answer = Client(self._inner).open(
                urlsplit(request.url).path,
                query_string=urlsplit(request.url).query,
                method=request.method,
                headers=[(k, v.decode() if isinstance(v, bytes) else str(v)) for k, v in request.headers.items()],
                data=request.body or b"",
            )
        return AWSResponse(request.url, answer.status_code, answer.headers, MockRawResponse(answer.data))


class Reader:
    """Clients that ask a server of this process directly. They outlive it: making them costs more than what they read."""

    def __init__(self) -> None:
        self.server: Server | None = None
        self._session = sandbox_session(Status(True, "http://127.0.0.1:1", region=REGION))
        self._session.events.register("before-send", self._send)
        self.client = functools.cache(self._session.client)

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        assert self.server is not None
        return self.server.answer(request)


reader = functools.cache(Reader)


class Spawner:
    """Starts processes of the command line by forking one that has everything imported: a second less for each.

    It is forked off while this process has a single thread, and stays single-threaded itself.
    """

    def __init__(self, directory: Path):
        self._directory = directory
        self._mine, theirs = socket.socketpair()
        self._pid = os.fork()
        if self._pid == 0:
            self._mine.close()
            self._serve(theirs)
            os._exit(0)
        theirs.close()
        self._link = self._mine.makefile("rw")

    def start(self, args: Iterable[str], out: Path, terminal: str = "") -> int:
        """Start one, on that terminal, or with its output going to `out` with suffixes; answers its pid."""
        print(json.dumps([list(args), str(out), terminal]), file=self._link, flush=True)
        return int(self._link.readline())

    def wait(self) -> int:
        """The exit code of the one that was started; minus the signal if one killed it."""
        return int(self._link.readline())

    def close(self) -> None:
        """Let it end."""
        self._link.close()
        self._mine.close()
        os.waitpid(self._pid, 0)

    def _serve(self, link: socket.socket) -> None:
        with link.makefile("rw") as lines:
            for line in lines:
                args, out, terminal = json.loads(line)
                pid = os.fork()
                if pid == 0:
                    self._become(args, out, terminal)
                print(pid, file=lines, flush=True)
                print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=lines, flush=True)

    def _become(self, args: list[str], out: str, terminal: str) -> None:
        signal.alarm(LIMIT)
        try:
            os.setsid()
            creating = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            for number, file, mode in (
                (0, terminal or os.devnull, os.O_RDWR if terminal else os.O_RDONLY),
                (1, terminal or f"{out}.out", os.O_RDWR if terminal else creating),
                (2, terminal or f"{out}.err", os.O_RDWR if terminal else creating),
            ):
                os.dup2(os.open(file, mode), number)
            sys.stdout, sys.stderr, sys.stdin = os.fdopen(1, "w"), os.fdopen(2, "w"), os.fdopen(0)
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                del os.environ[name]
            os.environ["REPTIOPS_SANDBOX_DIR"] = str(self._directory)
            sys.argv = ["reptiops", *args]
            command_line()
        except SystemExit as leaving:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(leaving.code if isinstance(leaving.code, int) else 1)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(70)


class Site:
    """A directory with state and configurations, a server, and the command line against it."""

    def __init__(self, directory: Path):
        self.directory = directory
        self._spawner = Spawner(directory)
        self.server = Server(directory)

    def close(self) -> None:
        """Stop the server; its world stays until it is forgotten."""
        self.server.close()
        self._spawner.close()

    def run(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """One command to its end."""
        self._start(*args)
        code = self._spawner.wait()
        out, err = ((self.directory / f"last.{suffix}").read_text() for suffix in ("out", "err"))
        if check and code:
            raise RuntimeError(f"{' '.join(args)}: {code}: {out[-600:]}{err[-600:]}")
        return subprocess.CompletedProcess(args, code, out, err)

    def killed(self, number: int, when: str, *args: str) -> bool:
        """One command, killed at a write of its own; whether it came to that."""
        code, _ = self.signalled({(number, when): signal.SIGKILL}, *args)
        reached = bool(self.server.sent)
        assert reached == (code == -signal.SIGKILL), code
        return reached

    def signalled(
        self, points: dict[tuple[int, str], signal.Signals], *args: str, terminal: str = ""
    ) -> tuple[int, str]:
        """One command that gets signals at writes of its own: its exit code and what it printed, where not on a terminal."""
        with self.server.signalling(points, lambda: self._start(*args, terminal=terminal)):
            code = self._spawner.wait()
        return code, "" if terminal else "".join((self.directory / f"last.{s}").read_text() for s in ("out", "err"))

    def _start(self, *args: str, terminal: str = "") -> int:
        command = [*args, "--sandbox", "--state-dir", str(self.directory / "states")]
        return self._spawner.start(command, self.directory / "last", terminal)

    def world(self) -> World:
        """The inventory without what AWS makes up anew each time."""
        direct = reader()
        direct.server = self.server
        made_up = r"[0-9a-f]{8,}|[A-Z0-9]{12,}|(?<=-)[0-9a-f]{4}(?=-)|(?<=:)[0-9]+$"
        return Counter((what, re.sub(made_up, "", name)) for what, name in inventory(direct))


@functools.cache
def warm() -> None:
    """Import and read once what each process would else import and read."""
    gaps.apply()
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)  # a line per request else
    for module in set(cli.COMMANDS.values()):
        importlib.import_module(module)
    read: Any = JSONFileLoader._load_file
    once = functools.cache(lambda path, opening: read(JSONFileLoader(), path, opening))
    # botocore changes the paths in S3's model as it makes a client, and moto routes by them as they were.
    JSONFileLoader._load_file = lambda own, path, opening: (
        read(own, path, opening) if "/s3/" in path else once(path, opening)
    )
