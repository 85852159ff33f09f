from approvals.admin import glass, people, requests

__all__ = ["glass", "people", "requests"]
