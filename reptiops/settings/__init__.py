"""The settings of an environment, one module per group: pydantic models, frozen, unknown keys refused.

`reptiops.config` puts them together; everything else imports them from there.
"""
