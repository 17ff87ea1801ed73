"""What the journals tell of runs: who, when, what was done, what failed and why, what was undone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Literal

from reptiops.app.diagnosis import Down, services_down
from reptiops.app.failure import Ways, commands_out, ways_out
from reptiops.app.site import Refused, Settings, Site, open_site, records_of
from reptiops.config import environments
from reptiops.engine import lock as locks
from reptiops.engine.builton import touching
from reptiops.engine.finding import What
from reptiops.engine.lock import Lease
from reptiops.engine.plan import Selection
from reptiops.engine.recover import SETTLING, inside, part_of
from reptiops.engine.resource import Risk
from reptiops.errors import ReptiopsError

Ending = Literal["ended", "undone", "failed", "did not end", "running"]
Record = Mapping[str, Any]
COUNTS = {"counting": "begin", "counted": "done", "uncounted": "failed"}
"""How office hours write down what they do: nobody else may take it for a change that a state or a rollback knows."""
QUIET = frozenset({"record"})
"""Verbs that only write down what is there."""


@dataclass(frozen=True)
class Left:
    """What a reconcile found and left, and why."""

    address: str
    id: str
    field: str
    what: What
    risk: Risk
    kind: str
    why: str


@dataclass(frozen=True)
class Run:
    """One run as its journal tells it."""

    id: str
    operation: str
    at: str
    git: str
    ending: Ending
    """`failed`: it stopped by itself and what it did was kept; `did not end`: it was killed; `running`: it is at work."""
    changes: Mapping[str, int]
    failures: tuple[str, ...] = ()
    who: str = ""
    """The ARN of the AWS identity."""
    user: str = ""
    """`user on host`."""
    version: str = ""
    seconds: float = 0.0
    """From its first record to its last."""
    why: str = ""
    """Why it stopped, if it did not go through."""
    interrupted: bool = False
    """Whether a person stopped it."""
    undone_by: str = ""
    """The later run that undid it."""
    finished_by: str = ""
    """The later run that went on to what the configuration said then, or removed all."""
    playbook: str = ""
    """By which it was run, where that is not the operation's own."""
    left: tuple[Left, ...] = ()
    """Of a reconcile; versions before did not write it down."""
    undid: tuple[str, ...] = ()
    """The runs that a rollback has undone."""
    idle: bool = False
    """Whether it has begun no change, so that nothing of it can be in doubt."""

    @property
    def open(self) -> bool:
        """Whether something of it is still in doubt, or kept half done."""
        settled = self.idle or self.undone_by or self.finished_by
        return self.ending in ("failed", "did not end") and not settled


@dataclass(frozen=True)
class Deed:
    """One change that a run began, and what became of it."""

    address: str
    verb: str
    kind: str
    result: Literal["done", "failed", "kept", "in doubt"]
    id: str = ""
    seconds: float = 0.0
    why: str = ""
    fields: tuple[str, ...] = ()
    """Of an update: what was set."""
    requests: tuple[str, ...] = ()
    """`Operation request-id`, as AWS support asks for them."""


@dataclass(frozen=True)
class Explained:
    """A run in full."""

    run: Run
    done: tuple[Deed, ...]
    failed: tuple[Deed, ...]
    doubtful: tuple[Deed, ...]
    """Begun, and no answer is recorded."""
    undone: tuple[Deed, ...]
    """What the run itself did to undo what it had done."""
    down: tuple[Down, ...] = ()
    """Services that did not come up."""
    ways_out: Ways = ()

    @property
    def left(self) -> tuple[Left, ...]:
        """What it found and left."""
        return self.run.left


def history(environment: str, **settings: Any) -> tuple[Run, ...]:
    """All runs that wrote something, newest first. Calls AWS only to learn whose state it is."""
    return runs_of(open_site(Settings(environment, **settings)))


def runs_of(site: Site) -> tuple[Run, ...]:
    """All runs of an opened site that wrote something, newest first."""
    lease, later, found = locks.holder(site.records.backend), Later(), []
    for name in reversed(site.records.runs()):
        records = list(site.records.records(name, strict=False))
        found.append(later.settled(_run(name, records, lease), records))
        later.add(name, records)
    return tuple(found)


