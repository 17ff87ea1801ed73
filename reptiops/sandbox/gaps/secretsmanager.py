"""Secrets Manager: the name of a secret that is scheduled for deletion is refused in AWS's own words."""

from __future__ import annotations

from typing import Any

from reptiops.sandbox.gaps import replace


def fill() -> None:
    """Creating a name inside its recovery window answers InvalidRequestException."""
    from moto.secretsmanager.exceptions import InvalidRequestException
    from moto.secretsmanager.models import SecretsManagerBackend

    @replace(SecretsManagerBackend, "create_secret")
    def create_secret(original: Any, self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        if name in self.secrets and self.secrets[name].is_deleted():
            raise InvalidRequestException(
                "You can't create this secret because a secret with this name is already scheduled for deletion."
            )
        return original(self, name, *args, **kwargs)
