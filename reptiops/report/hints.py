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
        "history",
        "outputs",
        "plan",
        "preflight",
        "provision",
        "reconcile",
        "report",
        "rollback",
        "run",
        "state",
        "status",
        "teardown",
        "unlock",
    ]
)
"""Commands that take all of these options."""
OFFLINE = frozenset({"graph", "policy", "validate"})
"""Commands that call no AWS: they take `--config-dir` of them."""


def place(options: Iterable[tuple[str, object]]) -> dict[str, str]:
    """Options as a hint repeats them; those not given fall out."""
    return {f"--{name.replace('_', '-')}": "" if value is True else str(value) for name, value in options if value}


def completed(text: str, escape: Callable[[str], str] = str, glue: str = " ") -> str:
    """The text, each `reptiops COMMAND ENV` in it with the environment's name and the options given that it does not name
    itself.

    `escape` makes a value fit for the text, where that is markup. `glue` stands between what is added.
    """
    given, env = GIVEN.get(), ENVIRONMENT.get()
    if "reptiops " not in text or (not given and env == "ENV"):
        return text
    import shlex

    names = {env, "ENV"}
    found = re.compile(rf"\breptiops ([a-z]+)(?: [a-z][\w-]*)?? (?:{'|'.join(map(re.escape, names))})(?![\w-])")

    def one(match: re.Match[str]) -> str:
        rest = re.split(r"[`\n]", text[match.end() :], maxsplit=1)[0]
        fitting = given if match[1] in EVERY else {n: v for n, v in given.items() if n == "--config-dir"}
        if match[1] not in EVERY | OFFLINE:
            return match[0]
        whole = f"{match[0].removesuffix(' ENV')} {env}" if match[0].endswith(" ENV") else match[0]
        added = [
            f"{glue}{name}{glue}{escape(shlex.quote(value))}" if value else f"{glue}{name}"
            for name, value in fitting.items()
            if not re.search(rf"{name}\b", rest)
        ]
        return whole + "".join(added)

    return found.sub(one, text)
