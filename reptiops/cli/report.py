"""`report`: the environment in one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reptiops import app
from reptiops.cli.options import console_of, shared, show_json, site_settings
from reptiops.cli.values import Output


@click.command()
@click.argument("env")
@click.option("-o", "--to", "file", type=Output(), help="The file; default: ENV.html.")
@shared
def report(env: str, file: Path | None, **given: Any) -> None:
    """Write all there is to see of ENV into one HTML file.

    What it is, how it is, what it costs. Reads only; the file needs no network.
    """
    from reptiops.report.page import page

    found = app.overview(env, **site_settings(given))
    file = file or Path(f"{env}.html")
    file.touch(mode=0o600)
    file.write_text(page(found))
    if given["as_json"]:
        show_json({"file": str(file), "resources": len(found.resources), "drift": len(found.drift.findings)})
    else:
        console_of(given).print(f"{file}: open it in a browser", markup=False)
