"""A plan as people read it and as machines read it; and a run that does exactly what was kept, or nothing."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from reptiops import app, plandocument
from reptiops.app import states
from reptiops.cli.lines import fitted
from reptiops.config import environment_file, load_environment
from reptiops.engine.plan import Plan
from reptiops.engine.resource import Live
from reptiops.engine.unplannable import PlanError
from reptiops.policy import Policy, allow, deny
from reptiops.pricing import load_prices
from reptiops.report.describe import Todo
from reptiops.report.durations import duration
from reptiops.report.fields import differences, words
from reptiops.report.plans import brief, outlook, say, show_plan
from reptiops.report.summary import show_outcome
from reptiops.report.terminal import age, show_status
from reptiops.testing import mocked_aws, provision

READ = allow(["s3:GetObject"], ["arn:aws:s3:::a/*"])
WRITE = allow(["s3:PutObject"], ["arn:aws:s3:::a/*"])
TLS = deny(["s3:*"], ["arn:aws:s3:::a"], principal="*", condition={"Bool": {"aws:SecureTransport": "false"}})


def policy(*statements: dict[str, Any]) -> Any:
    """The canonical form of a policy."""
    return Policy.make(*statements).to_plain()


def said(has: Any, want: Any) -> list[str]:
    """The differences of a field `f`, a line each."""
    signs = {"added": "+", "removed": "-", "changed": "~"}
    return [f"{signs[d.what]} {d.path}: {words(d.has)} → {words(d.want)}" for d in differences("f", has, want)]


@pytest.mark.parametrize(
    ("has", "want", "expected"),
    [
        (1, 2, ["~ f: 1 → 2"]),
        (True, False, ["~ f: yes → no"]),
        (None, "x", ["+ f: not set → x"]),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, ["~ f.b: 2 → 3"]),
        ({"A": "x"}, {}, ["- f.A: x → not set"]),
        (["a", "b"], ["b", "c"], ["- f: a → not set", "+ f: not set → c"]),
        (["a", "b"], ["b", "a"], ["~ f: a, b → b, a"]),
        ("x", "⟦network/vpc.id⟧", ["~ f: x → (known after apply)"]),
        ("x", "http://⟦compute/load_balancer.dns_name⟧/a", ["~ f: x → http://<compute/load_balancer.dns_name>/a"]),
        (
            [{"path": "/a", "ttl": 1}, {"path": "/b", "ttl": 1}],
            [{"path": "/b", "ttl": 2}],
            ["- f./a: path=/a, ttl=1 → not set", "~ f./b.ttl: 1 → 2"],
        ),
        ('{"widgets": [1], "start": "x"}', '{"widgets": [1, 2], "start": "x"}', ["+ f.widgets: not set → 2"]),
        (policy(READ), policy(READ, TLS), ["+ f: not set → Deny s3:* on arn:aws:s3:::a to AWS * when Bool aws:SecureTransport=false"]),
        (None, policy(READ), ["+ f: not set → Allow s3:getobject on arn:aws:s3:::a/*"]),
        (
            policy(READ, TLS),
            policy(allow(["s3:GetObject", "s3:PutObject"], ["arn:aws:s3:::a/*"]), TLS),
            ["+ f [Allow on arn:aws:s3:::a/*] action: not set → s3:putobject"],
        ),
        (
            policy(READ),
            policy(WRITE),
            [
                "- f [Allow on arn:aws:s3:::a/*] action: s3:getobject → not set",
                "+ f [Allow on arn:aws:s3:::a/*] action: not set → s3:putobject",
            ],
        ),
    ],
)  # fmt: skip
def test_what_differs_inside_a_field_is_told_by_meaning(has: Any, want: Any, expected: list[str]) -> None:
    assert said(has, want) == expected


PLAIN = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.text('ab{}[]"', max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.none() | PLAIN, st.none() | PLAIN)
def test_there_is_a_difference_exactly_where_something_differs(has: Any, want: Any) -> None:
    found = differences("f", has, want)
    assert bool(found) == (has != want)
    assert all(words(d.has) or words(d.want) for d in found)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.2, "0.2 s"), (9.96, "10.0 s"), (59.4, "59 s"), (59.6, "1 min"), (190, "3 min 10 s"), (3900, "1 h 5 min")],
)
def test_durations(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("vpc-1", "vpc-1"),
        ("arn:aws:ecs:us-east-1:1:service/c/web", "web"),
        ("arn:aws:sns:us-east-1:1:topic", "topic"),
        ("ZONE/load_balancer", "ZONE/load_balancer"),
    ],
)
def test_an_arn_is_told_by_what_people_know_it_by(identifier: str, expected: str) -> None:
    assert brief(identifier) == expected


@pytest.fixture(scope="module")
def made() -> tuple[Plan, plandocument.PlanDocument]:
    """The plan of a first provision of dev."""
    with mocked_aws() as session:
        return app.documented_plan("dev", session=session, state_dir=Path("unused"))


def test_an_age_is_awss_else_that_of_the_record() -> None:
    made, hour = datetime(2026, 1, 2, 3, tzinfo=UTC), 3600
    live: Live[Any] = Live("vpc-1", None)
    assert age(live, made.timestamp() + 2 * hour, made.isoformat()) == "2h"
    assert age(replace(live, created=made), made.timestamp() + 3 * hour, "2026-01-02T04:00:00+00:00") == "3h"
    assert age(live, made.timestamp()) == ""


def test_on_a_narrow_terminal_a_resource_is_one_line() -> None:
    rule = "security/security_group_rule/ecs/outbound/tcp-443-0.0.0.0_0"
    rows = [
        {"address": "network/vpc", "id": "vpc-1", "status": "available", "age": "4h", "kind": ""},
        {"address": rule, "id": "sgr-90016193538f8295e", "status": "ready", "age": "12m", "kind": ""},
        {
            "address": "monitoring/alarm/a",
            "id": "reptidex-dev-a",
            "status": "INSUFFICIENT_DATA",
            "age": "4h",
            "kind": "",
        },
        {"address": "compute/service/a", "id": "a" * 60, "status": "0 of 0 running", "age": "4h", "kind": ""},
        {"address": "compute/service/b", "id": "", "status": "absent", "age": "", "kind": ""},
    ]
    console = Console(width=80, force_terminal=True, color_system=None)
    with console.capture() as shown:
        show_status(console, rows)
    lines = [line.rstrip() for line in shown.get().splitlines()]
    assert lines == [
        "available        4h  network/vpc  vpc-1",
        f"ready           12m  {rule}",
        "no data yet      4h  monitoring/alarm/a  reptidex-dev-a",
        f"0 of 0 running   4h  compute/service/a  {'a' * 39}…",
        "absent               compute/service/b",
        "Ids are cut to fit; --json and a wider terminal have them whole.",
    ]
    assert max(map(len, lines)) == 80
    console = Console(width=80, force_terminal=True, color_system=None)
    with console.capture() as shown:
        show_status(
            console, [{**one, "address": one["address"][:30], "status": "active, not declared"} for one in rows]
        )
    assert (
        len(
            {
                line.index("/") - len(row["address"].split("/")[0])
                for line, row in zip(shown.get().splitlines(), rows, strict=False)
            }
        )
        == 1
    )
    console = Console(width=80, force_terminal=True, color_system=None)
    with console.capture() as shown:
        show_status(console, rows[:1])
    assert shown.get().splitlines()[0].split() == ["address", "status", "age", "id"], "where there is room, in columns"


@pytest.mark.parametrize("left", [True, False])
def test_what_is_left_to_do_is_not_noted_as_well(left: bool) -> None:
    made = Plan((), ("no image yet for web-public: desired count 0 until there is one", "caches nothing"))
    todos = [Todo("push these images (ARM64), then provision again", ("web-public:latest",))] if left else []
    facts: Any = None
    console = Console(width=80, force_terminal=True, color_system=None)
    with console.capture() as shown:
        show_outcome(console, load_environment("dev"), app.Outcome(made, {}, 1.0, 1, facts), {}, todos)
    text = shown.get()
    assert "note: caches nothing" in text
    assert ("no image yet" in text, "push these images" in text) == (not left, left)


def test_what_has_no_price_is_named_beside_the_cost(made: Any, tmp_path: Path) -> None:
    assert not any("no price known" in line for line in shown(made[0]).splitlines())
    text = Path("prices/us-east-1.yaml").read_text().replace("  rds.t4g.micro.single:", "  rds.other:")
    (tmp_path / "prices.yaml").write_text(text)
    prices = load_prices(tmp_path / "prices.yaml")
    cost = app.cost_of_plan(load_environment("dev"), made[0], prices)
    (line,) = (one for one in outlook(made[0], cost) if "no price known" in one)
    assert line.endswith("without database/database: rds.t4g.micro.single, no price known.")


def shown(plan: Plan, *, width: int = 80, terminal: bool = False, verbose: bool = False, **more: Any) -> str:
    """What a person sees."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, emoji=False, **more)
    show_plan(console, plan, verbose, app.cost_of_plan(load_environment("dev"), plan))
    return out.getvalue()


