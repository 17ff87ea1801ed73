"""A scheduled job, ready to be copied: cron, systemd, GitHub Actions, EventBridge Scheduler."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reptiops.config import Environment
from reptiops.errors import ReptiopsError
from reptiops.settings.base import duration_seconds

HOUR, DAY = 60, 24 * 60
GITHUB_LEAST = 5
"""Minutes: GitHub starts no schedule more often."""
LOOK, MEND = 15, 180
"""Minutes after which a run is taken to hang: one that only looks, and one that may recreate a database."""


class NoSchedule(ReptiopsError):
    """This form cannot say the interval, or cannot run this environment's job."""

    exit_code = 2


@dataclass(frozen=True)
class Place:
    """Where a job outside the environment runs, and with what. Directories are absolute."""

    user: str
    executable: Path
    profile: str
    working: Path
    config_dir: Path
    playbook_dir: Path | None = None
    """None: the playbook that comes with the tool."""
    state_dir: Path | None = None
    """None: the state is in S3."""
    operation: str = "drift"
    webhook_variable: str | None = None

    @property
    def minutes(self) -> int:
        """How long a run may take."""
        return LOOK if self.operation == "drift" else MEND

    @property
    def variables(self) -> dict[str, str]:
        """What a job has to be told, because it has neither the shell nor the directory of who set it up."""
        directories = {
            "REPTIOPS_CONFIG_DIR": self.config_dir,
            "REPTIOPS_PLAYBOOK_DIR": self.playbook_dir,
            "REPTIOPS_STATE_DIR": self.state_dir,
        }
        return {"AWS_PROFILE": self.profile, **{name: str(path) for name, path in directories.items() if path}}


