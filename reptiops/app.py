"""The composition root: configuration, steps, engine and state put together, for the command line and for Python.

import reptiops
outcome = reptiops.provision("dev", session=boto3.Session(...), state_dir=path)
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import boto3
import platformdirs

from reptiops.aws import Aws
from reptiops.config import Environment, load_environment
from reptiops.engine import lock as locks
from reptiops.engine.apply import Apply, ApplyError
from reptiops.engine.backend import Backend, LocalBackend
from reptiops.engine.calls import Work
from reptiops.engine.events import Event, Sink, silent
from reptiops.engine.graph import PHASES, Graph
from reptiops.engine.plan import (
    EVERYTHING,
    Action,
    Matcher,
    Plan,
    Selection,
    look,
    make,
    undeclared,
    walk,
    wanted,
    wanted_actions,
)
from reptiops.engine.recover import Unfinished, undo, unfinished
from reptiops.engine.remove import Doomed, Remove
from reptiops.engine.resource import Live, Resource
from reptiops.engine.rollback import Undone, inventory, rollback
from reptiops.engine.scope import Names, Scope
from reptiops.engine.state import Belongs, Journal, Records, State
from reptiops.errors import ReptiopsError
from reptiops.facts import Facts
from reptiops.operations.facts import gather
from reptiops.operations.notify import tell
from reptiops.operations.s3_backend import s3_backend
from reptiops.playbook import Playbook, load_playbook
from reptiops.steps import documented
from reptiops.steps.monitoring import running_tasks_alarm

OnFailure = Literal["rollback", "keep"]


class Refused(ReptiopsError):
    """Refused before anything was written."""

    exit_code = 4


class UnknownSelection(ReptiopsError):
    """A phase or address that cannot exist."""

    exit_code = 2


class ProvisionFailed(ReptiopsError):
    """A provision that failed: why, and whether it was undone."""

    def __init__(self, error: BaseException, undone: Undone | None):
        self.cause, self.undone = error, undone
        super().__init__(f"{error}\n{_undone_text(undone)}")


def _undone_text(undone: Undone | None) -> str:
    if undone is None:
        return "Everything done so far was kept; run provision again to go on, or teardown to remove it."
    if undone.complete:
        return "Rolled back: AWS was read again and is as it was before this run."
    lines = ["Rolled back, but AWS is not as it was before:"]
    lines += [f"  still there: {one}" for one in undone.left]
    lines += [f"  missing: {one}" for one in undone.missing]
    lines += [f"  {one}" for one in undone.errors]
    return "\n".join([*lines, "Run teardown or provision again once the cause is mended."])


@dataclass(frozen=True)
class Settings:
    """How a command was called; everything about the environment itself is in its configuration file."""

    environment: str
    config_dir: Path | None = None
    state_dir: Path | None = None
    profile: str | None = None
    region: str | None = None
    sandbox: bool = False
    playbook_dir: Path | None = None
    session: Any = None
    """A boto3 session of the caller's own; it outranks profile and sandbox."""
    tell: Sink = silent
    overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a run did: actions by address, and everything live afterwards."""

    plan: Plan
    live: Mapping[str, Live[Any]]
    seconds: float
    calls: int
    facts: Facts
    left: tuple[str, ...] = ()


@dataclass
class Site:
    """One environment in one account: all that an operation needs, read only until a lock is held."""

    env: Environment
    aws: Aws
    names: Names
    facts: Facts
    graph: Graph
    records: Records
    belongs: Belongs
    state: State

    @property
    def given(self) -> dict[str, Any]:
        """What steps get beside other steps' results, and what holds for all: accepted overrides, owners of fields."""
        return {"env": self.env, "facts": self.facts, "overrides": self.env.overrides, "owned": owner_of(self.env)}

    @property
    def topic(self) -> str:
        """The ARN of the environment's alarm topic, whether it is there or not."""
        names = self.names
        return f"arn:{self.facts.partition}:sns:{names.region}:{names.account}:{self.env.topic_name}"

    def scope(self) -> Scope:
        """A fresh look at AWS."""
        return Scope(self.aws, self.names, wanted(self.graph, self.given, self.state))