def test_phases_stand_in_the_documented_order_with_a_line_a_resource(made: Any) -> None:
    lines = shown(made[0]).splitlines()
    heads = [line.split()[0] for line in lines if line and line[0] != " " and "to create" in line and ":" not in line]
    assert heads == ["network", "security", "database", "compute", "storage", "monitoring"]
    for action in made[0].changes:
        assert sum(line.split()[1:2] == [action.address] for line in lines) == 1
    assert any(line.startswith("Time: about") and "database/redis" in line for line in lines)
    assert any(line.startswith("Cost: +$") for line in lines)
    assert "a month at typical traffic until the services have images (" in " ".join(lines)
    assert any("15.7" in line and line.startswith("note:") for line in lines)


@pytest.mark.parametrize("verbose", [False, True])
def test_it_fits_eighty_columns_and_needs_no_colour(made: Any, verbose: bool) -> None:
    plain = shown(made[0], terminal=True, no_color=True, color_system=None, verbose=verbose)
    assert "\x1b" not in plain
    assert max(len(line.rstrip()) for line in plain.splitlines()) <= 80
    coloured = shown(made[0], terminal=True, color_system="standard", verbose=verbose)
    codes = {code for part in coloured.split("\x1b[")[1:] for code in part.split("m")[0].split(";")}
    assert codes <= {"0", "1", "2", "31", "32", "33", "35"}, "the terminal's own colours, no white, black or background"


