"""How a provision ended: what was done, where things are now, and what is left for a person to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.markup import escape

from reptiops.app import Outcome, Teardown
from reptiops.config import Environment
from reptiops.engine.graph import PHASES
from reptiops.report.describe import PUSH, Todo, outputs
from reptiops.report.durations import duration
from reptiops.report.findings import counted, show_beside
from reptiops.report.plans import say, show_notes
from reptiops.report.plans import summary as planned

ITEMS = 12
"""How many things a step names before the rest is counted."""
NAMED = 3
"""Up to so many addresses a suggested command names."""
SHARED = 20
"""Characters from which a common beginning is worth a line of its own."""


def show_outcome(
    console: Console,
    env: Environment,
    done: Outcome,
    counts: Mapping[str, int],
    todos: Iterable[Todo],
    sandbox: bool = False,
) -> None:
    """The whole summary. What is not as wanted is said also on a quiet console, and that a sandbox answers nowhere."""
    loud = Console(file=console.file, emoji=False, highlight=False)
    todos = list(todos)
    if done.plan.changes:
        counted = ", ".join(f"{n} {word}" for word, n in counts.items()) or "no change"
        console.print()
        say(console, f"[bold]{env.name}[/]: {counted} in {duration(done.seconds)}, {done.calls} calls.")
    else:
        told = any(one.what.startswith(PUSH) for one in todos)  # image by image, below
        show_notes(console, (one for one in done.plan.notes if not (told and one.startswith("no image yet"))))
        say(console, planned(done.plan))
        show_beside(console, done.plan)
    for line in done.left:
        say(loud, f"[red]not as wanted:[/] {escape(line)}")
    _show_left_alone(loud, env, done)
    _show_elsewhere(console, env, done)
    _show_places(console, env, outputs(env, done.live), sandbox)
    _show_todos(console, todos)


def _show_left_alone(console: Console, env: Environment, done: Outcome) -> None:
    """How what nobody agreed to lose goes all the same, once somebody has."""
    some = done.left_alone
    if some:
        only = "".join(f" --only {address}" for address in some) if len(some) <= NAMED else ""
        say(
            console,
            f"If that may be lost: `reptiops provision {env.name}{only} --allow-replace` removes it.",
            2,
            hang=2,
        )


def _show_elsewhere(console: Console, env: Environment, done: Outcome) -> None:
    """What a run of a part has left, so that nobody takes its end for the whole."""
    if done.elsewhere is None:
        say(console, f"Only what was selected was looked at: `reptiops plan {env.name}` shows the rest.", hang=4)
    elif done.elsewhere:
        phases = ", ".join(f"{done.elsewhere[phase]} in {phase}" for phase in PHASES if phase in done.elsewhere)
        waiting = f"{counted(sum(done.elsewhere.values()), 'change')} outside of what was selected"
        say(console, f"[yellow]still to do:[/] {waiting} ({phases}): `reptiops plan {env.name}` shows them.", hang=4)


def show_left(console: Console, done: Teardown) -> None:
    """What a teardown has left: on purpose, and what would not go."""
    for line in done.kept:
        say(console, f"Left on purpose: {escape(line)}", hang=4)
    if done.shared:
        roles = counted(len(done.shared), "service-linked role")
        say(console, f"Left on purpose: {roles} (shared with the account): {escape(', '.join(done.shared))}", hang=4)
    show_foreign(console, done)
    beside = " else" if done.kept or done.shared or done.foreign else ""
    console.print("Left:" if done.left else f"Left: nothing{beside}.")
    for line in done.left:
        say(console, escape(line), 2, hang=4)


def show_foreign(console: Console, done: Teardown) -> None:
    """What a teardown has not touched although it has a name of ours."""
    for line in done.foreign:
        say(console, f"Left, as nothing says that reptiops made it: {escape(line)}", hang=4)


def _show_places(console: Console, env: Environment, found: Mapping[str, str], sandbox: bool) -> None:
    """Where things are. ARNs and the like are for scripts, and `reptiops outputs` has them."""
    places = {name: value for name, value in found.items() if not name.endswith("_arn") and name[:11] != "repository_"}
    if not places:
        return
    console.print()
    say(
        console,
        "[bold]Where things are[/]" + (" [dim](in the sandbox none of these addresses answers)[/]" if sandbox else ""),
    )
    width = max(len(name) for name in places)
    for name, value in places.items():
        say(console, f"{name:{width}}  {escape(value)}", 2)
    more = len(found) - len(places)
    if more:
        say(console, f"[dim]{more} more, ARNs and repositories: `reptiops outputs {env.name}`[/]", 2, hang=4)


def _show_todos(console: Console, todos: list[Todo]) -> None:
    if not todos:
        return
    console.print()
    say(console, "[bold]What is left for you[/]")
    for number, todo in enumerate(todos, 1):
        until = f" [dim]({escape(todo.until)})[/]" if todo.until else ""
        say(console, f"{number}. {escape(todo.what)}{until}", 2, hang=3)
        _show_items(console, todo.items)


def _show_items(console: Console, items: tuple[str, ...]) -> None:
    """A line each; where they all begin alike, that beginning once and then what tells them apart."""
    parents = {item.rpartition("/")[0] for item in items}
    shared = parents.pop() if len(items) > 1 and len(parents) == 1 else ""
    if len(shared) > SHARED:
        say(console, f"{escape(shared)}/", 5)
        say(console, escape(", ".join(item[len(shared) + 1 :] for item in items)), 7)
        return
    for item in items[:ITEMS]:
        say(console, escape(item), 5)
    if len(items) > ITEMS:
        say(console, f"[dim]and {len(items) - ITEMS} more[/]", 5)
