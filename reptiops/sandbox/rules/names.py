"""Smaller services: names that rest, retentions, records, scalable targets, topics."""

from __future__ import annotations

from collections.abc import Iterator

from reptiops.sandbox.rules import Call, Refused, rule
from reptiops.sandbox.rules.iam import linked

RETENTIONS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
FORCED = 60.0
"""Seconds for which the name of a secret deleted without recovery is still taken."""
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"


def rules() -> None:
    """One group for each service."""
    _secrets()
    _logs()
    _records()
    _scaling()


def _secrets() -> None:
    @rule("5.4 id", "secretsmanager", "CreateSecret")
    def name_of_a_deleted_secret(call: Call) -> None:
        """The name of a secret inside its recovery window, or deleted by force a moment ago, is taken."""
        name, held = str(call.get("Name")), call.backend().secrets
        waiting = name in held and held[name].is_deleted()
        if waiting or call.world.clock.younger(f"secret {name}", FORCED):
            message = "You can't create this secret because a secret with this name is already scheduled for deletion."
            raise Refused("InvalidRequestException", message)

    @rule("5.4 del", "secretsmanager", "DeleteSecret")
    def forced_deletion_takes_a_while(call: Call) -> Iterator[None]:
        """A deletion without recovery window is asynchronous."""
        held = call.backend().secrets
        name = held[call.get("SecretId")].name if call.get("SecretId") in held else ""
        yield
        if call.get("ForceDeleteWithoutRecovery") and name:
            call.world.clock.note(f"secret {name}")

    @rule("5.4 id", "secretsmanager", "CreateSecret")
    def secret_names(call: Call) -> None:
        """No name that ends like an ARN: hyphen and six characters."""
        head, _, tail = str(call.get("Name")).rpartition("-")
        if head and len(tail) == 6 and tail.isalnum() and not tail.islower() and not tail.isdigit():
            raise Refused("ValidationException", "Secret names must not end with a hyphen and six characters.")


def _logs() -> None:
    @rule("8.1", "logs", "PutRetentionPolicy")
    def retentions(call: Call) -> None:
        """Only certain numbers of days."""
        if call.get("retentionInDays") not in RETENTIONS:
            message = f"1 validation error detected: retentionInDays is {call.get('retentionInDays')}"
            raise Refused("InvalidParameterException", message)

    @rule("8.1", "logs", "CreateLogGroup")
    def reserved_names(call: Call) -> None:
        """No name that begins with aws/."""
        if str(call.get("logGroupName")).startswith("aws/"):
            raise Refused("InvalidParameterException", "Log groups starting with AWS/ are reserved for AWS.")


def _records() -> None:
    @rule("0.10, 4.2", "route53", "ChangeResourceRecordSets")
    def a_record_once_a_batch(call: Call) -> None:
        """The same record twice in one batch fails the whole batch, more than a thousand changes too."""
        changes = call.get("ChangeBatch", {}).get("Changes", [])
        seen = set()
        for one in changes:
            record = one["ResourceRecordSet"]
            key = (one["Action"] == "DELETE", record["Name"].lower().rstrip("."), record["Type"])
            if key in seen:
                message = f"Tried to change resource record set [name='{record['Name']}'] twice in one batch"
                raise Refused("InvalidChangeBatch", message)
            seen.add(key)
        if len(changes) > 1000:
            raise Refused("InvalidChangeBatch", "Number of records limit of 1000 exceeded.")

    @rule("4.2", "route53", "ChangeResourceRecordSets")
    def zone_of_an_alias(call: Call) -> None:
        """An alias names the zone in which AWS keeps its target's name."""
        for one in call.get("ChangeBatch", {}).get("Changes", []):
            target = one["ResourceRecordSet"].get("AliasTarget") or {}
            name = str(target.get("DNSName", "")).lower().rstrip(".")
            wanted = CLOUDFRONT_ZONE if name.endswith(".cloudfront.net") else ""
            if wanted and target.get("HostedZoneId") != wanted:
                message = f"the alias target {name} is not in the target hosted zone {target.get('HostedZoneId')}"
                raise Refused("InvalidChangeBatch", message)


def _scaling() -> None:
    @rule("3.1", "application-autoscaling", "RegisterScalableTarget")
    def scaling_role(call: Call) -> None:
        """Registering makes the service-linked role; a young one cannot be assumed."""
        if not linked(call, "ecs.application-autoscaling.amazonaws.com"):
            raise Refused("ValidationException", "Unable to assume IAM role")

    @rule("6.5", "application-autoscaling", "PutScheduledAction")
    def cron_of_six_fields(call: Call) -> None:
        """cron() has six fields, and one of day-of-month and day-of-week is `?`."""
        text = str(call.get("Schedule", ""))
        if text.startswith("cron("):
            fields = text[5:].rstrip(")").split()
            if len(fields) != 6 or "?" not in (fields[2], fields[4]):
                raise Refused("ValidationException", f"Invalid schedule expression: {text}")
