"""What other floors call."""

from approvals.services.deciding import approval_confirm, approval_decide
from approvals.services.expiry import approval_expire_for_hold, approval_withdraw, approvals_expire_due
from approvals.services.requests import approval_request, pending_request

__all__ = [
    "approval_confirm",
    "approval_decide",
    "approval_expire_for_hold",
    "approval_request",
    "approval_withdraw",
    "approvals_expire_due",
    "pending_request",
]
