"""`drift` and `reconcile`: what differs from what was applied, and mending it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from typing import Any

import click
from rich.markup import escape

from reptiops import app
from reptiops.cli.lines import tell
from reptiops.cli.options import console_of, paged, shared, show_json, site_settings
from reptiops.cli.signals import choosing, stoppable
from reptiops.cli.values import agreed
from reptiops.engine.drift import Finding
from reptiops.engine.lock import Locked
from reptiops.playbook import load_playbook
from reptiops.report import findings, runs, terminal
from reptiops.report.plans import say


@click.command()
@click.argument("env")
@click.option("--who", is_flag=True, help="Ask CloudTrail who did it.")
@shared
def drift(env: str, who: bool = False, playbook: str | None = None, **given: Any) -> None:
    """Show what in AWS is not as it was last applied to ENV.

    Reads only; exits 3 when something does.
    """
    # A person wants to see; a job would tell of half of another run's work.
    beside = None if playbook else lambda text: tell(text, err=True)
    with _counting_failure(env, playbook, given):
        found = app.drift(env, playbook=playbook or "drift", beside=beside, **site_settings(given))
    deeds = app.who(env, found.findings, **site_settings(given)) if who else {}
    lease, doubt = app.current(env, **site_settings(given))
    if given["as_json"]:
        show_json(findings.drift(found, deeds, *app.open_ends(lease, doubt, env)))
    else:
        with paged() as console:
            findings.show_drift(console, found, deeds, env)
            if lease is None and (other := runs.unsettled(None, doubt, env)):
                say(console, f"[yellow]{escape(other)}[/]", hang=4)
    if playbook is not None:
        _say_what_was_told(app.notify(env, playbook, found.findings, **site_settings(given)))
    if found.findings:
        raise SystemExit(3)


@click.command()
@click.argument("env")
@click.option("--yes", "-y", is_flag=True, help="Answer yes to what the playbook would ask.")
@click.option("--on-failure", type=click.Choice(["rollback", "keep", "ask"]), help="Default: as the playbook says.")
@click.option("--max-changes", type=click.IntRange(min=0), help="Move the playbook's brake.")
@click.option("--phase", "phases", multiple=True, metavar="PHASE", help="Only this phase; may be repeated.")
@shared
def reconcile(
    env: str,
    yes: bool,
    on_failure: Any,
    max_changes: int | None,
    phases: tuple[str, ...],
    playbook: str | None = None,
    **given: Any,
) -> None:
    """Put ENV back to what was last applied.

    Within what the playbook `reconcile` allows. Exits 3 when something was left.
    """
    console = console_of(given)
    answering = sys.stdin.isatty() and sys.stdout.isatty() and not given["as_json"] and not given["quiet"]
    progress = terminal.Progress(console, given["verbose"], sandbox=given["sandbox"])
    questions = findings.Questions(console, env)
    again = load_playbook(playbook or "reconcile", given["playbook_dir"]).command(env)

    def ask(one: Finding) -> bool:
        if not answering:
            return False
        progress.pause()
        questions.show(one)
        try:
            return agreed("Mend it?", default=False)
        except click.Abort:
            click.echo()  # ^C and ^D end no line
            raise app.Interrupted(
                "Stopped at a question: no answer was used.", unchanged=True, then=f"`{again}` asks again."
            ) from None

    with stoppable(progress) as stop, _counting_failure(env, playbook, given), progress:
        done = app.reconcile(
            env,
            yes=yes,
            max_changes=max_changes,
            phases=phases,
            expect=progress.expect,
            tell=progress,
            playbook=playbook or "reconcile",
            show=questions.announce if answering else lambda _: None,
            ask=ask,
            on_failure=on_failure,
            stop=stop,
            choose=choosing(console, given, progress.pause),
            **site_settings(given),
        )
    if given["as_json"]:
        show_json(findings.reconciled(done))
    else:
        findings.show_reconciled(console, done, env, again)
    if playbook is not None:
        left = [one for one, _ in done.left]
        told = app.notify(env, playbook, left, mended=done.mended, failed=bool(done.braked), **site_settings(given))
        _say_what_was_told(told)
    if done.exit_code:
        raise SystemExit(done.exit_code)


def _say_what_was_told(told: Sized) -> None:
    """What its channels heard of a scheduled run, for whoever reads its log."""
    news = f"told of {findings.counted(len(told), 'new finding')}" if told else "nothing new to tell"
    tell(f"the playbook's channels: {news}", err=True)


@contextmanager
def _counting_failure(env: str, playbook: str | None, given: dict[str, Any]) -> Iterator[None]:
    """A scheduled run that fails is counted in CloudWatch, whatever it failed of. One that stood back for another run
    counts as a run; one that was refused has not begun, and it is its silence that is heard.
    """
    try:
        yield
    except (app.Busy, Locked):
        _count(app.count_run, env, playbook, given)
        raise
    except (click.ClickException, click.Abort):
        raise
    except Exception as error:
        if getattr(error, "exit_code", 1) == 1:
            _count(app.count_failure, env, playbook, given)
        raise


def _count(count: Callable[..., None], env: str, playbook: str | None, given: dict[str, Any]) -> None:
    """Counting never hides what is counted."""
    if playbook is None:
        return
    try:
        count(env, playbook, **site_settings(given))
    except Exception as error:
        tell(f"this could not be counted in CloudWatch: {type(error).__name__}: {error}", err=True)


@click.command()
@click.argument("env")
@click.argument("address")
@shared
def accept(env: str, address: str, **given: Any) -> None:
    """Keep what was changed by hand at ADDRESS.

    It becomes the wanted value: an override is written into ENV's configuration file.
    """
    with stoppable() as stop:
        file, accepted = app.accept(env, address, stop=stop, **site_settings(given))
    if given["as_json"]:
        show_json({"file": str(file), "accepted": [findings.finding(one) for one in accepted]})
        return
    console = console_of(given)
    findings.show_found(console, "[green]accepted[/]", [(one, "") for one in accepted])
    tell(f"{file}: overrides written. Commit it.")


def office_hours(operation: str, env: str, playbook: str, given: dict[str, Any]) -> None:
    """Bring the services of an environment to 0, or back."""
    console = console_of(given)
    progress = terminal.Progress(console, given["verbose"], sandbox=given["sandbox"])
    with stoppable(progress) as stop, progress:
        if operation == "stop":
            done = app.stop(env, playbook=playbook, stop=stop, **site_settings(given))
        else:
            done = app.start(
                env,
                playbook=playbook,
                stop=stop,
                choose=choosing(console, given, progress.pause),
                expect=progress.expect,
                tell=progress,
                **site_settings(given),
            )
    word = "stopped" if operation == "stop" else "started"
    if given["as_json"]:
        show_json({"environment": env, word: list(done.services), "seconds": round(done.seconds, 1)})
    else:
        console.print(f"{env}: {word} {', '.join(done.services) or 'nothing'}", highlight=False)
