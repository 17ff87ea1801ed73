"""Images in the sandbox: what a page tells a reader to type works after a plain installation, and once more."""

from __future__ import annotations

import subprocess
import sys

from reptiops.config import load_environment
from reptiops.sandbox.images import push_images
from reptiops.testing import mocked_aws

PLAIN = "import sys; sys.modules['pytest'] = None; import reptiops.sandbox.images as i; print(i.push_images.__name__)"


def test_nothing_of_tests_is_needed() -> None:
    done = subprocess.run([sys.executable, "-c", PLAIN], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "push_images\n"), done.stderr


def test_typed_a_second_time_it_goes_on_with_what_is_missing() -> None:
    dev = load_environment("dev")
    names = [service.name for service in dev.services]
    with mocked_aws() as session:
        ecr = session.client("ecr")
        for name in names:
            ecr.create_repository(repositoryName=dev.repository_name(name))
        push_images(session, dev, names[:2])
        push_images(session, dev, names)
        push_images(session, dev, names[:1], "v42")
        push_images(session, dev, names[:1], "v42")
        for name in names:
            images = ecr.list_images(repositoryName=dev.repository_name(name))["imageIds"]
            assert "latest" in {one.get("imageTag") for one in images}, name
