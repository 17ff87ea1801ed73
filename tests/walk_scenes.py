"""What is typed on the walk through every command, in the order of a life: look before, make, look, break, mend, leave."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scene:
    """One command as it is typed. `dialogue`: (what is waited for, what is then typed; `key:C-c` presses a key).

    `ground`: later scenes stand on it. `wide`: its lines are for machines and may be as wide as they like.
    """

    name: str
    types: str
    exits: tuple[int, ...] = (0,)
    dialogue: tuple[tuple[str, str], ...] = ()
    on_the_way: bool = False
    ground: bool = False
    wide: bool = False


BOX = "--sandbox"
OWN = f"{BOX} --config-dir own"

SCENES = (
    # before anything exists
    Scene("help", "reptiops --help"),
    Scene("help-provision", "reptiops provision --help"),
    Scene("no-command", "reptiops", (0, 2)),
    Scene("unknown-command", "reptiops provison dev", (2,)),
    Scene("unknown-environment", "reptiops plan staging --sandbox", (2,)),
    Scene("version", "reptiops version"),
    Scene("doctor", "reptiops doctor", (0, 1)),
    Scene("validate", "reptiops validate dev"),
    Scene("deed-mistakes", "python deed.py mistakes"),
    Scene("validate-mistakes", "reptiops validate wrong --config-dir wrong", (2,)),
    Scene("init-dialogue", "reptiops init staging --config-dir own", (0,), (
        (r"Small like", "enter"), (r"Domain", "enter"), (r"AWS region", "enter"), (r"AWS account", "123456789012"),
        (r"NAT gateways:", "1"), (r"hosted zone of", "enter"), (r"E-mail", "ops@reptidex.com"),
    )),
    Scene("init-dev", "reptiops init dev --config-dir own --account 123456789012 --email ops@reptidex.com --yes", ground=True),
    Scene("init-again", "reptiops init dev --config-dir own --yes", (2, 4)),
    Scene("graph", "reptiops graph"),
    Scene("graph-dev", "reptiops graph dev --format mermaid", wide=True),
    Scene("schema", "reptiops schema environment", wide=True),
    Scene("completion", "reptiops completion bash", wide=True),
    Scene("policy", "reptiops policy dev --for drift", wide=True),
    Scene("policy-files", "reptiops policy dev --to policies", (0, 2)),
    Scene("playbook-list", "reptiops playbook list"),
    Scene("playbook-show", "reptiops playbook show reconcile"),
    Scene("playbook-check", "reptiops playbook check reconcile"),
    Scene("cost", "reptiops cost dev"),
    Scene("cost-prod", "reptiops cost prod"),
    Scene("cost-what-if", "reptiops cost dev --what-if single-nat --what-if office-hours --what-if savings-plan=20"),
    Scene("cost-what-if-wrong", "reptiops cost dev --what-if free-beer", (2,)),
    Scene("no-credentials", "AWS_PROFILE=nobody reptiops plan dev", (1, 2, 4)),
    Scene("sandbox-status-stopped", "reptiops sandbox status", (0, 1)),
    Scene("sandbox-start", "reptiops sandbox start --clock 0.03", ground=True),
    Scene("sandbox-status", "reptiops sandbox status"),
    Scene("sandbox-rules", "reptiops sandbox rules"),
    Scene("status-nothing", "reptiops status dev --sandbox"),
    Scene("outputs-nothing", "reptiops outputs dev --sandbox"),
    Scene("history-nothing", "reptiops history dev --sandbox"),
    Scene("explain-nothing", "reptiops explain dev --sandbox", (4,)),
    Scene("teardown-nothing", "reptiops teardown dev --sandbox", (0,)),
    Scene("preflight", f"reptiops preflight dev {OWN}"),
    Scene("preflight-prod", "reptiops preflight prod --sandbox", (0, 4)),
    Scene("plan", f"reptiops plan dev {OWN}"),
    Scene("plan-out", f"reptiops plan dev {OWN} --out dev.plan -q", ground=True),
    Scene("provision-no", f"reptiops provision dev {OWN}", (4,), ((r"\[y/N\]", "n"),)),
    Scene("provision-live", f"reptiops provision dev {OWN}", (0,), (
        (r"\[y/N\]", "y"), (r"so far", ""), (r"(?s)2[0-9] s so far", ""),
    ), on_the_way=True, ground=True),
    Scene("provision-kept-plan-old", f"reptiops provision dev {OWN} --plan dev.plan", (4,)),
    Scene("provision-again", f"reptiops provision dev {OWN} --yes"),
    Scene("plan-nothing", f"reptiops plan dev {OWN}"),
    Scene("status", f"reptiops status dev {OWN}", wide=True),
    Scene("outputs", f"reptiops outputs dev {OWN}", wide=True),
    Scene("outputs-yaml", f"reptiops outputs dev {OWN} --output yaml", wide=True),
    Scene("history", f"reptiops history dev {OWN}"),
    Scene("explain", f"reptiops explain dev {OWN}"),
    Scene("drift-none", f"reptiops drift dev {OWN}"),
    # somebody with the console
    Scene("deed-drift", "python deed.py drift", ground=True),
    Scene("drift", f"reptiops drift dev {OWN}", (3,)),
    Scene("drift-who", f"reptiops drift dev {OWN} --who", (3,)),
    Scene("reconcile-ask", f"reptiops reconcile dev {OWN} --max-changes 20", (130,), ((r"\[y/N\]", "key:C-c"),)),
    Scene("accept", f"reptiops accept dev monitoring/alarm/alb-5xx-rate {OWN}", (0, 2)),
    Scene("run-drift", f"reptiops run drift dev {OWN}", (0, 3)),
    Scene("reconcile-braked", f"reptiops reconcile dev {OWN} --yes --max-changes 2", (3,)),
    Scene("reconcile", f"reptiops reconcile dev {OWN} --yes --max-changes 20", (0, 3)),
    Scene("adopt", f"reptiops adopt dev {OWN}"),
    Scene("report", f"reptiops report dev {OWN} -o report.html"),
    Scene("schedule-show", "reptiops schedule show dev --config-dir own --form systemd", wide=True),
    Scene("schedule-show-all", "reptiops schedule show dev --config-dir own", wide=True),
    Scene("schedule-install", f"reptiops schedule install dev {OWN} --image 123456789012.dkr.ecr.us-east-1.amazonaws.com/reptiops:1", (0, 2, 4)),
    Scene("schedule-uninstall", f"reptiops schedule uninstall dev {OWN}", (0, 2, 4)),
    Scene("state", "reptiops state --help"),
    Scene("state-show", f"reptiops state show dev {OWN}"),
    Scene("state-list", f"reptiops state list dev {OWN}", wide=True),
    Scene("state-move-wrong", f"reptiops state move dev storage/bucket/nothing storage/bucket/media {OWN}", (1, 2, 4)),
    Scene("state-forget", f"reptiops state forget dev storage/bucket/uploads {OWN}", (0,)),
    Scene("state-rebuild", f"reptiops state rebuild dev {OWN}"),
    Scene("state-init", f"reptiops state init dev {OWN}", (0, 2)),
    Scene("unlock-nobody", f"reptiops unlock dev {OWN}"),
    Scene("cost-actual", f"reptiops cost dev {OWN} --actual", (0, 1)),
    Scene("cost-refresh", f"reptiops cost dev {OWN} --refresh-prices p.yaml", (4,)),
    Scene("export-cloudformation", "reptiops export cloudformation dev --config-dir own -o cfn"),
    Scene("export-terraform", f"reptiops export terraform-import dev {OWN} -o import.tf"),
    # a change, and a run that fails
    Scene("deed-images", "python deed.py images", ground=True),
    Scene("plan-images", f"reptiops plan dev {OWN}"),
    Scene("provision-images", f"reptiops provision dev {OWN} --yes", ground=True),
    Scene("deed-change", "python deed.py change", ground=True),
    Scene("plan-change", f"reptiops plan dev {OWN}"),
    Scene("provision-fails", f"reptiops provision dev {OWN} --yes", (1,), ((r"so far", ""),), on_the_way=True, ground=True),
    Scene("explain-failed", f"reptiops explain dev {OWN}", (0, 1)),
    Scene("history-failed", f"reptiops history dev {OWN}"),
    Scene("provision-fails-keep", f"reptiops provision dev {OWN} --yes --on-failure keep", (1,)),
    Scene("rollback", f"reptiops rollback dev {OWN}", (0,), ((r"\[y/N\]", "y"),)),
    Scene("deed-unchange", "python deed.py unchange", ground=True),
    # held by somebody else, and interrupted
    Scene("deed-lock", "python deed.py lock", ground=True),
    Scene("teardown-locked", f"reptiops teardown dev {OWN} --yes", (4,)),
    Scene("plan-locked", f"reptiops plan dev {OWN}", (0, 4)),
    Scene("unlock", f"reptiops unlock dev {OWN}", (0,), ((r"\[y/N\]", "y"),)),
    Scene("teardown-wrong-name", f"reptiops teardown dev {OWN}", (4,), ((r"Type dev to destroy it", "prod"),)),
    Scene("teardown", f"reptiops teardown dev {OWN}", (0,), ((r"Type dev to destroy it", "dev"), (r"so far", "")), on_the_way=True),
    Scene("provision-interrupted", f"reptiops provision dev {OWN} --yes", (1, 130), (
        (r"[3-9] s so far", "key:C-c"), (r"Roll back", "n"),
    ), on_the_way=True),
    Scene("status-interrupted", f"reptiops status dev {OWN}", wide=True),
    Scene("rollback-interrupted", f"reptiops rollback dev {OWN}", (0,), ((r"\[y/N\]", "y"),)),
    Scene("teardown-prod", "reptiops teardown prod --sandbox", (2, 4)),
    Scene("ci-log", f"CI=1 reptiops provision dev {OWN} --yes --phase network", wide=True),
    Scene("no-color", f"NO_COLOR=1 reptiops plan dev {OWN}"),
    Scene("pipe", f"reptiops plan dev {OWN} | cat", wide=True),
    Scene("quiet", f"reptiops provision dev {OWN} --yes --quiet --phase network"),
    Scene("sandbox-reset", "reptiops sandbox reset"),
    Scene("sandbox-stop", "reptiops sandbox stop"),
)  # fmt: skip
