"""What others do on the walk: somebody with the console, a pipeline, a colleague's run. `python deed.py DEED`, there."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3


def client(service: str) -> Any:
    """A client for the sandbox."""
    said = subprocess.run(
        ["reptiops", "sandbox", "status", "--json"], capture_output=True, text=True, check=True
    ).stdout
    return boto3.Session("x", "x", region_name="us-east-1").client(service, endpoint_url=json.loads(said)["endpoint"])


def mistakes() -> None:
    """A configuration with several mistakes in it."""
    folder = Path("wrong")
    folder.mkdir(exist_ok=True)
    text = Path("config/dev.yaml").read_text()
    (folder / "wrong.yaml").write_text(
        text.replace("nat_gateways: per_az", "nat_gateways: two").replace("10.1.1.0/24", "10.9.1.0/24")
        + "\nredish: {}\n"
    )


def drift() -> None:
    """A port opened to the world, an alarm made deaf, a rule in a role, a group nobody knows, a parameter gone."""
    ec2, iam, watch = client("ec2"), client("iam"), client("cloudwatch")
    groups = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["reptidex-dev-rds-sg"]}])
    group = groups["SecurityGroups"][0]
    ec2.authorize_security_group_ingress(
        GroupId=group["GroupId"], IpProtocol="tcp", FromPort=5432, ToPort=5432, CidrIp="0.0.0.0/0"
    )
    ec2.create_security_group(GroupName="temporary", Description="by hand", VpcId=group["VpcId"])
    role = next(r["RoleName"] for r in iam.list_roles()["Roles"] if "backend" in r["RoleName"])
    name = iam.list_role_policies(RoleName=role)["PolicyNames"][0]
    document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    document["Statement"][0]["Action"] = "s3:*"
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
    alarm = next(a for a in watch.describe_alarms()["MetricAlarms"] if "5xx" in a["AlarmName"])
    kept = ("AlarmName", "MetricName", "Namespace", "Period", "EvaluationPeriods", "ComparisonOperator", "Statistic")
    watch.put_metric_alarm(**{k: alarm[k] for k in kept if k in alarm}, Threshold=900.0)
    client("ssm").delete_parameter(Name="/reptidex/dev/redis/port")


def images() -> None:
    """The pipeline pushes the images of two services."""
    from reptiops.config import load_environment
    from reptiops.testing import push_images

    class Session:
        def client(self, service: str) -> Any:
            return client(service)

    push_images(Session(), load_environment("dev", Path("own")), ("repti-core", "web-public"))


def _last_words() -> None:
    """What a program logged before it ended, and a target of its service that does not answer."""
    logs, balancer = client("logs"), client("elbv2")
    group, stream = "/ecs/dev/repti-core", "repti-core/repti-core/0123456789abcdef"
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    lines = (
        "INFO  starting repti-core 2.4.1",
        "INFO  listening on 0.0.0.0:8000",
        "ERROR could not connect to redis master.reptidex-dev.uup0b5.use1.cache.amazonaws.com:6379: connection timed out after 5000 ms",
        "Traceback: redis.exceptions.TimeoutError: Timeout connecting to server",
    )
    moment = int(time.time() * 1000)
    events = [{"timestamp": moment + number, "message": line} for number, line in enumerate(lines)]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    groups = balancer.describe_target_groups()["TargetGroups"]
    arn = next(one["TargetGroupArn"] for one in groups if "repti-core" in one["TargetGroupName"])
    balancer.register_targets(TargetGroupArn=arn, Targets=[{"Id": "10.1.11.23", "Port": 8000}])


def change() -> None:
    """More CPU for one service in the configuration, whose image somebody has removed meanwhile."""
    _last_words()
    ecr = client("ecr")
    name = "reptidex/dev/repti-core"
    for image in ecr.list_images(repositoryName=name)["imageIds"]:
        ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageTag": image["imageTag"]}])
    file = Path("own/dev.yaml")
    Path("own/kept").write_text(file.read_text())
    before, mark, backends = file.read_text().partition("\n  backend:\n")
    file.write_text(
        before + mark + backends.replace("cpu: 512", "cpu: 1024", 1).replace("memory: 1024", "memory: 2048", 1)
    )


def unchange() -> None:
    """The configuration as it was."""
    Path("own/dev.yaml").write_text(Path("own/kept").read_text())


def lock() -> None:
    """A colleague's run holds the environment for a while."""
    hold = subprocess.Popen(
        [sys.executable, __file__, "hold"], start_new_session=True, stdout=subprocess.PIPE, text=True
    )
    assert hold.stdout is not None
    print(hold.stdout.readline().strip())


def hold() -> None:
    """What that colleague's process does."""
    from reptiops.app.site import Settings, open_site
    from reptiops.engine.lock import held

    site = open_site(Settings("dev", config_dir=Path("own"), sandbox=True))
    with held(site.records.backend, "reconcile"):
        print("held", flush=True)
        time.sleep(120)


if __name__ == "__main__":
    {f.__name__: f for f in (mistakes, drift, images, change, unchange, lock, hold)}[sys.argv[1]]()
