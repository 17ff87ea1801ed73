"""The tests. In sandboxes that they start things are there at once; who tests the clock names one."""

import os

os.environ.setdefault("REPTIOPS_SANDBOX_CLOCK", "0")
