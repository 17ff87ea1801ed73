"""What steps may know of the live world. It is read once, before the steps are walked, so that steps stay pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Carried:
    """What the scheduled job has with it: it runs where none of the files are that this run was started with."""

    configuration: str
    """The environment's configuration, as YAML."""
    playbook: str
    """The playbook that it runs, as YAML."""
    looks: str
    """The IAM policy of what it calls: the reads of every kind, the state, metrics and messages."""


@dataclass(frozen=True)
class Facts:
    """Read-only knowledge about the account and the region, gathered by `reptiops.operations.facts`."""

    account: str
    region: str
    partition: str = "aws"
    zone_id: str | None = None
    """The public hosted zone of the environment's domain; None where there is none (and it is not to be created)."""
    postgres_version: str = ""
    """The version to create: the configured one if AWS offers it, otherwise the newest of the same major version."""
    images: frozenset[str] = field(default_factory=frozenset)
    """Services whose repository has the wanted image tag, or that run already."""
    parked: frozenset[str] = field(default_factory=frozenset)
    """Services that are held at 0: the cluster carries the tag `reptiops:parked:<service>` for each."""
    estimate: float | None = None
    """Our own monthly estimate in US dollars, where there is one."""
    carried: Carried | None = None
    """Where the configuration's `schedule` is on."""
    notes: tuple[str, ...] = ()
    """What a person should know about these facts, one sentence each; shown by the plan."""
    missing: tuple[str, ...] = ()
    """What has to be there before anything can be made, one sentence each; a provision is refused while it is not."""
