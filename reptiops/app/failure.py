"""What happens after a run has failed or was interrupted: undone, kept, or as somebody answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal

from reptiops.app.runs import Interrupted
from reptiops.app.site import Site
from reptiops.engine.calls import Work
from reptiops.engine.events import Event
from reptiops.engine.passing import hopeless
from reptiops.engine.recover import Unfinished
from reptiops.engine.rollback import Undone, undo
from reptiops.errors import ReptiopsError

OnFailure = Literal["rollback", "keep", "ask"]
ASKED = {"retire": "switching it off"}
"""What a verb asks AWS for, where its name does not say it."""
NO_ANSWER = "no answer is recorded"
NOT_KNOWN = {"delete": "that it has gone is not recorded"}
"""What is not known of it, where that is another thing than AWS's answer."""
NAMED = 3
"""How many addresses of a list are told."""
Ways = tuple[tuple[str, str], ...]
"""The commands that end a doubt, each with what it does."""
Choose = Callable[[str, Unfinished], Literal["rollback", "keep"]]
"""Asked with what happened and what the run has done; answers what is to become of it."""


class ProvisionFailed(ReptiopsError):
    """A run that failed: why, and whether it was undone."""

    def __init__(self, error: BaseException, undone: Undone | None, text: str):
        self.cause, self.undone = error, undone
        super().__init__("\n".join([str(error), *getattr(error, "__notes__", ()), text]))


def ways_out(environment: str) -> str:
    """The two commands that end a doubt."""
    return (
        f"`reptiops provision {environment}` goes on to what the configuration says, `reptiops rollback {environment}` "
        "goes back to how it was before."
    )


def commands_out(operations: Iterable[str], environment: str, built_on: bool = False, playbook: str = "") -> Ways:
    """The commands that end a doubt, each with what it does. What a teardown has removed no rollback brings back, and
    what a later run has built on no rollback takes away. `playbook`: by which it was, where that is not its own; it may
    remove a part only.
    """
    if "teardown" in operations:
        ways = [
            (f"run {playbook}" if playbook else "teardown", "removes the rest"),
            ("provision", "makes what is missing anew"),
        ]
    else:
        ways = [("provision", "goes on to what the configuration says"), ("rollback", "goes back to how it was before")]
        ways = ways[:1] if built_on else ways
    return tuple((f"reptiops {command} {environment}", then) for command, then in ways)


def ways_of(what: Unfinished, environment: str) -> Ways:
    """The commands that end this doubt, each with what it does."""
    return commands_out(what.operations, environment, bool(what.built_on), what.playbook)


def so_many(ways: Ways) -> str:
    """What stands above them."""
    return "Two ways out" if ways[1:] else "One way out"


def doubt_text(what: Unfinished, environment: str) -> list[str]:
    """What runs that did not end have left in doubt, and the ways out; a line each."""
    if what.empty:
        return []
    runs = ", ".join(f"{operation} {run}" for run, operation in zip(what.runs, what.operations, strict=False))
    lines = [
        f"Did not end: {runs}. It began {len(what.created)} creations, {len(what.updated)} updates and "
        f"{len(what.deleted)} deletions."
    ]
    lines += [
        f"  in doubt: {address}, {ASKED.get(verb, verb)} was asked for and {NOT_KNOWN.get(verb, NO_ANSWER)}"
        for address, verb in what.asked.items()
    ]
    if what.built_on and "teardown" not in what.operations:
        lines += ["No rollback is offered:", *(f"  {line}" for line in built_on_text(what))]
    ways = ways_of(what, environment)
    lines.append(f"{so_many(ways)}:")
    return lines + [line for pair in ways for line in (f"  {pair[0]}", f"      {pair[1]}")]


def built_on_text(what: Unfinished) -> list[str]:
    """Which later runs have built on it, and why that forbids to undo it; a line each."""
    told = list(what.built_on.items())
    lines = ["a later run of a part has ended and built on it, and undoing it would break what that run made"]
    lines += [
        f"{address}: run {run} has {'touched it since' if by == address else f'touched {by}, which builds on it'}"
        for address, (run, by) in told[:NAMED]
    ]
    return lines + ([f"and {len(told) - NAMED} more"] if told[NAMED:] else [])


