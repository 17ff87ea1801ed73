"""Which fields of resources are settings by another name: a value that is set for them directly keeps to the same bounds.

Choices are not among them: to set what the settings do not offer is what setting a field directly is for.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from ipaddress import IPv4Network
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from reptiops.settings.base import Cidr, LogRetention, NotNegative, Port, Positive, Settings, refuse
from reptiops.settings.checks import LARGEST, SMALLEST
from reptiops.settings.checks_compute import pair
from reptiops.settings.compute import Deployment, Ecr, HealthCheck, Probe, ServiceSettings
from reptiops.settings.database import Database, Redis, Secrets
from reptiops.settings.monitoring import Alarm
from reptiops.settings.storage import Behaviour, SecurityHeaders
from reptiops.validation import said

LIKE: Mapping[str, tuple[type[Settings], ...]] = {
    "rds.Instance": (Database,),
    "elasticache.ReplicationGroup": (Redis,),
    "ecs_services.Service": (ServiceSettings, Deployment),
    "ecs_tasks.Container": (ServiceSettings,),
    "ecs_tasks.HealthCheck": (HealthCheck,),
    "elbv2.HealthCheck": (Probe,),
    "elbv2.TargetGroup": (ServiceSettings,),
    "elbv2_listeners.HostRule": (ServiceSettings,),
    "cloudwatch.Alarm": (Alarm,),
    "cloudfront_headers.HeadersPolicy": (SecurityHeaders,),
    "cloudfront_config.Behaviour": (Behaviour,),
    "cloudfront_config.PathBehaviour": (Behaviour,),
    "ecr.Repository": (Ecr,),
    "secretsmanager.Secret": (Secrets,),
}
"""A class of fields → the settings whose fields of the same name mean the same."""


def _sized(value: str) -> str:
    if not LARGEST <= IPv4Network(value).prefixlen <= SMALLEST:
        raise refuse(f"{value} has a size that AWS does not take here", f"/{LARGEST} to /{SMALLEST}")
    return value


Block = Annotated[Cidr, AfterValidator(_sized)]
OTHERWISE: Mapping[str, Any] = {
    "ec2.Vpc.cidr": Block,
    "ec2.Subnet.cidr": Block,
    "elbv2_listeners.Listener.port": Port,
    "logs.LogGroup.retention_days": LogRetention,
    "logs.ServiceLogGroup.retention_days": LogRetention,
    "ec2_access.SecurityGroupRule.from_port": Annotated[int, Field(ge=-1, le=65535)],
    "ec2_access.SecurityGroupRule.to_port": Annotated[int, Field(ge=-1, le=65535)],
    "route53.ValidationRecord.ttl_seconds": Annotated[int, Field(ge=1, le=604800)],
    "iam.Role.max_session_seconds": Annotated[int, Field(ge=3600, le=43200)],
    "cloudwatch.Alarm.period": Positive,
    "cloudwatch.Alarm.threshold": float,
    "budgets.Budget.amount": Annotated[float, Field(gt=0)],
}
"""Fields without such a setting, and those whose setting is narrower than AWS."""
SAME_NAME_ONLY = frozenset({"name", "kind", "parameters"})
"""Called alike in both, and not the same."""


def judge(cls: type, name: str, value: Any) -> tuple[str, str] | None:
    """What is wrong with a value of the right type: a sentence, and what would be valid."""
    owner = _owner(cls)
    form = OTHERWISE.get(f"{owner}.{name}") or _setting(owner, name)
    if form is None and type(value) is int:
        form = NotNegative if value < 0 else None
    try:
        if form is not None:
            _adapter(form).validate_python(value, strict=True)
    except ValidationError as error:
        return said(error.errors(include_url=False)[0])
    return None


def together(cls: type, has: Any) -> Iterator[tuple[str, str, str]]:
    """What is wrong with values of a resource beside each other: the field to blame, a sentence, and what would be valid."""
    if _owner(cls) == "ecs_tasks.TaskDefinition":
        for one in pair(("cpu",), ("memory",), has.cpu, has.memory):
            yield str(one.path[0]), one.message, one.valid
    if _owner(cls) == "rds.Instance" and has.max_storage_gb < has.storage_gb:
        yield (
            "max_storage_gb",
            f"{has.max_storage_gb} is less than storage_gb {has.storage_gb}",
            f"at least {has.storage_gb}",
        )


def _owner(cls: type) -> str:
    return f"{cls.__module__.rsplit('.', 1)[-1]}.{cls.__name__}"


@cache
def _adapter(form: Any) -> TypeAdapter[Any]:
    return TypeAdapter(form)


def _setting(owner: str, name: str) -> Any:
    for model in LIKE.get(owner, ()) if name not in SAME_NAME_ONLY else ():
        field = model.model_fields.get(name)
        if field is not None and _bounded(field.annotation):
            return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return None


def _bounded(form: Any) -> bool:
    """Whether a type is text or a number: neither a choice, nor something that a field of a resource spells otherwise."""
    origin = get_origin(form)
    if origin is Annotated:
        return _bounded(get_args(form)[0])
    if origin in (Union, UnionType):
        return all(one is type(None) or _bounded(one) for one in get_args(form))
    return origin is not Literal and form in (int, float, str)