def owner_of(env: Environment) -> Callable[[str, str], str | None]:
    """Who owns a field by configuration; a lease that has run out counts no longer."""
    now = datetime.now(UTC)

    def owner(address: str, path: str) -> str | None:
        for name, owned in env.owners.get(address, {}).items():
            dotted = name.replace("/", ".")
            named = path == dotted or path.endswith(f".{dotted}") or path.startswith(f"{dotted}.")
            if named and owned.active(now):
                return owned.owner
        return None

    return owner


def open_site(settings: Settings, *, blank: bool = False) -> Site:
    """Read configuration, credentials, state and facts. Nothing is written, neither in AWS nor on the disk.

    With `blank` the state that is kept is not read: it is about to be made anew.
    """
    env = load_environment(settings.environment, settings.config_dir)
    if settings.overrides:
        env = _overridden(env, settings.overrides)
    session, endpoint, root = session_of(settings)
    aws = Aws(session, settings.region or env.region, read_only=True)
    account = aws.account()
    if env.account and env.account != account and not settings.sandbox:
        raise Refused(f"{env.name} belongs to account {env.account}, but these credentials are of account {account}.")
    names = Names(env.project, env.name, account, aws.region)
    belongs = Belongs(env.name, account, aws.region, endpoint or aws.endpoint)
    records = Records(_backend(env, aws, root))
    state = State(belongs) if blank else records.load(belongs)
    return Site(env, aws, names, gather(aws, env, account), documented(), records, belongs, state)


def _backend(env: Environment, aws: Aws, root: Path) -> Backend:
    if env.state.bucket is None:
        return LocalBackend(root / env.name)
    return s3_backend(aws, env.state.bucket, env.state.prefix, env.name)


def _overridden(env: Environment, overrides: Mapping[str, Any]) -> Environment:
    for path, value in overrides.items():
        section, name = path.split(".")
        env = env.model_copy(update={section: getattr(env, section).model_copy(update={name: value})})
    return env


def default_state_dir() -> Path:
    """Where states are kept unless `--state-dir` or REPTIOPS_STATE_DIR says otherwise."""
    given = os.environ.get("REPTIOPS_STATE_DIR")
    return Path(given) if given else Path(platformdirs.user_state_dir("reptiops")) / "environments"


def state_root(sandbox: bool) -> Path:
    """Where the states of environments are: the sandbox keeps its own apart from the real ones."""
    if not sandbox:
        return default_state_dir()
    from reptiops.sandbox import control

    return control.default_directory() / "environments" / str(control.status(control.default_directory()).instance)


def session_of(settings: Settings) -> tuple[Any, str | None, Path]:
    """The boto3 session, the name of its world where that is not the endpoint, and the root of its states."""
    if settings.session is not None:
        return settings.session, None, settings.state_dir or default_state_dir()
    if settings.sandbox:
        from reptiops.sandbox import control
        from reptiops.sandbox.session import sandbox_session

        status = control.ensure(control.default_directory())
        root = settings.state_dir or control.default_directory() / "environments" / str(status.instance)
        return sandbox_session(status), f"sandbox:{status.instance}", root
    session = boto3.Session(profile_name=settings.profile, region_name=settings.region)
    return session, None, settings.state_dir or default_state_dir()


def steps_of(environment: str | None, config_dir: Path | None = None) -> tuple[Graph, dict[str, int] | None]:
    """All steps, and for an environment how many resources each makes there. Calls no AWS."""
    graph = documented()
    if environment is None:
        return graph, None
    env = load_environment(environment, config_dir)
    zone = "zone" if env.dns.enabled and not env.dns.create_zone else None
    images = frozenset(service.name for service in env.services)
    facts = Facts(env.account or "account", env.region, zone_id=zone, images=images)
    actions = wanted_actions(graph, {"env": env, "facts": facts})
    return graph, dict(Counter("/".join(a.address.split("/")[:2]) for a in actions))


