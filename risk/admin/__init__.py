"""The admin of the risk floor: everything to look at; what may be changed goes through a page that asks a reason."""

from risk.admin import desk, limits, records, strategies

__all__ = ["desk", "limits", "records", "strategies"]
