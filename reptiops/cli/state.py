"""`state` and `unlock`: the record of what was made, and who holds the environment."""

from __future__ import annotations

from typing import Any

import click

from reptiops.app import states
from reptiops.cli.lines import tell
from reptiops.cli.options import paged, shared, show_json, site_settings
from reptiops.cli.signals import stoppable
from reptiops.cli.values import agreed
from reptiops.report import terminal
from reptiops.report.durations import duration
from reptiops.report.runs import elapsed


@click.group()
def state() -> None:
    """Where the state of ENV is kept, what it records."""


@state.command()
@click.argument("env")
@shared
def init(env: str, **given: Any) -> None:
    """Make the place where ENV keeps its state.

    A directory, or a versioned, encrypted, closed S3 bucket.
    """
    where, done = states.init(env, **site_settings(given))
    if given["as_json"]:
        show_json({"environment": env, "where": where, "done": list(done)})
        return
    tell(f"{where}: {', '.join(done)}")


@state.command()
@click.argument("env")
@shared
def show(env: str, **given: Any) -> None:
    """Where the state of ENV is, and who holds the lock."""
    found = states.show(env, **site_settings(given))
    if given["as_json"]:
        show_json({**vars(found), "lease": _public(found.lease)})  # `held`: whether that run is still at work
        return
    tell(f"kept in    {found.where}")
    tell(f"lineage    {found.lineage}, serial {found.serial}")
    tell(f"last run   {found.last or 'none'}")
    tell(f"resources  {found.resources}")
    tell(f"versions   {len(found.versions)} earlier ones are kept")
    tell(f"lock       {_held(found.lease, found.held)}")


def _public(lease: Any) -> dict[str, Any] | None:
    return {k: v for k, v in vars(lease).items() if k not in ("token", "place")} if lease else None


def _held(lease: Any, at_work: bool) -> str:
    if lease is None:
        return "free"
    ago = duration(elapsed(lease))
    held = f"{lease.operation} by {lease.who} on {lease.host} (process {lease.pid}) since {lease.since}, {ago} ago"
    return held if at_work else f"{held}; that run is gone, and the next one takes over by itself"


@state.command("list")
@click.argument("env")
@shared
def listed(env: str, **given: Any) -> None:
    """Every address that the state of ENV records, with AWS's id."""
    found = states.entries(env, **site_settings(given))
    if given["as_json"]:
        show_json([entry.document for entry in found])
        return
    with paged() as console:
        terminal.show_entries(console, found)


@state.command()
@click.argument("env")
@shared
def rebuild(env: str, **given: Any) -> None:
    """Make the state of ENV anew from AWS alone.

    After its file was lost or damaged.
    """
    with stoppable() as stop:
        found = states.rebuild(env, stop=stop, **site_settings(given))
    if given["as_json"]:
        show_json([entry.document for entry in found])
    else:
        tell(f"{env}: {len(found)} resources found and recorded. Nothing in AWS was changed.")


@state.command()
@click.argument("env")
@click.argument("address")
@shared
def forget(env: str, address: str, **given: Any) -> None:
    """Take ADDRESS out of the state of ENV.

    AWS is not touched: what carries our tags is found again.
    """
    with stoppable() as stop:
        entry = states.forget(env, address, stop=stop, **site_settings(given))
    if given["as_json"]:
        show_json(entry.document)
        return
    tell(f"{address} ({entry.id}) is no longer recorded. Nothing in AWS was changed.")


@state.command()
@click.argument("env")
@click.argument("address")
@click.argument("new_address")
@shared
def move(env: str, address: str, new_address: str, **given: Any) -> None:
    """Give what is recorded at ADDRESS to NEW_ADDRESS.

    Such as after a key of the configuration was renamed.

    Only the record and the address tag change.
    """
    with stoppable() as stop:
        entry = states.move(env, address, new_address, stop=stop, **site_settings(given))
    if given["as_json"]:
        show_json(entry.document)
    else:
        tell(f"{entry.id} is {new_address} now. Nothing else in AWS was changed.")
        tell(
            f"`reptiops plan {env}` shows what its settings there change. If that is its name, set the one that it has."
        )


@click.command()
@click.argument("env")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@shared
def unlock(env: str, yes: bool, **given: Any) -> None:
    """Show who holds ENV, and take the lock away from them.

    That run is then refused its next write.
    """
    lease = states.holder(env, **site_settings(given))
    quiet, as_json = given["quiet"], given["as_json"]
    if lease is None:
        if as_json:
            show_json({"environment": env, "lease": None, "unlocked": False})
        else:
            tell(f"Nobody holds {env}.")
        return
    if not quiet:
        alive = states.at_work(env, **site_settings(given))
        tell(f"{env} is held: {_held(lease, alive)}", err=as_json)
    if not yes:
        agreed("Take the lock away?", default=False, abort=True, err=as_json)
    unlocked = states.unlock(env, lease.token, **site_settings(given))
    if as_json:
        show_json({"environment": env, "lease": _public(lease), "unlocked": unlocked})
        raise SystemExit(0 if unlocked else 4)
    if unlocked:
        tell(f"Unlocked. See `reptiops status {env}` for what that run may have left in doubt.")
    else:
        tell("Somebody else holds it by now: nothing was done.")
        raise SystemExit(4)
