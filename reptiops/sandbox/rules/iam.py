"""IAM: a new role is usable by others only after some seconds, and each consumer says so in words of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from reptiops.sandbox.rules import Call, Refused, rule

SPREAD = 10.0
"""Seconds until a new role can be used by other services."""
LINKED = 15.0
"""Seconds until a service can use its new service-linked role."""


def usable(call: Call, arn: str | None) -> bool:
    """Whether other services can use a role: it is there, and not too young."""
    if not arn:
        return True
    roles = call.backend("iam").roles.values()
    return any(r.arn == arn for r in roles) and not call.world.clock.younger(f"role {arn}", SPREAD)


def linked(call: Call, service: str) -> bool:
    """Whether a service's own role is there for use. A missing one is made by the way, as AWS does, and is young then."""
    iam = call.backend("iam")
    path = f"/aws-service-role/{service}/"
    if not any(r.path == path for r in iam.roles.values()):
        iam.create_service_linked_role(service, "", "")
        call.world.clock.note(f"linked {service}")
    return not call.world.clock.younger(f"linked {service}", LINKED)


def principals(document: str) -> list[str]:
    """The AWS principals of a policy document."""
    found: list[str] = []
    for statement in json.loads(document).get("Statement", []):
        named = statement.get("Principal") if isinstance(statement, dict) else None
        given = named.get("AWS", []) if isinstance(named, dict) else []
        found += [given] if isinstance(given, str) else list(given)
    return found


def unknown(call: Call, document: str) -> str:
    """The first role that a document names as principal and that IAM does not know, or not yet."""
    roles = [p for p in principals(document) if ":role/" in p]
    return next((one for one in roles if not usable(call, one)), "")


def rules() -> None:
    """Everything about roles."""
    _roles()
    _consumers()
    _deletion()


def _roles() -> None:
    @rule("3 lag", "iam", "CreateRole")
    def new_role_spreads(call: Call) -> Iterator[None]:
        """A new role is noted; its consumers refuse it for some seconds."""
        yield
        role = call.backend().get_role(call.get("RoleName"))
        call.world.clock.note(f"role {role.arn}")

    @rule("3.1", "iam", "CreateServiceLinkedRole")
    def new_service_linked_role_spreads(call: Call) -> Iterator[None]:
        """A new service-linked role is of use after some seconds; a second one is refused."""
        service = str(call.get("AWSServiceName"))
        for one in call.backend().roles.values():
            if one.path == f"/aws-service-role/{service}/":
                message = f"Service role name {one.name} has been taken in this account, please try a different suffix."
                raise Refused("InvalidInput", message)
        yield
        call.world.clock.note(f"linked {service}")

    @rule("3 lag", "iam", "CreateRole", "UpdateAssumeRolePolicy")
    def trusted_roles_exist(call: Call) -> None:
        """A trust policy names roles that are there, and have spread."""
        document = call.get("AssumeRolePolicyDocument") or call.get("PolicyDocument") or "{}"
        bad = unknown(call, document)
        if bad:
            raise Refused("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{bad}"')

    @rule("3 lim", "iam", "CreateRole", "UpdateAssumeRolePolicy", "PutRolePolicy")
    def policies_are_short(call: Call) -> None:
        """2,048 characters of trust, 10,240 of inline policies a role, white space not counted."""
        if call.operation == "PutRolePolicy":
            held = call.backend().get_role(call.get("RoleName")).policies
            rest = sum(_size(text) for name, text in held.items() if name != call.get("PolicyName"))
            used, most = rest + _size(call.get("PolicyDocument")), 10240
        else:
            used, most = _size(call.get("AssumeRolePolicyDocument") or call.get("PolicyDocument")), 2048
        if used > most:
            raise Refused(
                "LimitExceeded", f"Maximum policy size of {most} bytes exceeded for role {call.get('RoleName')}"
            )


def _size(document: Any) -> int:
    return len("".join(str(document).split()))


def _consumers() -> None:
    @rule("3 lag, 2.10", "ec2", "CreateFlowLogs")
    def flow_logs_assume_a_role(call: Call) -> None:
        """A flow log's role must be usable."""
        if not usable(call, call.get("DeliverLogsPermissionArn")):
            raise Refused("InvalidParameter", "Unable to assume given IAM role")

    @rule("3 lag", "s3", "PutBucketPolicy")
    def bucket_policies_name_known_roles(call: Call) -> None:
        """A bucket policy names roles that are there, and have spread."""
        if unknown(call, _text(call.get("Policy"))):
            raise Refused("MalformedPolicy", "Invalid principal in policy")

    @rule("3 lag", "secretsmanager", "PutResourcePolicy")
    def secret_policies_name_known_roles(call: Call) -> None:
        """A secret's policy names roles that are there, and have spread."""
        if unknown(call, call.get("ResourcePolicy", "{}")):
            message = "This resource policy contains an unsupported principal."
            raise Refused("MalformedPolicyDocumentException", message)

    @rule("3 lag", "rds", "CreateDBInstance", "ModifyDBInstance")
    def monitoring_role_is_usable(call: Call) -> None:
        """Enhanced monitoring's role must be usable."""
        if not usable(call, call.get("MonitoringRoleArn")):
            message = (
                "IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING"
            )
            raise Refused("InvalidParameterValue", message)

    @rule("3 lag, 8.5", "scheduler", "CreateSchedule", "UpdateSchedule")
    def schedule_role_is_usable(call: Call) -> None:
        """A schedule's role must be usable."""
        if not usable(call, call.get("Target", {}).get("RoleArn")):
            message = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
            raise Refused("ValidationException", message)

    @rule("3 lag", "cloudtrail", "CreateTrail", "UpdateTrail")
    def trail_role_is_usable(call: Call) -> None:
        """The role by which a trail writes to a log group must be usable."""
        if not usable(call, call.get("CloudWatchLogsRoleArn")):
            raise Refused("InvalidCloudWatchLogsRoleArnException", "Access denied. Check the trust relationships.")

    @rule("6.3", "ecs", "RegisterTaskDefinition")
    def task_roles_exist(call: Call) -> None:
        """A task definition names roles that are there."""
        arns = {r.arn for r in call.backend("iam").roles.values()}
        for name in ("executionRoleArn", "taskRoleArn"):
            if call.get(name, "").startswith("arn:") and call.get(name) not in arns:
                raise Refused("ClientException", "Role is not valid")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "{}")


def _deletion() -> None:
    @rule("3 del", "iam", "DetachRolePolicy", "DeleteRolePolicy")
    def detached_policies_linger(call: Call) -> Iterator[None]:
        """For a moment after the last policy has gone a role cannot be deleted."""
        yield
        call.world.clock.note(f"detached {call.get('RoleName')}")

    @rule("3 del", "iam", "DeleteRole")
    def role_with_policies(call: Call) -> None:
        """A role whose policies were taken off a moment ago answers DeleteConflict."""
        if call.world.clock.younger(f"detached {call.get('RoleName')}", 2):
            raise Refused("DeleteConflict", "Cannot delete entity, must detach all policies first.")
