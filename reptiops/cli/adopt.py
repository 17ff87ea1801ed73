"""`adopt`: taking over what exists already."""

from __future__ import annotations

from typing import Any

import click

from reptiops import app
from reptiops.cli.options import console_of, shared, show_json, site_settings
from reptiops.cli.signals import stoppable
from reptiops.cli.values import agreed
from reptiops.engine.adopt import Candidate
from reptiops.report import adoption
from reptiops.report.plans import say


@click.command()
@click.argument("env")
@click.argument("address", required=False)
@click.argument("id", required=False)
@click.option("--all", "everything", is_flag=True, help="Adopt everything that is found.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@shared
def adopt(env: str, address: str | None, id: str | None, everything: bool, yes: bool, **given: Any) -> None:
    """Take over what exists already: tag and record it.

    Nothing else of it is changed.

    Without ADDRESS and ID, list what was found for the addresses of ENV that are not there.
    """
    if (address is None) != (id is None) or (address is not None and everything):
        raise click.UsageError("give an address and the id of what exists, or --all, or neither to list what is found")
    console = console_of(given)
    if address is None and not everything:
        found = app.candidates(env, **site_settings(given))
        if given["as_json"]:
            show_json(adoption.found(found))
        else:
            adoption.show_found(console, env, found)
        return

    def approve(chosen: tuple[Candidate, ...]) -> bool:
        adoption.show_candidates(console, chosen)
        return yes or agreed("Tag and record them?", default=False, err=given["as_json"])

    with stoppable() as stop:
        taken = app.adopt(env, address, id, approve=approve, stop=stop, **site_settings(given))
    if given["as_json"]:
        show_json({"environment": env, "adopted": [adoption.candidate(one) for one in taken]})
    elif not taken:
        console.print(f"Nothing was found that {env} could take over.")
    else:
        say(console, f"{env}: {len(taken)} adopted. Only tags were written; `reptiops plan {env}` shows what differs.")