def test_in_a_log_a_line_stays_one_line(made: Any) -> None:
    assert any(len(line) > 100 and line.startswith("note:") for line in shown(made[0]).splitlines())


def test_an_arn_is_no_picture() -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:reptidex/dev/database-atDEZV"
    for terminal in (True, False):
        out = io.StringIO()
        say(Console(file=out, width=200, force_terminal=terminal, color_system=None, emoji=False), arn, hang=4)
        assert out.getvalue().strip() == arn


@pytest.mark.parametrize("hang", [0, 4])
@pytest.mark.parametrize("width", range(34, 90))
def test_no_line_breaks_inside_a_duration(width: int, hang: int) -> None:
    text = "Time: about 12 min 30 s; the long pole is database/redis (2 min 30 s); it took 1 h 5 min of ~45 s or 4.2 s."
    out = io.StringIO()
    say(Console(file=out, width=width, force_terminal=True, color_system=None), f"[bold]{text}[/]", 2, hang)
    for printed in (out.getvalue(), fitted(text, width)):
        lines = [line.strip() for line in printed.splitlines()]
        assert " ".join(lines) == text, "and nothing is lost or put in"
        assert max(map(len, lines)) <= width
        for time in ("12 min 30 s;", "(2 min 30 s);", "1 h 5 min", "~45 s", "4.2 s."):
            assert any(time in line for line in lines), (time, lines)


def test_the_document_has_the_form_that_is_published(made: Any) -> None:
    document = json.loads(plandocument.text(made[1]))
    jsonschema.validate(document, plandocument.plan_schema())
    assert document["schema"] == plandocument.FORM == 2
    assert document["counts"]["create"] == len(document["changes"]) > 150
    database = next(c for c in document["changes"] if c["address"] == "database/database")
    assert database["seconds"] > 60
    assert database["monthly"] > 5
    assert database["wanted"]["instance_class"] == "db.t4g.micro"
    assert "⟦" in database["wanted"]["security_groups"][0]
    assert document["time"]["long_pole"] in document["time"]["critical_path"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "extra": 1}, plandocument.plan_schema())


# --- kept, and held to -------------------------------------------------------------------------------------------

PART = ("storage/bucket",)


def configured(folder: Path, old: str = "", new: str = "") -> Path:
    """A configuration of dev with one thing changed."""
    text = environment_file("dev", Path("config")).read_text()
    assert old in text
    (folder / "dev.yaml").write_text(text.replace(old, new))
    return folder


