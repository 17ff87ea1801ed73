"""`cost`: what an environment costs in a month. Without `--actual` and `--refresh-prices` it needs no AWS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reptiops import app
from reptiops.cli.options import console_of, paged, shared, show_json, site_settings
from reptiops.cli.values import Output
from reptiops.report import costs


@click.command()
@click.argument("env")
@click.option("--prices", type=click.Path(path_type=Path), help="A price file instead of the shipped one.")
@click.option(
    "--what-if",
    multiple=True,
    metavar="QUESTION",
    help="office-hours, single-nat, no-nat, savings-plan[=PERCENT], or a setting: backend.cpu=512. A comma puts "
    "two into one question: backend.cpu=1024,backend.memory=2048. May be repeated.",
)
@click.option("--free-tier", is_flag=True, help="Take off what AWS gives away in an account each month.")
@click.option("--actual", is_flag=True, help="Ask Cost Explorer what was spent; AWS bills 0.01 dollars for it.")
@click.option("--refresh-prices", type=Output(), metavar="FILE", help="Ask the AWS Price List, write to FILE.")
@shared
def cost(
    env: str,
    prices: Path | None,
    what_if: tuple[str, ...],
    free_tier: bool,
    actual: bool,
    refresh_prices: Path | None,
    **given: Any,
) -> None:
    """Show what ENV costs in a month, as it is configured.

    The guide's figures stand beside it, with the reason for each difference. Calls no AWS, unless asked to.
    """
    console = console_of(given)
    if refresh_prices is not None:
        done = app.refresh_prices(env, refresh_prices, prices=prices, **site_settings(given))
        if given["as_json"]:
            show_json({"file": str(refresh_prices), "read": list(done.read), "kept": dict(done.kept)})
            return
        console.print(f"{refresh_prices}: {len(done.read)} prices read from the AWS Price List.", highlight=False)
        for key, reason in done.kept.items():
            console.print(f"  kept {key}: {reason}", highlight=False, markup=False)
        return
    found = app.cost(env, config_dir=given["config_dir"], prices=prices, what_if=what_if, free_tier=free_tier)
    spent = app.actual_spend(env, **site_settings(given)) if actual else None
    if given["as_json"]:
        show_json(costs.cost(found, spent))
    else:
        with paged() as pager:
            costs.show_cost(pager, found, spent, given["verbose"], quiet=given["quiet"])
