"""An example or two for every command: shown by `--help`, in the reference, and run by the documentation's test."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap

EXAMPLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "init": (
        ("reptiops init staging --like dev --yes", "write config/staging.yaml with dev's sizes, asking nothing"),
        ("reptiops init staging", "the same, asking the few questions that matter"),
    ),
    "validate": (("reptiops validate dev", "all mistakes at once, with file and line; calls no AWS"),),
    "plan": (
        ("reptiops plan dev --sandbox", "what provision would do; changes nothing"),
        ("reptiops plan dev --sandbox --phase network", "only that phase"),
        ("reptiops plan dev --sandbox --out dev.plan", "keep it, for provision --plan"),
    ),
    "provision": (
        ("reptiops provision dev --sandbox", "show the plan, ask, make it so"),
        ("reptiops provision dev --sandbox --yes --only compute/service/repti-core", "one address, unasked"),
        ("reptiops provision dev --sandbox --plan dev.plan", "exactly what was planned, or nothing"),
    ),
    "status": (("reptiops status dev --sandbox", "every resource: address, status, age, id"),),
    "outputs": (("reptiops outputs dev --sandbox --json", "endpoints and ARNs for a script"),),
    "history": (("reptiops history dev --sandbox", "the runs, newest first"),),
    "explain": (
        ("reptiops explain dev --sandbox", "the last run in full: what was done, what failed and why, what was undone"),
    ),
    "drift": (
        ("reptiops drift dev --sandbox", "what differs from what was last applied; exits 3 when something does"),
    ),
    "reconcile": (
        ("reptiops reconcile dev --sandbox --yes", "put it back, within what the playbook allows"),
        ("reptiops reconcile dev --sandbox --yes --on-failure keep", "leave what was mended where something fails"),
    ),
    "accept": (
        (
            "reptiops accept dev monitoring/alarm/alb-5xx-rate --sandbox --config-dir my-config",
            "keep what was changed by hand",
        ),
    ),
    "adopt": (
        ("reptiops adopt dev --sandbox", "what exists already and could be taken over"),
        ("reptiops adopt dev storage/bucket/uploads reptidex-dev-uploads --sandbox", "take over one; only tags it"),
    ),
    "rollback": (("reptiops rollback dev --sandbox", "undo runs that did not end"),),
    "teardown": (("reptiops teardown dev --sandbox", "remove everything; asks for the environment's name"),),
    "run": (
        ("reptiops run drift dev --sandbox", "run a playbook on an environment"),
        ("reptiops run provision dev --sandbox --yes --allow-replace", "with what its operation's command takes"),
    ),
    "playbook": (("reptiops playbook list", "which there are"),),
    "playbook list": (("reptiops playbook list", "all playbooks, with what they are for"),),
    "playbook show": (("reptiops playbook show reconcile", "a file to copy and edit"),),
    "playbook check": (("reptiops playbook check reconcile", "all mistakes at once"),),
    "playbook schema": (("reptiops playbook schema", "for editors that complete YAML"),),
    "schedule": (("reptiops schedule show dev --form cron", "a job to copy"),),
    "schedule show": (("reptiops schedule show dev --form systemd --every 15m", "a systemd timer to copy"),),
    "schedule install": (
        ("reptiops schedule install dev --sandbox --config-dir my-config --image REGISTRY/reptiops:1", "make the job"),
    ),
    "schedule uninstall": (("reptiops schedule uninstall dev --sandbox --config-dir my-config", "remove the job"),),
    "state": (("reptiops state show dev --sandbox", "where it is kept, and who holds the lock"),),
    "state init": (("reptiops state init dev --sandbox", "make the place where it is kept"),),
    "state show": (("reptiops state show dev --sandbox", "place, size, last run, lock"),),
    "state list": (("reptiops state list dev --sandbox", "addresses and AWS's ids"),),
    "state rebuild": (("reptiops state rebuild dev --sandbox", "make it anew from AWS alone"),),
    "state forget": (("reptiops state forget dev storage/bucket/uploads --sandbox", "AWS is not touched"),),
    "state move": (
        ("reptiops state move dev storage/bucket/uploads storage/bucket/media --sandbox", "after a key was renamed"),
    ),
    "unlock": (("reptiops unlock dev --sandbox", "who holds it; asks before taking the lock away"),),
    "cost": (
        ("reptiops cost dev", "what it costs in a month, with the guide's figures beside it; calls no AWS"),
        ("reptiops cost dev --what-if single-nat --what-if office-hours", "what would be if"),
    ),
    "report": (
        ("reptiops report dev --sandbox -o report.html", "architecture, drift, last run, cost; open it in a browser"),
    ),
    "preflight": (
        ("reptiops preflight dev --sandbox", "quotas, versions, names: what would stop a provision"),
        ("reptiops preflight prod --simulate", "also whether IAM lets these credentials do it"),
    ),
    "policy": (
        ("reptiops policy dev", "what provision needs: attach all of them to one role"),
        ("reptiops policy dev --for drift --to ./policies", "what a drift job needs, as files for IAM"),
    ),
    "export": (("reptiops export cloudformation dev -o cloudformation", "templates that make the same environment"),),
    "export cloudformation": (
        ("reptiops export cloudformation dev -o cloudformation", "vpc.yaml, security.yaml, …, parameters/dev.json"),
    ),
    "export terraform-import": (
        ("reptiops export terraform-import dev --sandbox -o import.tf", "import blocks with the live ids"),
    ),
    "graph": (("reptiops graph dev --format mermaid", "a diagram to paste"),),
    "schema": (("reptiops schema environment", "the JSON Schema of config/<env>.yaml, for editors"),),
    "sandbox": (("reptiops sandbox start", "the embedded AWS"),),
    "sandbox start": (("reptiops sandbox start", "start it, or say where it runs"),),
    "sandbox stop": (("reptiops sandbox stop", "its world goes with it"),),
    "sandbox status": (("reptiops sandbox status --json", "endpoint, process, account, settings"),),
    "sandbox reset": (("reptiops sandbox reset", "an empty one"),),
    "sandbox rules": (("reptiops sandbox rules", "what it enforces as AWS does"),),
    "completion": (("reptiops completion bash", "print the script; its first line says where to save it"),),
    "doctor": (("reptiops doctor", "is this installation sound?"),),
    "version": (("reptiops version", "of the tool and of Python"),),
}
"""Command → (command line, what it is for)."""


def epilog(path: str) -> str | None:
    """The examples of a command as the end of its help, kept as they are written."""
    found = EXAMPLES.get(path)
    if not found:
        return None
    return "\b\nExamples:\n" + "\n".join(part for line, what in found for part in (*_typed(line), *_said(what)))


WIDTH = 76
"""Columns that an example may have: click indents it by two, and a terminal has eighty."""


def _typed(line: str) -> list[str]:
    """A command, gone on with in another line where it is long, as a shell takes it."""
    if len(line) + 4 <= WIDTH:
        return [f"  $ {line}"]
    head, option, rest = line[: WIDTH - 6].rpartition(" --")
    return [f"  $ {head} \\", f"      {option.lstrip()}{rest}{line[WIDTH - 6 :]}"]


def _said(what: str) -> list[str]:
    return wrap(what, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
