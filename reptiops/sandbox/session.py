"""A session for the sandbox: made-up credentials, no profile, no configuration file of the person is read."""

from __future__ import annotations

from typing import Any

import boto3
import botocore.session

from reptiops.sandbox.control import Status


class _Session(boto3.Session):  # type: ignore[misc]
    """A boto3 session whose clients all go to the sandbox."""

    def __init__(self, endpoint: str, region: str):
        core = botocore.session.Session()
        core.set_config_variable("config_file", "/dev/null")
        core.set_config_variable("credentials_file", "/dev/null")
        core.set_config_variable("profile", None)
        super().__init__("sandbox", "sandbox", region_name=region, botocore_session=core)
        self._endpoint = endpoint

    def client(self, service_name: Any, *args: Any, **kwargs: Any) -> Any:
        """A client of the sandbox, whatever AWS_ENDPOINT_URL says."""
        kwargs["endpoint_url"] = self._endpoint
        return super().client(service_name, *args, **kwargs)


def sandbox_session(status: Status) -> boto3.Session:
    """A session whose clients all go to this sandbox."""
    return _Session(status.endpoint, status.region)
