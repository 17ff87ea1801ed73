"""The engine: order, concurrency, journal, state, rollback. It knows no AWS service."""
