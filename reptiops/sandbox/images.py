"""Images for an emulated registry: a manifest with nothing behind it, with which services count as running."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from reptiops.config import Environment


def push_images(session: Any, env: Environment, services: Iterable[str], tag: str = "") -> None:
    """Put an image with a tag, else the wanted one, into the repository of each service. One that is there stays."""
    ecr = session.client("ecr")
    for service in services:
        name = tag or env.service(service).image_tag
        digest = hashlib.sha256(f"{service} {tag}".encode()).hexdigest()
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {"mediaType": "application/json", "size": 2, "digest": f"sha256:{digest}"},
            "layers": [],
        }
        repository = env.repository_name(service)
        try:
            ecr.put_image(repositoryName=repository, imageManifest=json.dumps(manifest), imageTag=name)
        except ecr.exceptions.ImageAlreadyExistsException:
            continue
