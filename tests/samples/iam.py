"""Samples of IAM's kinds."""

from __future__ import annotations

from dataclasses import replace

from reptiops.engine.resource import Live
from reptiops.engine.scope import Scope
from reptiops.policy import Policy, allow, trust
from reptiops.resources.iam import Role, ServiceLinkedRole
from tests.samples import Sample, World

READ = Policy.make(allow(["s3:GetObject"], ["arn:aws:s3:::reptidex-dev-uploads/*"]))
WRITE = Policy.make(allow(["s3:PutObject"], ["arn:aws:s3:::reptidex-dev-uploads/*"]))


def _attached(world: World, want: Role, live: Live[Role]) -> None:
    """Managed policies come, go, and are there from the start of a second one."""
    document = READ.json()
    one, two = (
        world.session.client("iam").create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
        for name in ("one", "two")
    )
    replace(want, managed=frozenset({one})).update(world.aws, live, frozenset({"managed"}))
    with_one = replace(live, has=replace(live.has, managed=frozenset({one})))
    replace(want, managed=frozenset({two})).update(world.aws, with_one, frozenset({"managed"}))
    # The list of roles is read for the service-linked ones, and a second role made before the policies are read.
    second = replace(want, name="reptidex-dev-two", managed=frozenset({one}))
    scope = Scope(world.aws, world.names, [second])
    list(ServiceLinkedRole.observe(world.aws, scope))
    second.create(world.aws, world.identity("network/sample/two"))
    (found,) = (role for role in scope.live(Role) if role.id == second.name)
    assert found.has == second
    second.delete(world.aws, found)


SAMPLES = [
    Sample(
        Role,
        lambda world: Role(
            "reptidex-dev-sample", trust("ecs-tasks.amazonaws.com", world.names.account), {"read": READ}
        ),
        [
            lambda r: replace(r, trust=trust("rds.amazonaws.com", "123456789012")),
            lambda r: replace(r, policies={"read": WRITE, "more": READ}),
            lambda r: replace(r, policies={"more": READ}),
            lambda r: replace(r, description="what it is for", max_session_seconds=14400),
        ],
        beyond=_attached,
    ),
]
