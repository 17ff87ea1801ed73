"""AWS calls that are no resource: facts, preflight, who did it."""
