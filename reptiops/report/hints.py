"""Commands that are printed as the next step: each is completed with the options of the command in hand.

A hint that leaves out `--sandbox` or `--state-dir` would act on another environment of the same name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from types import MappingProxyType

ENVIRONMENT: ContextVar[str] = ContextVar("environment", default="ENV")
"""The environment that the command is about."""
GIVEN: ContextVar[Mapping[str, str]] = ContextVar("given", default=MappingProxyType({}))
"""The options that say where that environment is, as they stood on the command line: name → value, empty for a flag."""
EVERY = frozenset(
    [
        "accept",
        "adopt",
        "cost",
        "drift",
        "explain",
        "export",
        "history",
        "outputs",
        "plan",
        "preflight",
        "provision",
        "reconcile",
        "report",
        "rollback",
        "run",
        "schedule",
        "state",
        "status",
        "teardown",
        "unlock",
    ]
)
"""Commands that take all of these options, but for what the next says."""
SOME: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "export cloudformation": frozenset({"--config-dir"}),
        "graph": frozenset({"--config-dir"}),
        "policy": frozenset({"--config-dir", "--region"}),
        "schedule show": frozenset({"--config-dir", "--playbook-dir", "--state-dir", "--profile"}),
        "validate": frozenset({"--config-dir"}),
    }
)
"""Commands that take these of them: they call no AWS."""


def place(options: Iterable[tuple[str, object]]) -> dict[str, str]:
    """Options as a hint repeats them; those not given fall out."""
    return {f"--{name.replace('_', '-')}": "" if value is True else str(value) for name, value in options if value}


def completed(text: str, escape: Callable[[str], str] = str) -> str:
    """The text, each `reptiops COMMAND ENV` in it with the environment in hand and the options given that it does not
    name itself.

    `escape` makes a value fit for the text, where that is markup.
    """
    given, env = GIVEN.get(), ENVIRONMENT.get()
    if "reptiops " not in text or (not given and env == "ENV"):
        return text
    import shlex

    found = re.compile(rf"\breptiops ([a-z]+)( [a-z][\w-]*)?? ({re.escape(env)}|ENV)(?![\w-])")

    def one(match: re.Match[str]) -> str:
        words, name = f"{match[1]}{match[2] or ''}", match[1]
        rest = re.split(r"[`\n]", text[match.end() :], maxsplit=1)[0]
        takes = SOME.get(words) or SOME.get(name) or (given.keys() if name in EVERY else ())
        added = [
            f" {option} {escape(shlex.quote(value))}" if value else f" {option}"
            for option, value in given.items()
            if option in takes and not re.search(rf"{option}\b", rest)
        ]
        return f"reptiops {words} {env}{''.join(added)}"

    return found.sub(one, text)