def test_what_was_kept_is_done_or_nothing_once_aws_or_the_configuration_has_moved(tmp_path: Path) -> None:
    old, new = "uploads:\n      versioning: false", "uploads:\n      versioning: true"
    with mocked_aws() as session:
        where = {"session": session, "state_dir": tmp_path, "config_dir": configured(tmp_path)}
        provision(session, tmp_path, "dev", only=PART, config_dir=tmp_path)
        configured(tmp_path, old, new)
        with pytest.raises(
            PlanError, match=r"^there is no address storage/bukcet; did you mean storage/bucket\?$"
        ) as typo:
            app.plan("dev", only=["storage/bukcet"], **where)
        assert typo.value.exit_code == 2
        with pytest.raises(PlanError, match=r"no address storage/bucket/uplods; did you mean storage/bucket/uploads\?"):
            app.accept("dev", "storage/bucket/uplods", **where)
        _, document = app.documented_plan("dev", only=PART, **where)
        (change,) = document.changes
        assert (change.action, change.fields[0].field, change.undo) == ("update", "versioning", "one-way")

        configured(tmp_path, old, f"{new}\n      expire_days: 50")
        with pytest.raises(app.PlanMoved) as moved:
            app.provision("dev", kept=document, **where)
        assert moved.value.exit_code == 4
        assert "the configuration of dev has changed" in str(moved.value)
        assert "storage/bucket/uploads: lifecycle" in str(moved.value)
        s3 = session.client("s3")
        assert "Status" not in s3.get_bucket_versioning(Bucket="reptidex-dev-uploads"), "nothing was changed"

        configured(tmp_path, old, new)
        file = tmp_path / "dev.plan"
        file.write_text(plandocument.text(document))
        done = app.provision("dev", kept=plandocument.read_plan(file), **where)
        assert [a.address for a in done.plan.changes] == ["storage/bucket/uploads"]
        assert s3.get_bucket_versioning(Bucket="reptidex-dev-uploads")["Status"] == "Enabled"
        with pytest.raises(
            app.PlanMoved, match="bucket/uploads: the plan said update of versioning, now there is nothing"
        ):
            app.provision("dev", kept=document, **where)

        # The state alone knows it.
        states.move("dev", "storage/bucket/uploads", "storage/bucket/earlier", **where)
        assert not app.plan("dev", only=["storage/bucket/earlier"], **where).count("create")


def test_what_has_moved_alike_is_told_once_with_its_addresses(made: Any) -> None:
    kept = made[1]
    done = kept.model_copy(update={"changes": kept.changes[:1]})
    (told,) = plandocument.moved(kept, done)
    addresses = [change.address for change in kept.changes[1:]]
    assert told.splitlines() == [
        "the plan said create, now there is nothing to do:",
        *(f"  {address}" for address in addresses[:10]),
        f"  and {len(addresses) - 10} more",
    ]
    (single,) = plandocument.moved(kept, kept.model_copy(update={"changes": kept.changes[1:]}))
    assert single == f"{kept.changes[0].address}: the plan said create, now there is nothing to do"


def test_the_refusal_of_a_plan_that_was_done_already_is_short(tmp_path: Path) -> None:
    with mocked_aws() as session:
        where = {"session": session, "state_dir": tmp_path}
        _, document = app.documented_plan("dev", only=PART, **where)
        app.provision("dev", kept=document, **where)
        with pytest.raises(app.PlanMoved) as moved:
            app.provision("dev", kept=document, **where)
    lines = str(moved.value).splitlines()
    assert lines[1] == "  the plan said create, now there is nothing to do:"
    assert lines[2:-1] == [f"    {change.address}" for change in document.changes]
    assert len(document.changes) > 1


def test_a_plan_of_another_environment_or_form_is_refused(tmp_path: Path, made: Any) -> None:
    document = made[1]
    other = document.model_copy(update={"account": "000000000000"})
    assert plandocument.moved(other, document) == ("the plan is for account 000000000000, this run is 123456789012",)
    told = "This plan is about something else:\n  the plan is for environment dev, this run is prod"
    with mocked_aws() as session, pytest.raises(app.PlanMoved, match=told):
        app.provision("prod", kept=document, session=session, state_dir=tmp_path)
    file = tmp_path / "a.plan"
    whole = json.loads(plandocument.text(document))
    parts = {name: whole[name] for name in ("changes", "counts", "notes")}
    for text, why in (
        ("no json", "is no plan: it is not JSON. `reptiops plan ENV --out FILE` writes one."),
        (json.dumps({"schema": 1, "estimate": {}, "what_if": []}), "is no plan. `reptiops plan"),
        (json.dumps({"schema": 2, **parts}), "is no plan: it lacks reptiops, made, environment, "),
        (json.dumps({"schema": 1, **parts}), "is a plan of form 1, this version knows 2. `reptiops plan"),
        (json.dumps({**whole, "schema": "2"}), "is no plan: schema is '2', which is no number. `reptiops plan"),
        (
            json.dumps({**whole, "selection": 3}),
            "is no plan: selection: 3 is not a mapping of settings. `reptiops plan",
        ),
        (json.dumps({**whole, "changes": {}}), "is no plan: changes: a mapping is not a list. `reptiops plan"),
    ):
        file.write_text(text)
        with pytest.raises(plandocument.PlanFileError) as refused:
            plandocument.read_plan(file)
        assert str(refused.value).startswith(f"{file} {why}")


def test_a_bill_that_stays_is_no_line(made: Any) -> None:
    cost = app.cost_of_plan(load_environment("dev"), made[0])
    assert any("a month at typical traffic" in line for line in outlook(made[0], cost))
    same = replace(cost, after=cost.before)
    assert not any("a month at typical traffic" in line for line in outlook(made[0], same))