# --- reading ------------------------------------------------------------------------------------------------------


def plan(environment: str, *, phases: Iterable[str] = (), only: Iterable[str] = (), **settings: Any) -> Plan:
    """What provision would do. Reads only: a write is refused by the gate on every client."""
    return plan_site(open_site(Settings(environment, **settings)), select(phases, only))


def plan_site(site: Site, selection: Selection = EVERYTHING) -> Plan:
    """The plan of an opened site."""
    return make(site.graph, site.given, site.scope(), site.state, selection)


def select(phases: Iterable[str] = (), only: Iterable[str] = ()) -> Selection:
    """What may be touched: some phases, some addresses; everything where neither is given. Raises UnknownSelection."""
    selection = Selection(frozenset(phases), tuple(only))
    wrong = [p for p in sorted(selection.phases) if p not in PHASES]
    wrong += [a for a in selection.addresses if a.split("/")[0] not in PHASES]
    if wrong:
        raise UnknownSelection(f"{', '.join(wrong)}: no phase, and begins with none ({', '.join(PHASES)})")
    return selection


# --- provision ----------------------------------------------------------------------------------------------------


def provision(
    environment: str,
    *,
    approve: Callable[[Plan], bool] = lambda _: True,
    on_failure: OnFailure | None = None,
    phases: Iterable[str] = (),
    only: Iterable[str] = (),
    strict_phases: bool = False,
    allow_replace: bool = False,
    stop: threading.Event | None = None,
    playbook: str = "provision",
    **settings: Any,
) -> Outcome:
    """Make the environment exist, as the playbook says where nothing is given here.

    Raises Refused before any write, ProvisionFailed after a failure was handled.
    """
    started = time.monotonic()
    options = Settings(environment, **settings)
    book = load_playbook(playbook, options.playbook_dir)
    selection = _selected(book, phases, only)
    how = on_failure or ("keep" if book.on_failure == "keep" else "rollback")
    site = open_site(options)
    if site.facts.missing:
        raise Refused("\n".join(("The environment cannot be made yet:", *(f"  {one}" for one in site.facts.missing))))
    scope = site.scope()
    made = make(site.graph, site.given, scope, site.state, selection)
    _refuse(made, book, allow_replace)
    if not made.changes:
        _record(site, made, options.tell, scope)
        return Outcome(made, made.live, time.monotonic() - started, sum(site.aws.calls.values()), site.facts)
    if not approve(made):
        raise Refused("Nothing was changed.")
    with writing(site, "provision", options.tell, scope, stop, book) as work:
        before = inventory(scope, site.graph.kinds())
        matcher = Matcher(scope, site.graph.kinds(), site.state)
        run = Apply(site.graph, site.given, made, matcher, work, strict_phases or book.strict_phases, selection)
        try:
            run.run()
            _remove_undeclared(site, made, work)
            _interrupted(work)
        except (ReptiopsError, KeyboardInterrupt) as error:
            _announce(site, book, f"provision failed: {error}", options.tell)
            handle_failure(site, run, work, before, error, how)
        live, left = _verify(site, work, selection)
    _announce(site, book, f"provisioned, {len(made.changes)} changes", options.tell)
    return Outcome(made, live, time.monotonic() - started, sum(site.aws.calls.values()), site.facts, left)


def _announce(site: Site, book: Playbook, text: str, say: Sink) -> None:
    """Tell that a run ended, where the playbook says so. A message that does not go through never changes how it ended."""
    how, there = book.notifications, "monitoring/alarm_topic" in site.state.entries
    try:
        tell(site.aws, site.topic if how.topic and there else None, how.webhook_variable, site.env.prefix, text)
    except Exception as error:
        say(Event("note", text=f"the notification was not sent: {type(error).__name__}: {error}"))


