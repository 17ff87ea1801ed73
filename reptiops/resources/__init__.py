"""How AWS is spoken to: one file per service, one frozen dataclass per kind of resource."""
