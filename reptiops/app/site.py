"""One environment in one account, opened: configuration, credentials, state and facts; read only."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import platformdirs

from reptiops.app.carried import with_carried
from reptiops.app.costs import with_estimate
from reptiops.aws import Aws
from reptiops.config import Environment
from reptiops.endpoints import is_aws, world
from reptiops.engine.backend import Backend, LocalBackend
from reptiops.engine.clock import Clock, Monotonic
from reptiops.engine.codec import restore
from reptiops.engine.drift import beside
from reptiops.engine.eta import TIMINGS, Timings, forecast
from reptiops.engine.events import Sink, silent
from reptiops.engine.graph import Graph
from reptiops.engine.plan import EVERYTHING, Matcher, Plan, Selection, make, wanted
from reptiops.engine.recover import Unfinished, unfinished
from reptiops.engine.scope import Names, Scope
from reptiops.engine.state import Belongs, Records, State
from reptiops.errors import ReptiopsError
from reptiops.facts import Facts
from reptiops.loading import load_environment
from reptiops.operations.facts import gather
from reptiops.operations.s3_backend import s3_backend
from reptiops.resources.ecs_tasks import TaskDefinition
from reptiops.shipped import is_shipped
from reptiops.steps import documented, parting

OWN = "my-config"
"""What a directory of one's own is called in a next step."""
USUAL_REGION: str = Environment.model_fields["region"].default
SERVICES = (
    "sts", "route53", "rds", "ecs", "ecr", "ec2", "elbv2", "iam", "resourcegroupstaggingapi", "s3", "cloudfront", "acm",
    "secretsmanager", "elasticache", "logs", "ssm", "cloudwatch", "sns", "application-autoscaling", "budgets",
    "cloudtrail", "scheduler",
)  # fmt: skip
"""Whom a look at everything asks, by botocore's names, in about that order."""


class Refused(ReptiopsError):
    """Refused before anything was written."""

    exit_code = 4


class Declined(Refused):
    """A person was asked and said no."""

    unchanged = True


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
    clock: Clock = field(default_factory=Monotonic)


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
    mark: str
    """What the records looked like when the state was read."""
    clock: Clock

    @property
    def given(self) -> dict[str, Any]:
        """What steps get beside other steps' results, and what holds for all: accepted overrides, owners of fields, the
        settings by which a kind is deleted.
        """
        for_all = {"overrides": self.env.accepted, "owned": owner_of(self.env), "parting": parting(self.env)}
        return {"env": self.env, "facts": self.facts, **for_all}

    @property
    def topic(self) -> str:
        """The ARN of the environment's alarm topic, whether it is there or not."""
        names = self.names
        return f"arn:{self.facts.partition}:sns:{names.region}:{names.account}:{self.env.topic_name}"

    def timings(self) -> Timings:
        """How long things took in this environment before."""
        stored = self.records.backend.read(TIMINGS)
        return Timings.of(stored.data if stored else None)

    def remember(self, timings: Timings) -> None:
        """Keep what a run has seen of how long things take."""
        if timings.seen:
            self.records.backend.write(TIMINGS, timings.document())

    def scope(self) -> Scope:
        """A fresh look at AWS."""
        places = {kind: s.path for s in self.graph.order for kind in s.kinds}
        looked_for = wanted(self.graph, self.given, self.state)
        return Scope(
            self.aws, self.names, looked_for, self.state.entries, places=places, begun=lambda: self.unfinished().created
        )

    def unfinished(self) -> Unfinished:
        """What runs that did not end have begun."""
        return unfinished(self.records)


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