def _record(site: Site, made: Plan, tell: Sink, scope: Scope) -> None:
    """Write down what is as wanted and in no state, after a state was lost. Nothing in AWS changes."""
    entries = site.state.entries
    found = [
        (a.address, a.live)
        for a in made.actions
        if a.live is not None and not (a.address in entries and entries[a.address].id == a.live.id)
    ]
    if found:
        with writing(site, "record", tell, scope) as work:
            for address, live in found:
                s = site.graph.step_of(address)
                work.adopt(address, live, tuple(site.graph.steps[n].path for n in s.needs) if s else ())


def _selected(playbook: Playbook, phases: Iterable[str], only: Iterable[str]) -> Selection:
    """What the command says, else the playbook's phases."""
    selection = select(phases, only)
    if selection == EVERYTHING and set(playbook.phases) != set(PHASES):
        return select(playbook.phases)
    return selection


def _refuse(made: Plan, playbook: Playbook, allow_replace: bool) -> None:
    foreign = [a for a in made.actions if a.verb == "foreign"]
    if foreign:
        names = "\n".join(f"  {a.address}: {a.live.id if a.live else ''}" for a in foreign)
        raise Refused(
            f"These exist already and nothing says that reptiops made them:\n{names}\n"
            "Rename them in the configuration, remove them, or give them the four tags to hand them over."
        )
    lost = [a for a in made.actions if a.verb in ("delete", "replace") and a.kind.holds_data]
    if lost and playbook.brake.data and not allow_replace:
        names = "\n".join(f"  {a.address}: {a.verb} {a.live.id if a.live else ''}" for a in lost)
        raise Refused(f"This would lose what holds data:\n{names}\nAllow it with --allow-replace.")
    replaced = [a for a in made.actions if a.verb == "replace" and not playbook.may_replace(a.address)]
    if replaced and not allow_replace:
        names = "\n".join(f"  {a.address}: {', '.join(c.path for c in a.changes) or 'failed'}" for a in replaced)
        raise Refused(f"These would have to be deleted and made anew:\n{names}\nAllow it with --allow-replace.")


def run_id(at: datetime) -> str:
    """The name of a run that began then: names sort by time."""
    return at.strftime("%Y%m%dT%H%M%S.%f")


@contextmanager
def writing(
    site: Site,
    operation: str,
    tell: Sink,
    scope: Scope,
    stop: threading.Event | None = None,
    playbook: Playbook | None = None,
) -> Iterator[Work]:
    """Hold the lock, open the gate and a journal; leave a compacted state behind."""
    site.records.backend.prepare()
    with locks.held(site.records.backend, operation) as lock:
        run = run_id(datetime.now(UTC))
        journal = Journal(site.records, run)
        journal.write("run", operation=operation, git=_commit(), account=site.names.account)
        work = Work(site.aws, scope, site.state, journal, tell, stop or threading.Event())
        if playbook is not None:
            work.timeout = playbook.timeout_seconds
        site.aws.before_write, site.aws.read_only = lock.check, False
        try:
            yield work
            journal.write("end", operation=operation)
        finally:
            site.aws.read_only, site.aws.before_write = True, None
            journal.close()
            site.state.through = run
            site.records.save(site.state)


def _commit() -> str:
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def _remove_undeclared(site: Site, made: Plan, work: Work) -> None:
    doomed = [
        Doomed(a.address, a.live.has, a.live, "/".join(a.address.split("/")[:2]))
        for a in made.actions
        if a.verb == "delete" and a.live is not None
    ]
    if doomed and not work.stop.is_set():
        Remove(site.graph, doomed, work).run()


def _interrupted(work: Work) -> None:
    if work.stop.is_set():
        raise Interrupted("interrupted: nothing new was started, and what was in flight has ended")


