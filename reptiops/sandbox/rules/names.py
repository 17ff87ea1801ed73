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
LISTED = 60.0
"""Seconds for which a scalable target that has gone is still listed; on AWS up to five minutes."""
SEEN = 2.0
"""Seconds for which a new log group or scalable target may not be found."""
RESTS = 30.0
"""Seconds for which the name of a deleted parameter or topic is taken."""
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"


def rules() -> None:
    """One group for each service."""
    _secrets()
    _logs()
    _records()
    _scaling()
    _topics()
    _parameters()
    _budgets()


def _topics() -> None:
    @rule("8.4", "sns", "CreateTopic")
    def topic_of_other_tags(call: Call) -> None:
        """A topic made again with other tags is refused, with the same ones answered."""
        held = call.backend().topics.get(f"arn:aws:sns:{call.region}:{call.account}:{call.get('Name')}")
        if held is not None and call.get("Tags") is not None and (held._tags or []) != call.get("Tags"):
            message = "Invalid parameter: Tags Reason: Topic already exists with different tags"
            raise Refused("InvalidParameter", message)


def _parameters() -> None:
    @rule("5.5", "ssm", "PutParameter")
    def parameter_names(call: Call) -> None:
        """Names of fifteen levels at most, which do not begin with aws or ssm, and four kilobytes of value."""
        name = str(call.get("Name")).lstrip("/")
        if name.lower().startswith(("aws", "ssm")) or name.count("/") >= 15:
            raise Refused("ValidationException", f"Parameter name: {name} is reserved, or has too many levels.")
        if len(str(call.get("Value", "")).encode()) > 4096:
            raise Refused("ValidationException", "Standard tier parameters support a maximum value of 4096 characters.")

    @rule("5.5 del", "ssm", "PutParameter", "DeleteParameter")
    def name_rests_after_deletion(call: Call) -> Iterator[None]:
        """The name of a deleted parameter is taken for half a minute."""
        name = call.get("Name")
        if call.operation == "PutParameter" and call.world.clock.younger(f"deleted parameter {name}", RESTS):
            raise Refused("ParameterAlreadyExists", "The parameter already exists.")
        yield
        if call.operation == "DeleteParameter":
            call.world.clock.note(f"deleted parameter {name}")


def _budgets() -> None:
    @rule("8.6", "budgets", "CreateNotification", "CreateSubscriber")
    def told_once(call: Call) -> None:
        """A threshold or a subscriber that is there already."""
        held = call.backend().budgets[call.account].get(call.get("BudgetName"))
        wanted = call.get("Notification", {})
        for one in held.notifications if held is not None else ():
            same = all(one.details.get(k) == v for k, v in wanted.items())
            if same and (call.operation == "CreateNotification" or call.get("Subscriber") in one.subscribers):
                raise Refused("DuplicateRecordException", "Unable to create it: the record already exists.")


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

    @rule("8.1 lag", "logs", "CreateLogGroup")
    def new_group_is_seen_late(call: Call) -> Iterator[None]:
        """For a moment a new group is not found by other calls."""
        yield
        call.world.clock.note(f"log group {call.get('logGroupName')}")

    @rule("8.1 lag", "logs", "PutRetentionPolicy", "DeleteRetentionPolicy")
    def a_group_that_is_seen(call: Call) -> None:
        """A retention is set once the group is found."""
        if call.world.clock.younger(f"log group {call.get('logGroupName')}", SEEN):
            raise Refused("ResourceNotFoundException", "The specified log group does not exist.")

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
            key = (
                one["Action"] == "DELETE",
                record["Name"].lower().rstrip("."),
                record["Type"],
                record.get("SetIdentifier"),
            )
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

    @rule("6.5 lag", "application-autoscaling", "PutScalingPolicy", "PutScheduledAction")
    def a_target_first(call: Call) -> None:
        """A policy or action needs its target to be registered, and to be seen."""
        held = call.backend("applicationautoscaling").targets.get(call.get("ScalableDimension"), {})
        name = call.get("ResourceId")
        if name not in held or call.world.clock.younger(f"target {name}", SEEN):
            raise Refused("ObjectNotFoundException", f"No scalable target found for resource ID: {name}")

    @rule("6.5 lag", "application-autoscaling", "RegisterScalableTarget")
    def new_target_is_seen_late(call: Call) -> Iterator[None]:
        """A new target is not known to other calls for some seconds."""
        held = call.backend("applicationautoscaling").targets.get(call.get("ScalableDimension"), {})
        known = call.get("ResourceId") in held
        yield
        if not known:
            call.world.clock.note(f"target {call.get('ResourceId')}")

    @rule("6.5 del", "application-autoscaling", "DeregisterScalableTarget")
    def gone_target_is_listed(call: Call) -> Iterator[None]:
        """A target that has gone is still listed for a while."""
        backend, name = call.backend("applicationautoscaling"), call.get("ResourceId")
        held = backend.targets.get(call.get("ScalableDimension"), {}).get(name)
        yield
        if held is not None and call.world.clock.factor:
            backend.departed[name] = held
            call.world.clock.later(LISTED, backend.departed.pop, name, None)

    @rule("6.5", "application-autoscaling", "RegisterScalableTarget")
    def tags_of_a_new_target(call: Call) -> None:
        """Tags are taken with the registration of a new target only."""
        held = call.backend("applicationautoscaling").targets.get(call.get("ScalableDimension"), {})
        if call.get("Tags") and call.get("ResourceId") in held:
            message = (
                "The scalable target that you tried to tag already exists. Use the TagResource API to tag an existing "
                "scalable target."
            )
            raise Refused("ValidationException", message)

    @rule("6.5", "application-autoscaling", "RegisterScalableTarget")
    def ends_in_order(call: Call) -> None:
        """The least count is not above the most."""
        least, most = call.get("MinCapacity"), call.get("MaxCapacity")
        if least is not None and most is not None and least > most:
            raise Refused("ValidationException", "Maximum capacity cannot be less than minimum capacity")

    @rule("6.5", "application-autoscaling", "PutScheduledAction")
    def cron_of_six_fields(call: Call) -> None:
        """cron() has six fields, and one of day-of-month and day-of-week is `?`."""
        text = str(call.get("Schedule", ""))
        if text.startswith("cron("):
            fields = text[5:].rstrip(")").split()
            if len(fields) != 6 or "?" not in (fields[2], fields[4]):
                raise Refused("ValidationException", f"Invalid schedule expression: {text}")
