"""The composition root: configuration, steps, engine and state put together, for the command line and for Python.

import reptiops
outcome = reptiops.provision("dev", session=boto3.Session(...), state_dir=path)
"""

from reptiops.app.acceptance import accept
from reptiops.app.adoption import adopt, candidates
from reptiops.app.costs import Cost, cost, cost_of_plan, estimate
from reptiops.app.deciding import Decided
from reptiops.app.failure import Choose, OnFailure, ProvisionFailed, doubt_text, undone_text
from reptiops.app.history import Explained, Run, environment_of, explain, history
from reptiops.app.leaving import export_cloudformation, export_terraform, write_templates
from reptiops.app.office_hours import Parked, start, stop
from reptiops.app.overview import Overview, overview
from reptiops.app.planned import PlanMoved, documented_plan
from reptiops.app.preflight import preflight
from reptiops.app.provisioning import Outcome, declared, plan, provision, steps_of
from reptiops.app.recovery import RollbackIncomplete, Undoing, at_work, current, in_doubt, open_ends, roll_back
from reptiops.app.removal import Parting, Teardown, teardown
from reptiops.app.rights import Task, policies
from reptiops.app.runs import Interrupted, Stop
from reptiops.app.selection import UnknownSelection, select
from reptiops.app.site import Declined, Refused, Settings, Site, open_site, owner_of, plan_site, session_of, state_root
from reptiops.app.spending import actual_spend, refresh_prices
from reptiops.app.telling import count_failure, count_run, notify
from reptiops.app.upkeep import Busy, Reconciled, drift, drift_site, reconcile, who
from reptiops.engine.apply import ApplyError
from reptiops.errors import ConfigurationError

__all__ = [
    "ApplyError",
    "Busy",
    "Choose",
    "ConfigurationError",
    "Cost",
    "Decided",
    "Declined",
    "Explained",
    "Interrupted",
    "OnFailure",
    "Outcome",
    "Overview",
    "Parked",
    "Parting",
    "PlanMoved",
    "ProvisionFailed",
    "Reconciled",
    "Refused",
    "RollbackIncomplete",
    "Run",
    "Settings",
    "Site",
    "Stop",
    "Task",
    "Teardown",
    "Undoing",
    "UnknownSelection",
    "accept",
    "actual_spend",
    "adopt",
    "at_work",
    "candidates",
    "cost",
    "cost_of_plan",
    "count_failure",
    "count_run",
    "current",
    "declared",
    "documented_plan",
    "doubt_text",
    "drift",
    "drift_site",
    "environment_of",
    "estimate",
    "explain",
    "export_cloudformation",
    "export_terraform",
    "history",
    "in_doubt",
    "notify",
    "open_ends",
    "open_site",
    "overview",
    "owner_of",
    "plan",
    "plan_site",
    "policies",
    "preflight",
    "provision",
    "reconcile",
    "refresh_prices",
    "roll_back",
    "select",
    "session_of",
    "start",
    "state_root",
    "steps_of",
    "stop",
    "teardown",
    "undone_text",
    "who",
    "write_templates",
]
