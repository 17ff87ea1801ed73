"""Configurations of any size: dev with as many services as wanted, every other one a backend.

A load balancer takes a hundred target groups, and AWS does not raise that quota: so the tool refuses more services, and
`beyond_aws` lifts its check for a measurement.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from reptiops.settings import checks_compute

KINDS = ("frontend", "backend")
SHIPPED = Path(__file__).parents[1] / "config" / "dev.yaml"


def configuration(services: int) -> str:
    """`dev.yaml` with that many services in place of its ten."""
    hosts = ["dev.reptidex.com", *(f"s{n:04}-dev.reptidex.com" for n in range(1, services))]
    lines = [f"    s{n:04}: {{kind: {KINDS[n % 2]}, hosts: [{host}]}}\n" for n, host in enumerate(hosts)]
    block = re.compile(r"(  services:\n)(?:    [a-z].*\n)+")
    text = SHIPPED.read_text()
    if not block.search(text):
        raise SystemExit("config/dev.yaml has no list of services any more")
    return block.sub(lambda found: found[1] + "".join(lines), text, count=1)


def write(directory: Path, services: int) -> Path:
    """A configuration directory with a `dev` of that size."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "dev.yaml").write_text(configuration(services))
    return directory


def beyond_aws(services: int) -> None:
    """As if a load balancer took so many target groups."""
    checks_compute.TARGET_GROUPS = max(checks_compute.TARGET_GROUPS, services)


if __name__ == "__main__":
    write(Path(sys.argv[2]), int(sys.argv[1]))
