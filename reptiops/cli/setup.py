"""`init`, `schema` and `doctor`: what a person meets before the first environment. None of them calls AWS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reptiops.cli.lines import tell
from reptiops.cli.options import CONFIG_DIR, PLAYBOOK_DIR, printable, show_json
from reptiops.cli.values import ACCOUNT, ENVIRONMENT, HOST, NAT, Emails, Network, Region, agreed

if TYPE_CHECKING:
    from reptiops.starter import Answers

DEBUG = click.option("--debug", is_flag=True, hidden=True)


@click.command()
@click.argument("name", metavar="ENV", type=ENVIRONMENT)
@click.option("--like", type=click.Choice(["dev", "prod"]), help="Whose sizes and safeguards to begin with.")
@click.option("--domain", type=HOST, help="The domain its hosts are under; default: the template's.")
@click.option("--region", type=Region(), help="AWS region; default: the template's.")
@click.option("--account", type=ACCOUNT, help="The 12 digits of the account it belongs to; any other is then refused.")
@click.option(
    "--cidr",
    type=Network(),
    help="The network's /16; default: that of a known ENV, else the first 10.N.0.0/16 that none uses.",
)
@click.option("--nat-gateways", type=NAT, help="One a zone, one, or endpoints instead.")
@click.option("--create-zone", is_flag=True, help="Make the hosted zone, rather than find it.")
@click.option("--email", "emails", type=Emails(), multiple=True, help="Who hears the alarms; may be repeated.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask: defaults for what is not given.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--config-dir", type=click.Path(path_type=Path), envvar="REPTIOPS_CONFIG_DIR", help="Default: ./config.")
@DEBUG
def init(name: str, yes: bool, force: bool, config_dir: Path | None, debug: bool, **given: Any) -> None:
    """Write a commented configuration for a new environment.

    Asks the few questions that matter.
    """
    from dataclasses import replace

    from reptiops.errors import ConfigurationError
    from reptiops.starter import Answers, free_cidr, starter

    file = (config_dir or Path("config")) / f"{name}.yaml"
    if file.exists() and not force:
        raise click.UsageError(f"{file} is there already; --force writes over it")
    given["emails"] = tuple(one for listed in given["emails"] for one in listed)
    given["cidr"] = given["cidr"] or free_cidr(name, config_dir if config_dir and config_dir.is_dir() else None)
    answers = Answers(name, **{**given, "like": given["like"] or "dev"})
    if not yes:
        answers = _asked(answers, given)
    try:
        text = starter(answers)
    except ConfigurationError as error:  # its lines are those of a file that nobody sees
        place = f"{file} is not written"
        raise ConfigurationError([replace(one, file=place, line=0) for one in error.mistakes]) from error
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    except OSError as error:
        raise click.UsageError(f"{file} cannot be written: {error.strerror}") from error
    option = f" --config-dir {config_dir}" if config_dir and config_dir != Path("config") else ""
    tell(f"{file}: written, no mistakes. Read it, then:")
    tell(f"  reptiops plan {name} --sandbox{option}\n      try it without an account")
    tell(f"  reptiops plan {name}{option}\n      what it would make in yours")


def _asked(answers: Answers, given: dict[str, Any]) -> Answers:
    """Ask what was not given; the answer in brackets is taken with Enter."""
    from dataclasses import replace

    from reptiops.starter import TEMPLATES

    def ask(text: str, key: str, default: str, form: Any = click.STRING) -> str:
        shown = bool(default)
        answer = given[key] or click.prompt(
            text, default=default, type=form, show_default=shown, show_choices=False, err=True
        )
        return str(answer)

    like = given["like"] or click.prompt(
        "Small like dev, or with spares and protected like prod",
        type=click.Choice(TEMPLATES),
        default="dev",
        err=True,
    )
    domain = ask("Domain that its hosts are under", "domain", "reptidex.com", HOST)
    region = ask("AWS region", "region", "us-east-1", Region())
    account = ask("AWS account, 12 digits (empty: any that you are signed in to)", "account", "", ACCOUNT)
    nat = ask("NAT gateways: per_az, 1 (cheaper), or 0 (endpoints instead)", "nat_gateways", "per_az", NAT)
    zone = given["create_zone"] or agreed(f"Make the hosted zone of {domain} (no: it is there)?", err=True)
    emails = given["emails"] or click.prompt(
        "E-mail for alarms (empty: none)", default="", type=Emails(), show_default=False, err=True
    )
    return replace(
        answers,
        like=like,
        domain=domain,
        region=region,
        account=account or None,
        nat_gateways=nat,
        create_zone=zone,
        emails=emails,
    )


@click.command()
@click.argument("what", type=click.Choice(["environment", "playbook", "plan"]))
@DEBUG
def schema(what: str, debug: bool) -> None:
    """Print a JSON Schema, for editors and for scripts.

    Of an environment's file, of a playbook's, or of `plan --json`.
    """
    if what == "environment":
        from reptiops.config import environment_schema

        show_json(environment_schema())
    elif what == "playbook":
        from reptiops.playbook import playbook_schema

        show_json(playbook_schema())
    else:
        from reptiops.plandocument import plan_schema

        show_json(plan_schema())


@click.command()
@CONFIG_DIR
@PLAYBOOK_DIR
@printable
@DEBUG
def doctor(config_dir: Path | None, playbook_dir: Path | None, as_json: bool) -> None:
    """Look whether this installation is sound.

    Exits 1 when something has to be mended; calls no AWS.
    """
    from rich.console import Console
    from rich.markup import escape

    from reptiops.installation import examine
    from reptiops.report.plans import say

    found = examine(config_dir, playbook_dir)
    if as_json:
        show_json([vars(check) for check in found])
    else:
        console = Console(emoji=False, highlight=False)
        marks = {"good": ("✓", "green"), "note": ("·", "yellow"), "bad": ("✗", "red")}
        for check in found:
            mark, colour = marks[check.verdict]
            say(console, f"[{colour}]{mark}[/] {check.name:14} {escape(check.what)}", hang=17)
            if check.mend:
                say(console, f"→ {escape(check.mend)}", 17)
    if any(check.verdict == "bad" for check in found):
        raise SystemExit(1)
