from approvals.models.access import IdempotentAnswer, RateBucket, SealedSecret, TokenGuard
from approvals.models.people import Person, PersonAccount, TokenNote
from approvals.models.requests import ApprovalExecution, ApprovalRequest

__all__ = [
    "ApprovalExecution",
    "ApprovalRequest",
    "IdempotentAnswer",
    "Person",
    "PersonAccount",
    "RateBucket",
    "SealedSecret",
    "TokenGuard",
    "TokenNote",
]