@dataclass
class Later:
    """What the runs after one say of it; they are added newest first."""

    undoers: dict[str, str] = field(default_factory=dict)
    """Run → the one that undid it."""
    finishers: list[tuple[str, Selection]] = field(default_factory=list)
    """Those that left nothing in doubt of what they could touch, the nearest last."""

    def add(self, name: str, records: Sequence[Record]) -> None:
        """One more run, which comes before those that were added."""
        events = {r["event"] for r in records}
        operation = records[0].get("operation") if records else None
        for record in records:
            if record["event"] == "undone":
                self.undoers |= dict.fromkeys(record.get("runs", ()), name)
        if "settled" in events or ("end" in events and operation in SETTLING):
            self.finishers.append((name, part_of(records)))

    def settled(self, run: Run, records: Sequence[Record]) -> Run:
        """The run with what became of what it had left."""
        if run.ending not in ("failed", "did not end"):
            return run
        undone, finished = self.undoers.get(run.id, ""), ""
        parts: list[Selection] = []
        for name, part in reversed(self.finishers):
            parts.append(part)
            if inside(records, parts):
                finished = name
                break
        if undone and finished:
            undone, finished = (undone, "") if undone < finished else ("", finished)
        return replace(run, undone_by=undone, finished_by=finished)


def explain(environment: str, name: str = "last", **settings: Any) -> Explained:
    """One run: `last`, or its id, or how its id begins. Raises Refused where there is none, or more than one."""
    site = open_site(Settings(environment, **settings))
    names = site.records.runs()
    fitting = names[-1:] if name == "last" else [one for one in names if one.startswith(name)]
    if not names:
        raise Refused(f"{environment} has no run yet that wrote anything.")
    if len(fitting) != 1:
        found = f"{len(fitting)} runs whose names begin with {name}" if fitting else f"no run {name}"
        raise Refused(f"{environment} has {found}: see `reptiops history {environment}`.")
    records = list(site.records.records(fitting[0], strict=False))
    later = Later()
    for one in reversed([one for one in names if one > fitting[0]]):
        later.add(one, list(site.records.records(one, strict=False)))
    run = later.settled(_run(fitting[0], records, locks.holder(site.records.backend)), records)
    ways: Ways = ()
    if run.open and fitting[0] == names[-1]:
        ways = commands_out([run.operation], environment, bool(site.unfinished().built_on), run.playbook)
    return _explained(environment, run, records, ways)


def environment_of(run: str, **settings: Any) -> str:
    """The environment that a run was of, by its id or how it begins. Raises Refused where none has it, or several.

    Only journals are listed: of states in S3 that takes a call each, of those in directories none.
    """
    found, unread = [], []
    for name in environments(settings.get("config_dir")):
        try:
            if any(one.startswith(run) for one in records_of(Settings(name, **settings)).runs()):
                found.append(name)
        except ReptiopsError as error:
            unread.append(f"\n  {name} could not be asked: {error}")
    if len(found) == 1:
        return found[0]
    told = f"{', '.join(found)} have runs that begin so" if found else "no environment has a run of that name"
    raise Refused(f"{run}: {told}. `reptiops history ENV` lists those of one.{''.join(unread)}")


def _run(name: str, written: Sequence[Record], lease: Lease | None) -> Run:
    records = _all(written)
    first: Record = records[0] if records else {}
    events = {r["event"] for r in records}
    stop: Record = next((r for r in records if r["event"] == "stopped"), {})
    stopped = stop.get("why", "")
    ending: Ending = "failed" if stopped else "did not end"
    undone = next((r for r in records if r["event"] == "undone"), None)
    itself = undone is not None and first.get("operation") != "rollback"
    ending = "undone" if itself else "ended" if undone or "end" in events else ending
    if ending != "ended" and lease and (first.get("host"), first.get("pid")) == (lease.host, lease.pid):
        ending = "running" if first.get("at", "") >= lease.since else ending
    changes = Counter(verb for verb, _ in _changed(_own(records)))
    failed = tuple(f"{r['address']}: {r['code']} {r['request']}".strip() for r in records if r["event"] == "failed")
    return Run(
        name,
        first.get("operation", "?"),
        first.get("at", ""),
        first.get("git", "")[:12],
        ending,
        changes,
        failed,
        who=first.get("who", ""),
        user=f"{first['user']} on {first['host']}" if "user" in first else "",
        version=first.get("version", ""),
        seconds=_between(first, records[-1]) if records else 0.0,
        why=stopped,
        interrupted=stop.get("interrupted", False),
        playbook=first.get("playbook", ""),
        left=tuple(_left(r) for r in records if r["event"] == "left"),
        undid=tuple((undone or {}).get("runs", ())),
        idle=not changes and not touching(records),
    )


def _left(record: Record) -> Left:
    return Left(**{one.name: record.get(one.name, "") for one in fields(Left)})


def _own(records: Sequence[Record]) -> Sequence[Record]:
    """What a run did before it undid it; a rollback did nothing before. Setting a thing back is one change there, though
    it is written down as the update that does it, too.
    """
    turn = next((n for n, r in enumerate(records) if r["event"] == "undoing"), len(records))
    if not records or records[0].get("operation") != "rollback":
        return records[:turn]
    back = {r["address"] for r in records if r["event"] == "done" and r.get("verb") == "restore"}
    return [r for r in records if r.get("verb") != "update" or r.get("address") not in back]