class Interrupted(ReptiopsError):
    """The person stopped the run."""

    exit_code = 130


def handle_failure(
    site: Site, run: Apply, work: Work, before: Any, error: BaseException, on_failure: OnFailure
) -> None:
    undone = None
    if on_failure == "rollback":
        work.stop.clear()
        work.tell(Event("note", text="something failed: rolling back"))
        undone = rollback(site.graph, run, work, before)
        if undone.complete:
            work.journal.write("undone")
    failed = ProvisionFailed(error, undone)
    failed.exit_code = 130 if isinstance(error, Interrupted | KeyboardInterrupt) else 1
    raise failed from error


def _verify(site: Site, work: Work, selection: Selection) -> tuple[Mapping[str, Live[Any]], tuple[str, ...]]:
    """Look again: the plan must be empty now. What is not is told, never hidden."""
    again = make(site.graph, site.given, work.scope.again(), site.state, selection)
    return again.live, tuple(
        f"{a.address}: {a.verb} {', '.join(c.path for c in a.changes)}".rstrip() for a in again.changes
    )


# --- rollback of what did not end --------------------------------------------------------------------------------


def roll_back(
    environment: str,
    *,
    approve: Callable[[Unfinished], bool] = lambda _: True,
    stop: threading.Event | None = None,
    **settings: Any,
) -> tuple[Unfinished, Undone]:
    """Undo the runs that did not end: killed ones, and failed ones that were kept. Raises Refused where there is none."""
    options = Settings(environment, **settings)
    site = open_site(options)
    what = unfinished(site.records)
    if what.empty:
        raise Refused(f"The last run of {environment} has ended: there is nothing in doubt to undo.")
    if not approve(what):
        raise Refused("Nothing was changed.")
    with writing(site, "rollback", options.tell, site.scope(), stop) as work:
        undone = undo(site.graph, work, what)
        if undone.complete:
            work.journal.write("undone", runs=what.runs)
    if not undone.complete:
        raise RollbackIncomplete(_undone_text(undone))
    return what, undone


def in_doubt(site: Site) -> Unfinished:
    """What runs that did not end have begun, so that a person can choose between going on and undoing."""
    return unfinished(site.records)


@dataclass(frozen=True)
class Run:
    """One run as its journal tells it."""

    id: str
    operation: str
    at: str
    git: str
    ending: str
    """`ended`, `undone`, or `did not end`."""
    changes: Mapping[str, int]
    failures: tuple[str, ...] = ()


def history(environment: str, **settings: Any) -> tuple[Run, ...]:
    """All runs that wrote something, newest first. Calls AWS only to learn whose state it is."""
    site = open_site(Settings(environment, **settings))
    runs = []
    for run in reversed(site.records.runs()):
        records = list(site.records.records(run))
        first: dict[str, Any] = records[0] if records else {}
        events = {r["event"] for r in records}
        ending = "undone" if "undone" in events else "ended" if "end" in events else "did not end"
        changes = Counter(r["verb"] for r in records if r["event"] == "done" and r["verb"] != "adopt")
        failed = tuple(f"{r['address']}: {r['code']} {r['request']}".strip() for r in records if r["event"] == "failed")
        runs.append(
            Run(
                run,
                first.get("operation", "?"),
                first.get("at", ""),
                first.get("git", "")[:12],
                ending,
                changes,
                failed,
            )
        )
    return tuple(runs)


class RollbackIncomplete(ReptiopsError):
    """A rollback that could not undo everything; it can be run again."""


# --- teardown -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Teardown:
    """What a teardown will remove, or has removed, and what is left."""

    doomed: tuple[Action, ...]
    seconds: float = 0.0
    calls: int = 0
    left: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    """What stays on purpose: final snapshots, secrets that can still be brought back, what somebody else needs."""


