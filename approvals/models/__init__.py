from approvals.models.access import IdempotentAnswer, RateBucket, SealedSecret, TokenGuard
from approvals.models.glass import BreakGlassCode
from approvals.models.people import Person, PersonAccount, TokenNote
from approvals.models.requests import ApprovalExecution, ApprovalRequest

__all__ = [
    "ApprovalExecution",
    "ApprovalRequest",
    "BreakGlassCode",
    "IdempotentAnswer",
    "Person",
    "PersonAccount",
    "RateBucket",
    "SealedSecret",
    "TokenGuard",
    "TokenNote",
]
