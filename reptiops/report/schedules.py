"""A scheduled job, ready to be copied: cron, systemd, GitHub Actions, EventBridge Scheduler."""

from __future__ import annotations

from reptiops.config import Environment
from reptiops.settings.base import duration_seconds

CRON = """# crontab -e: every {every}, one run at a time, output to the system log
{cron} flock -n /tmp/reptiops-{env}.lock reptiops run {playbook} {env} --json 2>&1 | logger -t reptiops-{env}"""

SYSTEMD = """# /etc/systemd/system/reptiops-{env}.service
[Unit]
Description=reptiops {playbook} {env}
[Service]
Type=oneshot
ExecStart=/usr/local/bin/reptiops run {playbook} {env} --json
# 3: something differs and was told; that is no failure of the job
SuccessExitStatus=3
Environment=AWS_PROFILE=reptidex-{env}

# /etc/systemd/system/reptiops-{env}.timer
[Timer]
OnCalendar=*:0/{minutes}
Persistent=true
[Install]
WantedBy=timers.target"""

GITHUB = """# .github/workflows/reptiops-{env}.yaml
name: reptiops {playbook} {env}
on:
  schedule:
    - cron: "{cron}"
  workflow_dispatch: {{}}
permissions:
  id-token: write
  contents: read
concurrency: reptiops-{env}
jobs:
  {playbook}:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: aws-actions/configure-aws-credentials@v4
        with:
          role-to-assume: ${{{{ secrets.REPTIOPS_ROLE }}}}
          aws-region: {region}
      - run: pip install . && reptiops run {playbook} {env} --json"""

EVENTBRIDGE = """# EventBridge Scheduler starts a Fargate task of the tool's image (see Dockerfile); NAME and ARNs are your own
aws scheduler create-schedule --region {region} \\
  --name reptidex-{env}-{playbook} --schedule-expression '{expression}' \\
  --flexible-time-window Mode=OFF \\
  --target '{{"Arn": "CLUSTER_ARN", "RoleArn": "ROLE_ARN", "EcsParameters": {{"TaskDefinitionArn": "TASK_ARN",
    "LaunchType": "FARGATE", "NetworkConfiguration": {{"awsvpcConfiguration": {{"Subnets": ["SUBNET"],
    "SecurityGroups": ["GROUP"]}}}}}}}}'"""

FORMS = {"cron": CRON, "systemd": SYSTEMD, "github": GITHUB, "eventbridge": EVENTBRIDGE}


def schedule(env: Environment, form: str, every: str | None = None) -> str:
    """One definition. Intervals of an hour and more are written as hours where the format has no other way."""
    interval = every or env.schedule.every
    minutes = max(1, duration_seconds(interval) // 60)
    cron = f"*/{minutes} * * * *" if minutes < 60 else f"0 */{min(23, minutes // 60)} * * *"
    unit = "minute" if minutes == 1 else "minutes"
    return FORMS[form].format(
        env=env.name,
        every=interval,
        cron=cron,
        minutes=min(minutes, 59),
        playbook=env.schedule.playbook,
        region=env.region,
        expression=f"rate({minutes} {unit})",
    )