def teardown(
    environment: str,
    *,
    approve: Callable[[Environment, tuple[Action, ...]], bool] = lambda *_: True,
    allow_protected: bool = False,
    stop: threading.Event | None = None,
    playbook: str = "teardown",
    **settings: Any,
) -> Teardown:
    """Remove everything of the environment, and look again. Raises ApplyError listing what would not go."""
    started = time.monotonic()
    options = Settings(environment, **settings)
    site = open_site(options)
    if site.env.protected and not allow_protected:
        raise Refused(f"{site.env.name} is protected. If it really shall go, add --allow-protected.")
    book = load_playbook(playbook, options.playbook_dir)
    scope = site.scope()
    look(scope, site.graph.kinds())
    actions, doomed = _all_of_it(site, scope)
    if not doomed:
        return Teardown((), time.monotonic() - started, sum(site.aws.calls.values()))
    if not approve(site.env, actions):
        raise Refused("Nothing was changed.")
    with writing(site, "teardown", options.tell, scope, stop, book) as work:
        removal = Remove(site.graph, doomed, work)
        removal.run()
        _interrupted(work)
        again = scope.again()
        look(again, site.graph.kinds())
        still, _ = _all_of_it(site, again)
        left = [a for a in still if not any(one.startswith(f"{a.address} (") for one in removal.kept)]
        known = [a.address for a in left]
        for address in [a for a in site.state.entries if a not in known]:
            work.gone(address)
    names = tuple(f"{a.address} {a.live.id if a.live else ''}" for a in left)
    _announce(site, book, f"torn down: {len(doomed)} resources removed, {len(left)} left", options.tell)
    return Teardown(
        actions, time.monotonic() - started, sum(site.aws.calls.values()), names, tuple(sorted(removal.kept))
    )


def _all_of_it(site: Site, scope: Scope) -> tuple[tuple[Action, ...], list[Doomed]]:
    """Everything live that is ours: declared, recorded, tagged, or hanging on something of ours."""
    matcher = Matcher(scope, site.graph.kinds(), site.state)
    instances: dict[tuple[type[Resource], str], tuple[str, Resource, str]] = {}
    for s, actions in walk(site.graph, site.given, matcher):
        for a in actions:
            if a.live is not None and a.want is not None and a.verb != "foreign":
                instances[a.kind, a.live.id] = (a.address, a.want, s.path)
    ours = {(a.kind, a.live.id): a.address for a in undeclared(site.graph, matcher, site.state) if a.live}
    steps = {kind: s.path for s in site.graph.order for kind in s.kinds}
    actions_out, doomed = [], []
    for kind, lives in matcher.all.items():
        for one in lives:
            if kind.existing:
                continue
            known = instances.get((kind, one.id))
            address = known[0] if known else ours.get((kind, one.id))
            if address is None and kind.taggable and not kind.within:
                continue
            address = address or f"{steps[kind]}/{one.id}"
            instance = known[1] if known else one.has
            doomed.append(
                Doomed(address, instance, one, known[2] if known else _path(address, steps[kind], site.graph))
            )
            actions_out.append(Action(address, "delete", kind, instance, one, phase=address.split("/")[0]))
    rank = {s.path: index for index, s in enumerate(site.graph.order)}
    actions_out.sort(key=lambda a: (-rank.get("/".join(a.address.split("/")[:2]), -1), a.address))
    return tuple(actions_out), doomed


def _path(address: str, fallback: str, graph: Graph) -> str:
    s = graph.step_of(address)
    return s.path if s else fallback


__all__ = [
    "ApplyError",
    "Interrupted",
    "Outcome",
    "ProvisionFailed",
    "Refused",
    "RollbackIncomplete",
    "Settings",
    "Site",
    "Teardown",
    "UnknownSelection",
    "history",
    "in_doubt",
    "open_site",
    "plan",
    "plan_site",
    "provision",
    "roll_back",
    "running_tasks_alarm",
    "select",
    "steps_of",
    "teardown",
]
