"""A configuration for a new environment, made from one that is shipped: comments stay, the answers go in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from reptiops.config import Environment, environments, load_environment, parse_environment
from reptiops.configtext import with_settings
from reptiops.errors import ConfigurationError
from reptiops.shipped import shipped_dir

TEMPLATES = ("dev", "prod")
"""Shipped environments that a new one can be like."""
CDN_REGION = "us-east-1"
"""CloudFront takes certificates from here only, so an environment elsewhere begins without a CDN."""


@dataclass(frozen=True)
class Answers:
    """The few questions that matter; None where the template's own value is right."""

    name: str
    like: str = "dev"
    domain: str | None = None
    region: str | None = None
    account: str | None = None
    cidr: str | None = None
    nat_gateways: str | None = None
    create_zone: bool = False
    emails: tuple[str, ...] = ()


def starter(answers: Answers) -> str:
    """The text of `config/<name>.yaml`. Raises ConfigurationError where an answer is no valid setting."""
    text = (shipped_dir("config") / f"{answers.like}.yaml").read_text()
    was = parse_environment(text, answers.like)
    text = _title(text, answers)
    text = _hosts(text, answers, was)
    text = _network(text, answers, was)
    if answers.account:
        text = re.sub(r'# account: "\d{12}" {0,7}', f'account: "{answers.account}"{" " * 9}', text, count=1)
    if answers.create_zone:
        text = with_settings(text, "dns", {"create_zone": True})
    if answers.emails:
        text = with_settings(text, "monitoring", {"emails": list(answers.emails)})
    parse_environment(text, answers.name, f"{answers.name}.yaml")
    return text


def free_cidr(name: str, config_dir: Path | None = None) -> str:
    """The network of the environment `name` where one is known: another would replace nearly all that is there.

    Else the first 10.N.0.0/16 that no known environment uses: two networks that overlap can never be peered.
    """
    taken = []
    folders = list(dict.fromkeys((config_dir, None, shipped_dir("config"))))
    for folder in folders:
        if name in environments(folder):
            try:
                return load_environment(name, folder).network.cidr
            except ConfigurationError:
                continue
    for folder in folders:
        for other in environments(folder):
            try:
                taken.append(IPv4Network(load_environment(other, folder).network.cidr))
            except ConfigurationError:
                continue  # a broken file claims no network
    return next(
        str(one) for one in IPv4Network("10.0.0.0/8").subnets(new_prefix=16) if not any(one.overlaps(t) for t in taken)
    )


def _title(text: str, answers: Answers) -> str:
    text = re.sub(r"# ReptiDex, \w+:", f"# ReptiDex, {answers.name}:", text, count=1)
    return text.replace(f"reptiops validate {answers.like}`", f"reptiops validate {answers.name}`")


def _hosts(text: str, answers: Answers, was: Environment) -> str:
    """Every host under the new domain and with the new name in it, so that two environments never claim one."""
    name, old = answers.name, re.escape(was.domain)
    new = answers.domain or was.domain
    if answers.like == "dev":
        text = re.sub(rf"\bdev\.{old}", f"{name}.{new}", text)
        text = re.sub(rf"-dev\.{old}", f"-{name}.{new}", text)
    elif name != "prod" and new == was.domain:
        text = re.sub(r"(hosts|aliases): \[([^]]*)\]", lambda m: _named(m, name, was.domain), text)
    text = re.sub(rf"^domain: {old}$", f"domain: {new}", text, flags=re.M)
    return re.sub(old, new, text)


def _named(found: re.Match[str], name: str, domain: str) -> str:
    hosts = [h.strip() for h in found[2].split(",")]
    renamed = [f"{name}.{domain}" if h == domain else f"{h.removesuffix(f'.{domain}')}-{name}.{domain}" for h in hosts]
    return f"{found[1]}: [{', '.join(renamed)}]"


def _network(text: str, answers: Answers, was: Environment) -> str:
    if answers.region:
        text = text.replace(f"region: {was.region}", f"region: {answers.region}", 1)
        text = re.sub(rf"^( +){was.region}([a-z]:)", rf"\g<1>{answers.region}\g<2>", text, flags=re.M)
        if answers.region != CDN_REGION:
            text = re.sub(r"(\n  cdn:\n    enabled: )true", r"\g<1>false", text)
    if answers.cidr:
        old = str(was.network.cidr).split(".0.0/")[0]
        new = answers.cidr.split(".0.0/")[0]
        text = re.sub(rf"\b{re.escape(old)}\.(\d+\.0/)", rf"{new}.\g<1>", text)
    if answers.nat_gateways:
        text = re.sub(r"nat_gateways: \w+", f"nat_gateways: {answers.nat_gateways}", text, count=1)
    return text
