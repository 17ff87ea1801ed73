"""EC2: an endpoint whose route tables were changed can be deleted, and its routes follow the change."""

from __future__ import annotations

from typing import Any

from reptiops.sandbox.gaps import replace


def fill() -> None:
    """Gateway endpoints keep their prefix list routes in step with their route tables."""
    from moto.ec2.models import EC2Backend

    @replace(EC2Backend, "modify_vpc_endpoint")
    def modify(original: Any, self: Any, vpc_id: str, *args: Any, **kwargs: Any) -> None:
        endpoint = self.describe_vpc_endpoints(vpc_end_point_ids=[vpc_id])[0]
        before = set(endpoint.route_table_ids or [])
        original(self, vpc_id, *args, **kwargs)
        if endpoint.vpc_endpoint_type.lower() == "gateway":
            after = set(endpoint.route_table_ids or [])
            for table in before - after:
                self.delete_route(table, endpoint.destination_prefix_list_id)
            for table in after - before:
                self.create_route(
                    table, None, gateway_id=endpoint.id, destination_prefix_list_id=endpoint.destination_prefix_list_id
                )
