from approvals.admin import people, requests

__all__ = ["people", "requests"]