def undone_text(undone: Undone, environment: str) -> str:
    """How a rollback ended, for a person."""
    if undone.complete:
        shared = f", but for what the account shares from now on: {', '.join(undone.shared)}" if undone.shared else ""
        but = shared or (", but for what is listed here" if undone.kept or undone.lost else "")
        lines = [f"Rolled back: AWS was read again and is as it was before{but}."]
    else:
        lines = ["Rolled back, but AWS is not as it was before:"]
        lines += [f"  still there: {one}" for one in undone.left]
        lines += [f"  missing: {one}" for one in undone.missing]
        lines += [f"  {one}" for one in undone.errors]
    for title, listed in (
        ("Had been deleted and was made anew", undone.anew),
        ("Was made by the run and stays", undone.kept),
        ("Lost for good", undone.lost),
        ("Is as it was before, and that was not well", undone.failing),
        ("Has been changed by others since, and stays as they left it", undone.theirs),
    ):
        lines += [f"{title}:", *(f"  {one}" for one in listed)] if listed else []
    if not undone.complete:
        lines.append(
            f"Once the cause is mended, `reptiops rollback {environment}` tries again, and `reptiops provision "
            f"{environment}` goes on to what the configuration says."
        )
    return "\n".join(lines)


def shared_of(site: Site, what: Unfinished) -> tuple[str, ...]:
    """Addresses of what these runs have made and the account shares, such as roles that AWS's services use."""
    existing = {kind.kind() for kind in site.graph.kinds() if kind.existing}
    return tuple(sorted(address for address, (kind, _) in what.created.items() if kind in existing))


def handle_failure(site: Site, work: Work, error: Exception, policy: OnFailure, choose: Choose | None) -> None:
    """Undo what this run did, or keep it; raises ProvisionFailed either way, with exit code 130 after an interruption."""
    if work.stop.is_set():
        error = error if isinstance(error, Interrupted) else Interrupted(f"interrupted\n{error}")
    what = Unfinished([work.journal.run])
    what.take(work.journal.records)
    undone, text = _settled(site, work, error, _chosen(error, policy, choose, what, bool(_in_vain(work, error))), what)
    failed = ProvisionFailed(error, undone, text)
    failed.exit_code = error.exit_code if isinstance(error, Interrupted) else 1
    raise failed from error


def _in_vain(work: Work, error: Exception) -> str:
    """Why nothing can be undone just now; empty where it can."""
    return (
        "the journal cannot be written, and without it nothing is changed" if work.journal.broken else hopeless(error)
    )


def _chosen(error: Exception, policy: OnFailure, choose: Choose | None, what: Unfinished, in_vain: bool) -> OnFailure:
    """What the policy says, or the person who is asked: by that policy, and after an interruption anyway."""
    if what.empty or in_vain:
        return policy
    if choose is not None and (policy == "ask" or isinstance(error, Interrupted)):
        return choose(str(error), what)
    return "keep" if policy == "keep" else "rollback"


def _settled(site: Site, work: Work, error: Exception, how: OnFailure, what: Unfinished) -> tuple[Undone | None, str]:
    why, name = _in_vain(work, error), site.env.name
    if what.empty:
        return Undone(), "Nothing had been changed."
    if why:
        text = f"NOT rolled back: {why}. Everything begun so far is recorded. Once that is mended, {ways_out(name)}"
        return None, text
    if how == "keep":
        return None, f"Everything done so far was kept: {ways_out(name)}"
    work.stop.clear()
    work.tell(Event("note", text="rolling back"))
    try:
        work.journal.write("undoing")
        undone = replace(undo(site.graph, work, what), shared=shared_of(site, what))
    except Exception as broken:
        text = f"NOT rolled back to its end: {broken}\nOnce that is mended, {ways_out(name)}"
        return Undone(errors=(f"the rollback itself failed: {broken}",)), text
    if undone.complete:
        work.journal.write("undone")
    return undone, undone_text(undone, name)
