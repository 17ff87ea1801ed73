"""What `--only` leaves out is neither planned nor recorded: somebody else's stays somebody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reptiops import app
from reptiops.testing import mocked_aws


def test_what_a_selection_leaves_out_is_not_taken_for_ours(tmp_path: Path) -> None:
    with mocked_aws() as session:
        where: dict[str, Any] = {"session": session, "state_dir": tmp_path}
        app.provision("dev", **where, only=("network/vpc",))
        s3 = session.client("s3")
        s3.create_bucket(Bucket="reptidex-dev-uploads")
        s3.put_object(Bucket="reptidex-dev-uploads", Key="theirs", Body=b"x")
        assert not app.provision("dev", **where, only=("network/vpc",)).plan.changes
        (bucket,) = app.plan("dev", **where, only=("storage/bucket/uploads",)).changes
        assert bucket.verb == "foreign"
        app.teardown("dev", **where)
        assert s3.list_objects_v2(Bucket="reptidex-dev-uploads")["KeyCount"] == 1
