"""moto itself: one call at a time. Its backends are plain dictionaries that change while another thread iterates."""

from __future__ import annotations

import threading
from typing import Any

from reptiops.sandbox.gaps import replace

_one_at_a_time = threading.RLock()


def fill() -> None:
    """Calls within `mock_aws` wait for each other; the server does the same for its requests."""
    from moto.core.botocore_stubber import BotocoreStubber

    @replace(BotocoreStubber, "process_request")
    def process(original: Any, self: Any, request: Any) -> Any:
        with _one_at_a_time:
            return original(self, request)