def schedule(env: Environment, form: str, place: Place, every: str | None = None) -> str:
    """One definition. Raises NoSchedule, with what would do, where this form cannot say it."""
    interval = every or env.schedule.every
    seconds = duration_seconds(interval)
    if seconds % 60:
        raise NoSchedule(f"every {interval}: not a number of minutes; take whole minutes, such as 15m")
    return FORMS[form](env, place, interval, seconds // 60)


def cron_expression(minutes: int) -> str | None:
    """Five fields; None where cron cannot say it: a step begins anew each hour or day, so it has to divide it."""
    if minutes < HOUR and HOUR % minutes == 0:
        return "* * * * *" if minutes == 1 else f"*/{minutes} * * * *"
    if minutes % HOUR == 0 and minutes < DAY and DAY % minutes == 0:
        return "0 * * * *" if minutes == HOUR else f"0 */{minutes // HOUR} * * *"
    return "0 0 * * *" if minutes == DAY else None


def _fields(who: str, interval: str, minutes: int) -> str:
    expression = cron_expression(minutes)
    if expression is None:
        can = [n for n in range(1, DAY + 1) if cron_expression(n)]
        near = [max((n for n in can if n < minutes), default=1), min((n for n in can if n > minutes), default=DAY)]
        takes = " or ".join(dict.fromkeys(_short(n) for n in near))
        raise NoSchedule(
            f"{who} cannot say every {interval}: its steps begin anew each hour and each day. Take --every {takes}, or "
            "--form systemd, which takes any interval."
        )
    return expression


def _short(minutes: int) -> str:
    return f"{minutes}m" if minutes < HOUR else f"{minutes // HOUR}h" if minutes < DAY else "1d"


def _shared_state(env: Environment, who: str) -> None:
    if not env.state.remote:
        raise NoSchedule(
            f"{who} cannot read the state of this machine, and against an empty state nothing could differ. Set "
            f"state.backend to s3://BUCKET/PREFIX and run `reptiops state init {env.name}`, or take a job on this machine: "
            "--form cron or systemd."
        )


def _words(env: Environment, executable: str = "reptiops") -> str:
    return f"{executable} run {env.schedule.playbook} {env.name} --json"


def _cron(env: Environment, place: Place, interval: str, minutes: int) -> str:
    fields = _fields("cron", interval, minutes)
    kept = f'"$HOME/.reptiops-{env.name}.log"'
    secret = f'. "$HOME/.reptiops-{env.name}.env"; ' if place.webhook_variable else ""
    run = f"{secret}{_words(env)} >{kept} 2>&1; code=$?; logger -t reptiops-{env.name} -f {kept}; exit $code"
    path = ":".join(dict.fromkeys([str(place.executable.parent), "/usr/local/bin", "/usr/bin", "/bin"]))
    lines = [
        f"# crontab -e, as {place.user}: every {interval}. A run that would overlap ends with 4; output goes to the system log,",
        "# and its exit code is the job's: 0 nothing to do, 3 something differs and was told, 4 refused, 1 failed.",
    ]
    if place.webhook_variable:
        lines.append(f"# {kept[1:-5]}.env, mode 600: export {place.webhook_variable}=https://…")
    lines += [
        "SHELL=/bin/sh",
        f"PATH={path}",
        *(f'{name}="{value}"' for name, value in place.variables.items()),
        f"{fields} umask 077; flock -n -E 4 \"$HOME/.reptiops-{env.name}.lock\" sh -c '{run}'",
    ]
    return "\n".join(lines)


def _systemd(env: Environment, place: Place, interval: str, minutes: int) -> str:
    def unit(text: str) -> str:
        return text.replace("%", "%%")

    name = f"reptiops-{env.name}"
    lines = [
        f"# /etc/systemd/system/{name}.service",
        "[Unit]",
        f"Description=reptiops {env.schedule.playbook} {env.name}",
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        "Type=oneshot",
        f"User={place.user}",
        f"WorkingDirectory={unit(str(place.working))}",
        *(f'Environment="{unit(f"{key}={value}")}"' for key, value in place.variables.items()),
    ]
    if place.webhook_variable:
        lines += [
            f"# mode 600, one line: {place.webhook_variable}=https://…",
            f"EnvironmentFile=/etc/reptiops/{env.name}.env",
        ]
    lines += [
        f"ExecStart={_words(env, unit(_quoted(place.executable)))}",
        "# 3: something differs and was told; that is no failure of the job",
        "SuccessExitStatus=3",
        f"TimeoutStartSec={place.minutes}min",
        "",
        f"# /etc/systemd/system/{name}.timer; then: systemctl daemon-reload && systemctl enable --now {name}.timer",
        "[Unit]",
        f"Description=reptiops {env.schedule.playbook} {env.name} every {interval}",
        "",
        "[Timer]",
        "OnBootSec=2min",
        f"OnUnitActiveSec={minutes}min",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return "\n".join(lines)


def _quoted(path: Path) -> str:
    return f'"{path}"' if " " in str(path) else str(path)


def _github(env: Environment, place: Place, interval: str, minutes: int) -> str:
    _shared_state(env, "GitHub Actions")
    if minutes < GITHUB_LEAST:
        raise NoSchedule(
            f"GitHub Actions starts nothing more often than every {GITHUB_LEAST}m: take --every 5m or more"
        )
    fields = _fields("GitHub Actions", interval, minutes)
    playbook, name = env.schedule.playbook, env.name
    variables = [f"          REPTIOPS_CONFIG_DIR: {_in_repository(place, place.config_dir)}"]
    if place.playbook_dir:
        variables.append(f"          REPTIOPS_PLAYBOOK_DIR: {_in_repository(place, place.playbook_dir)}")
    if place.webhook_variable:
        variables.append(f"          {place.webhook_variable}: ${{{{ secrets.{place.webhook_variable} }}}}")
    return "\n".join(
        [
            f"# .github/workflows/reptiops-{name}.yaml, in a repository that holds the tool and your configuration.",
            f"# The role trusts GitHub's identity provider and may do what `reptiops policy {name} --for {place.operation}` prints.",
            f"name: reptiops {playbook} {name}",
            "on:",
            "  schedule:",
            f'    - cron: "{fields}"',
            "  workflow_dispatch: {}",
            "permissions:",
            "  id-token: write",
            "  contents: read",
            "concurrency:",
            f"  group: reptiops-{name}",
            "  cancel-in-progress: false",
            "jobs:",
            f"  {playbook}:",
            "    runs-on: ubuntu-latest",
            f"    timeout-minutes: {place.minutes}",
            "    steps:",
            "      - uses: actions/checkout@v4",
            "      - uses: actions/setup-python@v5",
            "        with:",
            '          python-version: "3.11"',
            "      - uses: aws-actions/configure-aws-credentials@v4",
            "        with:",
            "          role-to-assume: ${{ secrets.REPTIOPS_ROLE }}",
            f"          aws-region: {env.region}",
            *([f"          role-duration-seconds: {place.minutes * 60}"] if place.minutes > HOUR else []),
            "      - run: pip install .",
            "      # 3: something differs and was told; that is no failure of the job",
            f"      - run: {_words(env)} || [ $? -eq 3 ]",
            "        env:",
            *variables,
        ]
    )


def _in_repository(place: Place, directory: Path) -> str:
    """A directory as the checkout has it: below where one stands, or by its name alone."""
    try:
        return directory.relative_to(place.working).as_posix()
    except ValueError:
        return directory.name


def _eventbridge(env: Environment, place: Place, interval: str, minutes: int) -> str:
    _shared_state(env, "A task in Fargate")
    if env.schedule.playbook != "drift":
        raise NoSchedule(
            "the job inside the environment may only look, so it runs the playbook drift; run "
            f"{env.schedule.playbook} from outside: --form cron, systemd or github"
        )
    image = shlex.quote(env.schedule.image) if env.schedule.image else "IMAGE"
    aws, text = f"aws --region {env.region}", "--output text"
    return f"""# `reptiops schedule install {env.name} --every {interval} --image {image}` makes all of this, keeps it and removes it again:
# the log group {env.log_group("reptiops")}; the roles {env.named("job")} (looks), {env.named("job-execution")} (starts
# the container) and {env.named("schedule")} (starts the task); the task {env.task_family("reptiops")}; the group {env.prefix}, and in it
# the schedule {env.schedule.playbook}. That last one is this, in words of the AWS CLI, once the others are there:
set -eu
cluster=$({aws} ecs describe-clusters --clusters {env.cluster_name} --query 'clusters[0].clusterArn' {text})
task=$({aws} ecs describe-task-definition --task-definition {env.task_family("reptiops")} --query taskDefinition.taskDefinitionArn {text})
role=$({aws} iam get-role --role-name {env.named("schedule")} --query Role.Arn {text})
subnets=$({aws} ec2 describe-subnets --filters 'Name=tag:Name,Values={env.named("private", "*")}' --query 'Subnets[].SubnetId' --output json)
groups=$({aws} ec2 describe-security-groups --filters Name=group-name,Values={env.group_name("ecs")} --query 'SecurityGroups[].GroupId' --output json)
{aws} scheduler create-schedule --group-name {env.prefix} --name {env.schedule.playbook} \\
  --schedule-expression 'rate({minutes} minute{"" if minutes == 1 else "s"})' --flexible-time-window Mode=OFF \\
  --target "$(cat <<END
{{"Arn": "$cluster", "RoleArn": "$role",
 "RetryPolicy": {{"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": {max(60, min(86400, minutes * 60))}}},
 "EcsParameters": {{"TaskDefinitionArn": "$task", "TaskCount": 1, "LaunchType": "FARGATE", "NetworkConfiguration":
  {{"awsvpcConfiguration": {{"Subnets": $subnets, "SecurityGroups": $groups, "AssignPublicIp": "DISABLED"}}}}}}}}
END
)\""""


FORMS: dict[str, Callable[[Environment, Place, str, int], str]] = {
    "cron": _cron,
    "systemd": _systemd,
    "github": _github,
    "eventbridge": _eventbridge,
}
