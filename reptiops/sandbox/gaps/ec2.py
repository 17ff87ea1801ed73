"""EC2: an endpoint's routes follow its route tables; a NAT gateway's interface goes with it, and its routes are dead."""

from __future__ import annotations

from typing import Any

from reptiops.sandbox.gaps import replace


def fill() -> None:
    """Endpoints and NAT gateways."""
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

    @replace(EC2Backend, "delete_vpc_endpoints")
    def delete_endpoints(original: Any, self: Any, vpce_ids: list[str] | None = None) -> None:
        # One that is deleted has no routes any more; moto looks for them all the same, and fails.
        there = [i for i in vpce_ids or [] if getattr(self.vpc_end_points.get(i), "state", "") != "deleted"]
        original(self, there)

    @replace(EC2Backend, "delete_nat_gateway")
    def delete(original: Any, self: Any, nat_gateway_id: str) -> Any:
        gateway = original(self, nat_gateway_id)
        for address in self.addresses:
            if address.eni is not None and address.eni.id == gateway._eni.id:
                address.eni, address.association_id = None, None
        self.enis.pop(gateway._eni.id, None)
        return gateway