def open_site(settings: Settings, *, blank: bool = False, leaving: bool = False) -> Site:
    """Read configuration, credentials, state and facts. Nothing is written, neither in AWS nor on the disk.

    With `blank` the state that is kept is not read: it is about to be made anew. `leaving`: only what a removal needs
    of the facts.
    """
    # Clients take longer to make than a file to read. A sandbox is not started for a file that may be wrong.
    begun = None if settings.sandbox else _connect(settings, settings.region or USUAL_REGION)
    env = load_environment(settings.environment, settings.config_dir)
    if settings.overrides:
        env = _overridden(env, settings.overrides)
    redirected = _redirected(settings)
    if redirected and env.protected:
        raise Refused(
            f"{env.name} is protected, and {redirected}: that is not AWS. Unset it, or use --sandbox for reptiops's own."
        )
    region = settings.region or env.region
    aws, endpoint, root = begun if begun and begun[0].region == region else _connect(settings, region)
    account = aws.account()
    if env.account and env.account != account and not settings.sandbox:
        raise Refused(f"{env.name} belongs to account {env.account}, but these credentials are of account {account}.")
    names = Names(env.project, env.name, account, aws.region)
    belongs = Belongs(env.name, account, aws.region, endpoint or world(aws.endpoint))
    records = Records(_backend(env, aws, root, account), world)
    mark = records.mark()
    state = records.blank(belongs) if blank else records.load(belongs)
    facts = with_estimate(gather(aws, env, account, leaving=leaving, revisions=_revisions(state)), env)
    facts = with_carried(facts, env, settings.config_dir, settings.playbook_dir)
    if redirected:
        facts = replace(facts, notes=(*facts.notes, f"{redirected}: what is made is made there, not in AWS"))
    return Site(env, aws, names, facts, documented(), records, belongs, state, mark, settings.clock)


def _revisions(state: State) -> dict[str, list[str]]:
    """ARN → images of the task definitions that the state records."""
    recorded = (entry for entry in state.entries.values() if entry.kind == TaskDefinition.kind())
    return {one.id: [c.image for c in restore(TaskDefinition, one.applied).containers.values()] for one in recorded}


def _redirected(settings: Settings) -> str:
    """Where botocore would send calls other than to AWS, in words: a variable left from a test would do it silently."""
    if (
        settings.sandbox
        or settings.session is not None
        or os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == "true"
    ):
        return ""
    names = sorted(name for name in os.environ if name.startswith("AWS_ENDPOINT_URL"))
    names = [name for name in names if os.environ[name] and not is_aws(os.environ[name])]
    return f"{names[0]} sends calls to {os.environ[names[0]]}" if names else ""


def _connect(settings: Settings, region: str) -> tuple[Aws, str | None, Path]:
    """Clients that begin to be made, the name of their world, and the root of its states. Nothing is called yet."""
    session, endpoint, root = session_of(settings)
    aws = Aws(session, region, read_only=True)
    if settings.session is None:  # one of the caller's own is the caller's to use meanwhile
        aws.prepare(SERVICES)
    return aws, endpoint, root


def _backend(env: Environment, aws: Aws, root: Path, account: str) -> Backend:
    """`account`: whose the bucket has to be; empty where that is not known."""
    if env.state.bucket is None:
        return LocalBackend(root / env.name)
    return s3_backend(aws, env.state.bucket, env.state.prefix, env.name, account)


def refuse_shipped(file: Path, environment: str, again: str) -> None:
    """Raise Refused where a file that is to be written came with the tool: with what makes one's own of it, and then."""
    if is_shipped(file):
        own = f"--config-dir {OWN}"
        raise Refused(
            f"{file} was shipped with the tool and is never written. Make it your own and change that one:\n"
            f"  `reptiops init {environment} --like {environment} {own} --yes`\n"
            f"  `{again} {own}`"
        )


def records_of(settings: Settings) -> Records:
    """What is kept of an environment, without asking whose account it is: for those who only tell of the past."""
    env = load_environment(settings.environment, settings.config_dir)
    session, _, root = session_of(settings)
    aws = Aws(session, settings.region or env.region, read_only=True)
    return Records(_backend(env, aws, root, "" if settings.sandbox else env.account or ""))


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


def plan_site(site: Site, selection: Selection = EVERYTHING) -> Plan:
    """The plan of an opened site."""
    scope = site.scope()
    return foretold(site, scope, make(site.graph, site.given, scope, site.state, selection), selection)


def foretold(site: Site, scope: Scope, made: Plan, selection: Selection) -> Plan:
    """A plan with how long it is expected to take here, and with what the same look has seen that nobody declared."""
    matcher = Matcher(scope, site.graph.kinds(), site.state)
    seen = beside(site.graph, matcher, site.state, owner_of(site.env), made)
    made = replace(made, beside=tuple(one for one in seen if selection.covers(one.address)))
    return replace(made, forecast=forecast(made, site.graph, site.timings())) if made.changes else made
