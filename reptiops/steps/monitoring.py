"""Phase: monitoring."""

from __future__ import annotations
