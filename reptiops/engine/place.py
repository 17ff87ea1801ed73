"""Where an environment is: what ids and ARNs that follow from names are made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Account, region and partition."""

    account: str
    region: str
    partition: str = "aws"

    def arn(self, service: str, resource: str, *, regional: bool = True) -> str:
        """The ARN of something here."""
        return f"arn:{self.partition}:{service}:{self.region if regional else ''}:{self.account}:{resource}"