def _changed(records: Iterable[Record]) -> Iterator[tuple[str, str]]:
    """Verb and address of each change that was made. A deletion counts once, however often AWS was asked; one that was
    never begun took only a record away.
    """
    begun: set[str] = set()
    counted: set[str] = set()
    for r in records:
        verb, address = r.get("verb", ""), r.get("address", "")
        if r["event"] == "begin" and verb == "delete":
            begun.add(address)
        elif r["event"] == "done" and verb == "delete":
            if address in begun - counted:
                counted.add(address)
                yield verb, address
        elif r["event"] == "done" and verb not in QUIET:
            yield verb, address


def _between(one: Record, other: Record) -> float:
    return (datetime.fromisoformat(other["at"]) - datetime.fromisoformat(one["at"])).total_seconds()


def _all(records: Iterable[Record]) -> list[Record]:
    """What was done to counts is told like any other change."""
    return [{**r, "event": COUNTS.get(r["event"], r["event"])} for r in records]


def _explained(environment: str, run: Run, written: Sequence[Record], ways: Ways) -> Explained:
    records = _all(written)
    turn = next((n for n, r in enumerate(records) if r["event"] == "undoing"), len(records))
    deeds = list(_deeds(records[:turn]))
    return Explained(
        replace(run, why=without_ways(run.why, environment)),
        tuple(d for d in deeds if d.result in ("done", "kept")),
        tuple(d for d in deeds if d.result == "failed"),
        tuple(d for d in deeds if d.result == "in doubt"),
        tuple(_set_back(_deeds(records[turn:]))),
        services_down(records),
        ways,
    )


def without_ways(why: str, environment: str) -> str:
    """Why a run stopped, without the ways out of then: they are told once, and only while they lead anywhere."""
    ways = ways_out(environment)
    return why.replace(f": {ways}", ".").replace(f" Once that is mended, {ways}", "")


def _deeds(records: Iterable[Record]) -> Iterator[Deed]:
    """Begin and end of each change, put together; in the order in which they began."""
    open_deeds: dict[tuple[str, str], Record] = {}
    found: dict[tuple[str, str, int], Deed] = {}
    for number, record in enumerate(records):
        event, key = record["event"], (record.get("address", ""), record.get("verb", ""))
        if event == "begin":
            open_deeds[key] = {**record, "number": number}
            found[(*key, number)] = Deed(*key, record["kind"], "in doubt")
        elif event in ("done", "failed", "kept", "retired"):
            begun = open_deeds.pop(key, None)
            if begun is not None:
                found[(*key, begun["number"])] = _deed(begun, record)
            elif record.get("verb") not in QUIET:
                found[(*key, number)] = _deed(record, record)
    yield from found.values()


def _set_back(deeds: Iterable[Deed]) -> Iterator[Deed]:
    """Deeds of a rollback, each once: what sets a thing back is told with it."""
    listed = list(deeds)
    restored = {d.address for d in listed if (d.verb, d.result) == ("restore", "done")}
    by = {d.address: d for d in listed if (d.verb, d.result) == ("update", "done") and d.address in restored}
    for deed in listed:
        how = by.get(deed.address)
        if how is None or deed.verb not in ("update", "restore"):
            yield deed
        elif deed.verb == "restore":
            requests = (*how.requests, *deed.requests)
            yield replace(deed, seconds=how.seconds, fields=how.fields, requests=requests)


def _deed(begun: Record, ended: Record) -> Deed:
    entry = ended.get("entry") or {}
    pre, applied = begun.get("pre"), entry.get("applied")
    fields: tuple[str, ...] = tuple(begun.get("fields", ()))
    if begun.get("verb") == "update" and isinstance(pre, dict) and isinstance(applied, dict):
        wrote = begun.get("wrote")  # versions before did not write it down
        differing = (name for name in applied if applied[name] is not None and applied[name] != pre.get(name))
        fields = tuple(sorted(wrote if isinstance(wrote, dict) else differing))
    code, why = ended.get("code", ""), ended.get("why", "")
    return Deed(
        begun["address"],
        begun["verb"],
        begun.get("kind") or entry.get("kind", ""),
        "done" if ended["event"] == "retired" else ended["event"],
        entry.get("id") or (begun.get("was") or {}).get("id", ""),
        round(_between(begun, ended), 3),
        f"{code}: {why}" if code and why else code or why,
        fields,
        tuple(ended.get("requests", ())),
    )
