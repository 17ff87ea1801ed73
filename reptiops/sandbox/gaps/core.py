"""moto itself: one call at a time, and the strict sandbox's rules around each.

moto's backends are plain dictionaries that change while another thread iterates.
"""

from __future__ import annotations

import threading
from typing import Any

from reptiops.sandbox.gaps import replace
from reptiops.sandbox.rules import hook

_one_at_a_time = threading.RLock()


def fill() -> None:
    """Calls within `mock_aws` wait for each other; the server does the same for its requests."""
    from moto.core.botocore_stubber import BotocoreStubber
    from moto.core.responses import BaseResponse
    from moto.s3.responses import S3Response

    replace(BaseResponse, "call_action")(hook.around)
    replace(S3Response, "_bucket_response")(hook.around_bucket)

    @replace(BotocoreStubber, "process_request")
    def process(original: Any, self: Any, request: Any) -> Any:
        with _one_at_a_time:
            return original(self, request)
