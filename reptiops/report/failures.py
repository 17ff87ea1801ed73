"""A failure for the person who meets it: what was being done to what, AWS's word for it, what it means, what to do next,
and what was kept or undone.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reptiops import aws
from reptiops.advice import advise
from reptiops.app import ApplyError, Declined, ProvisionFailed
from reptiops.app.diagnosis import ServiceDown
from reptiops.engine.passing import CallFailed
from reptiops.engine.unplannable import NeedsMissing
from reptiops.errors import ReptiopsError
from reptiops.operations.deployments import Symptoms
from reptiops.report.folding import folded
from reptiops.report.hints import completed

WIDTH = 76
NAMED = 4
"""How many addresses that failed alike are named."""


@dataclass(frozen=True)
class Account:
    """One kind of failure: what was done, to which addresses, what AWS said, and what is known about it."""

    did: str
    addresses: tuple[str, ...]
    code: str
    said: str
    request: str
    kind: str = ""


def explain(error: BaseException, env: str = "ENV") -> str:
    """All of a failure in lines of at most 80 columns where words allow it."""
    cause = error.cause if isinstance(error, ProvisionFailed) else error
    singles = list(cause.errors) if isinstance(cause, ApplyError) else [cause]
    calls = [one for one in singles if _answered(one)]
    others = [one for one in singles if not _answered(one)]
    lines: list[str] = []
    for account in _alike(calls):
        lines += _called(account, env)
    for one in others:
        lines += _plain(one, env)
    if isinstance(error, ProvisionFailed):
        lines += str(error).removeprefix(f"{cause}\n").splitlines()
        lines += getattr(error, "__notes__", ())
    return "\n".join(lines)


def _answered(error: BaseException) -> bool:
    """Whether it is a call that failed, rather than something that reptiops says itself."""
    return isinstance(error, CallFailed) or type(error).__module__.startswith(("botocore.", "boto3."))


def _alike(errors: Iterable[BaseException]) -> list[Account]:
    """Calls that failed for the same reason, told once: ten services that are refused are one story."""
    found: dict[tuple[str, str, str], list[Account]] = {}
    for error in errors:
        one = _account(error)
        found.setdefault((one.did, one.code, one.kind), []).append(one)
    return [
        Account(
            some[0].did, tuple(a for s in some for a in s.addresses), some[0].code, some[0].said, some[0].request, some[0].kind
        )
        for some in found.values()
    ]  # fmt: skip


def _account(error: BaseException) -> Account:
    if isinstance(error, CallFailed):
        cause = error.__cause__ or error
        return Account(
            f"{error.verb} ({error.kind})", (error.address,), error.code, aws.message(cause), aws.request_id(cause), error.kind
        )  # fmt: skip
    operation = str(getattr(error, "operation_name", ""))
    did = f"asking AWS ({operation})" if operation else "asking AWS"
    return Account(did, (), aws.code(error), aws.message(error), aws.request_id(error))


def _called(one: Account, env: str) -> Iterator[str]:
    names = ", ".join(one.addresses[:NAMED])
    more = f" and {len(one.addresses) - NAMED} more" if len(one.addresses) > NAMED else ""
    yield f"error: {f'{one.did} of {names}{more}' if names else one.did} failed"
    reference = f" (request {one.request})" if one.request else ""
    asked = one.code not in ("ProfileNotFound", "NoCredentialsError", "PartialCredentialsError")
    yield from _row("AWS says" if asked else "boto3", f"{one.code}: {one.said}{reference}")
    found = advise(one.code, one.said, one.kind)
    if found is None:
        yield from _row("do", "look the code up in the service's API reference; --debug shows where it came from")
        return
    address = one.addresses[0] if one.addresses else "it"
    yield from _row("that is", found.means.replace("{env}", env).replace("{address}", address))
    yield from _row("do", found.do.replace("{env}", env).replace("{address}", address))


FULL = frozenset({errno.ENOSPC, errno.EIO, errno.EDQUOT})


def _row(head: str, text: str) -> list[str]:
    """A line under its head."""
    lead, line = f"  {head:9}", completed(" ".join(text.split()))
    parts = folded(line, WIDTH, len(lead), len(lead))
    lines = [f"{' ' * part.column}{line[part.start : part.end]}" for part in parts]
    return [f"{lead}{lines[0].lstrip()}", *lines[1:]]


def _plain(error: BaseException, env: str) -> Iterator[str]:
    if isinstance(error, OSError) and error.filename is not None:
        yield f"error: {error.filename}: {error.strerror}"
        yield from _row("that is", "a file of this machine that can't be read or written, no fault of AWS's.")
        yield from _row("do", f"mend it; `reptiops status {env}` says what was begun, if anything")
        return
    if isinstance(error, OSError) and error.errno in FULL:
        yield f"error: what was printed could not be written: {error.strerror}"
        return
    if not isinstance(error, ReptiopsError):
        yield f"error: {type(error).__name__}: {error}"
        yield from _row("that is", "a fault of reptiops itself, and not of yours.")
        yield from _row("do", f"the same command with --debug shows where; `reptiops status {env}` what was begun")
        return
    yield str(error) if isinstance(error, Declined) else f"error: {error}"
    if type(error) is NeedsMissing:
        phase = error.missing.split("/")[0]
        yield from _row("do", f"`reptiops provision {env} --phase {phase}` makes that;")
        yield from _row("", f"`reptiops provision {env}`, without --phase and --only, makes all in order")
    if isinstance(error, ServiceDown):
        for head, line in symptom_lines(error.symptoms):
            yield from _row(head, line)
        yield from _row("do", f"{remedy(error.symptoms, env)}; then run the same command again")


def symptom_lines(found: Symptoms) -> Iterator[tuple[str, str]]:
    """What AWS said of a service: each line, the first of its kind under its head."""
    for head, lines, nothing in (
        ("events", found.events, "none"),
        ("stopped", found.stopped, "no task has stopped within the last hour"),
        ("targets", found.targets, "the load balancer knows no target"),
        ("log", found.log, "nothing was logged"),
    ):
        for number, line in enumerate(lines or (nothing,)):
            yield head if number == 0 else "", line


REMEDIES = (
    ("CannotPullContainer", "push the image that the service names, for the configured architecture: `reptiops outputs {env}`"),
    ("exec format error", "the image was built for another processor: build it for `compute.architecture`"),
    ("OutOfMemory", "the container takes more than its `memory`: raise it, or mend the leak"),
    ("exit code 137", "the container was killed, most often for want of memory: raise its `memory`"),
    ("vCPU", "ask for more Fargate vCPUs in the Service Quotas console (Fargate, L-3032A538)"),
    ("ResourceInitializationError", "the task cannot fetch its secrets, parameters or image: look at its role and its way out"),
    ("Health checks failed", "compare `health_path` and `port` with what the image answers"),
    ("health check", "compare `health_path` and `port` with what the image answers"),
    ("Target.", "compare `health_path` and `port` with what the image answers"),
    ("exit code", "the program ends by itself: its log says why"),
)  # fmt: skip
"""What is found in the symptoms → what to do; the first that is found counts."""


def remedy(found: Symptoms, env: str) -> str:
    """What to do about it."""
    text = " ".join((*found.stopped, *found.events, *found.targets, *found.log))
    do = next((do for sign, do in REMEDIES if sign.lower() in text.lower()), "mend what these lines say")
    return do.replace("{env}", env)
