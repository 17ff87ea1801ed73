"""The sandbox's server process: moto on loopback with the gaps filled and a hosted zone to be found.

`python -m reptiops.sandbox.server --directory DIR`
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import secrets
import signal
import socket
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Any

REGION = "us-east-1"
ZONE = "reptidex.com"
CLOCK = 0.01
"""The part of AWS's typical durations that things take: a database is there in two seconds and a half."""


def free(port: int) -> int:
    """The port where nobody has it, else 0: any other."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--lenient", action="store_true")
    parser.add_argument("--clock", type=float, default=CLOCK)
    parser.add_argument("--quota", action="append", default=[])
    given = parser.parse_args()
    directory: Path = given.directory

    from reptiops.sandbox import gaps, rules

    gaps.apply()
    gc.set_threshold(
        100_000, 20, 20
    )  # moto's descriptions of services stay; to go through them again and again is a third
    strictness = ExitStack()  # held as long as the server runs
    quotas = {name: int(number) for name, _, number in (one.partition("=") for one in given.quota)}
    if not given.lenient:
        strictness.enter_context(rules.enforced(given.clock, quotas))
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    instance = secrets.token_hex(8)
    one_at_a_time = threading.Lock()  # moto's backends are plain dictionaries that change under an iteration
    inner = DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], respond: Any) -> Any:
        if environ.get("PATH_INFO") == "/reptiops/instance":
            respond("200 OK", [("Content-Type", "text/plain")])
            return [instance.encode()]
        with one_at_a_time:
            return list(inner(environ, respond))

    server = make_server("127.0.0.1", free(given.port), application, threaded=True)
    endpoint = f"http://127.0.0.1:{server.server_port}"
    seed()
    how = {"lenient": given.lenient, "clock": given.clock, "quotas": {**rules.QUOTAS, **quotas}}
    announce(directory, endpoint, instance, how)

    def leave(number: int, frame: FrameType | None) -> None:
        (directory / "sandbox.json").unlink(missing_ok=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, leave)
    server.serve_forever()


def _account() -> str:
    from moto.core import DEFAULT_ACCOUNT_ID

    return str(DEFAULT_ACCOUNT_ID)


def seed() -> None:
    """A public zone, as an account has that already owns the domain."""
    from moto.route53.models import route53_backends

    route53_backends[_account()]["aws"].create_hosted_zone(
        name=f"{ZONE}.", private_zone=False, caller_reference="sandbox", vpcid=None, vpcregion=None, comment="sandbox"
    )


def announce(directory: Path, endpoint: str, instance: str, how: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Leave word where the server is and how strict, for the command line to find."""
    record = {
        "running": True,
        "endpoint": endpoint,
        "pid": os.getpid(),
        "account": _account(),
        "region": REGION,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "instance": instance,
        **how,
    }
    temporary = directory / ".sandbox.json.new"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(record, file)
    os.replace(temporary, directory / "sandbox.json")


if __name__ == "__main__":
    main()
