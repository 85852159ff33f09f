"""The one base of every API view: who, with which role, how often, recorded, answered once."""

import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, ClassVar

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase
from knox.models import AuthToken
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals.api.authentication import BearerAuthentication, DeskSessionAuthentication, note_use
from approvals.api.open_desk import OpenDeskAuthentication
from approvals.api.schema import DeskSchema
from approvals.choices import Role
from approvals.models import Person
from approvals.roles import standing_of
from approvals.services.buckets import bucket_take
from approvals.services.idempotency import (
    IN_PROGRESS,
    PATIENCE_SECONDS,
    Claim,
    idempotency_claim,
    idempotency_release,
    idempotency_store,
    request_digest,
)
from audit.context import Actor, acting_as
from audit.services import alert, record
from propbot.errors import RecordingFailedError, RefusedError
from propbot.http import exceptions as http_exceptions
from propbot.http.negotiation import OneFormNegotiation
from propbot.http.parsers import StrictJSONParser
from propbot.http.renderers import DeskJSONRenderer, jsonable
from propbot.http.serializers import StrictSerializer, claimed_identity

log = structlog.get_logger(__name__)

VIEWER, AUDITOR, OPERATOR = Role.VIEWER, Role.AUDITOR, Role.OPERATOR
EVERYONE = frozenset({VIEWER, AUDITOR, OPERATOR})
AUDITORS = frozenset({AUDITOR, OPERATOR})
OPERATORS = frozenset({OPERATOR})
Roles = frozenset[Role] | Role
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
CHANNELS = ("api", "cli", "dashboard")
# A first request that stops the desk answers within a second or two, or never.
STOP_PATIENCE_SECONDS = 2.0
BAD_TOKENS_PER_MINUTE, BAD_TOKENS_BURST = 10, 20


class DeskRequest(Request):
    """A request whose caller is known: set by ``DeskView.initial``."""

    person: Person
    role: Role


def address_of(request: Request | HttpRequest) -> str:
    """The peer's address. A proxy's header is resolved by the server process, not believed here."""
    return str(request.META.get("REMOTE_ADDR") or "")


def request_id_of(request: Request | HttpRequest) -> str:
    known = structlog.contextvars.get_contextvars().get("request_id")
    return str(known or request.META.get("HTTP_X_REQUEST_ID") or uuid.uuid4())[:128]


def channel_of(request: Request) -> str:
    if not isinstance(request.auth, AuthToken):
        return "dashboard"
    named = str(request.META.get("HTTP_X_PROPBOT_CHANNEL", "api"))
    return named if named in CHANNELS else "api"


def caller_key(request: Request) -> str:
    if isinstance(request.auth, AuthToken):
        return f"token:{request.auth.digest[:40]}"
    return f"session:{request.user.pk}"


class DeskView(APIView):
    """Subclass it, name the roles, write ``get`` or ``post``.

    ``roles`` maps a method to its roles; a method that is not named takes ``read_roles`` or
    ``write_roles``. ``never_limited`` is for what stops or reduces: hold, stop, kill, cancel, close,
    flatten. ``request.person`` and ``request.role`` are the caller's.
    """

    read_roles: ClassVar[Roles] = EVERYONE
    write_roles: ClassVar[Roles] = OPERATORS
    roles: ClassVar[Mapping[str, Roles]] = {}
    never_limited: ClassVar[bool] = False

    authentication_classes = [BearerAuthentication, DeskSessionAuthentication, OpenDeskAuthentication]
    permission_classes = []
    parser_classes = [StrictJSONParser]
    renderer_classes = [DeskJSONRenderer]
    content_negotiation_class = OneFormNegotiation
    schema = DeskSchema()

    @classmethod
    def allowed_roles(cls, method: str) -> frozenset[Role]:
        default = cls.read_roles if method in SAFE_METHODS else cls.write_roles
        named = cls.roles.get("GET" if method == "HEAD" else method, default)
        return named if isinstance(named, frozenset) else frozenset({named})

    def get_exception_handler(self) -> Callable[..., Response | None]:
        return http_exceptions.handler

    def body(self, request: Request, serializer: type[StrictSerializer]) -> dict[str, Any]:
        """The validated body; 400 with the field's name otherwise."""
        form = serializer(data=request.data)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)

    def still_true(self, answer: tuple[int, Any]) -> bool:
        """Whether a first answer may be given again. A view whose answer is a promise of a state asks the state."""
        return True

    _unreadable: Exception | None = None

    # --- the way of a request -------------------------------------------------------------

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.args, self.kwargs = args, kwargs
        drf = self.initialize_request(request, *args, **kwargs)
        self.request = drf
        self.headers = self.default_response_headers
        with ExitStack() as stack:
            try:
                self._settle_actor(drf, stack)
                self.initial(drf, *args, **kwargs)
                answer: HttpResponseBase = self._answer(drf, *args, **kwargs)
            except Exception as error:  # noqa: BLE001 - DRF's contract: the handler re-raises what it does not know
                answer = self.handle_exception(error)
            self._record_refusal(drf, answer)
            self.response = self.finalize_response(drf, answer, *args, **kwargs)  # type: ignore[arg-type]
        return self.response

    def _settle_actor(self, request: Request, stack: ExitStack) -> None:
        """Authenticate; from here on every record carries the caller."""
        # Django keeps the bytes from here on: the CSRF check, the parser and the idempotency key all need them.
        _ = request._request.body
        ip, request_id = address_of(request), request_id_of(request)
        stack.enter_context(acting_as(Actor(name="anonymous", channel="api", ip=ip, request_id=request_id)))
        account, role = standing_of(request.user) or (None, None)
        name = account.person.name if account else (request.user.get_username() or "anonymous")
        actor = Actor(
            name=name,
            person_id=str(account.person_id) if account else "",
            role=role.value if role else "",
            channel=channel_of(request),
            ip=ip,
            request_id=request_id,
            claimed=self._claimed(request),
        )
        stack.enter_context(acting_as(actor))
        if account and role:
            request.person, request.role = account.person, role  # type: ignore[attr-defined]
        if isinstance(request.auth, AuthToken):
            note_use(request.auth, ip)

    def _claimed(self, request: Request) -> str:
        """What the body says of its sender. A body that cannot be read is refused after the role was checked:
        it is kept here, because DRF would give an empty body to whoever asks a second time."""
        if request.method in SAFE_METHODS:
            return ""
        try:
            return claimed_identity(request.data)
        except (exceptions.APIException, RequestDataTooBig) as error:
            self._unreadable = error
            return ""

    def check_permissions(self, request: Request) -> None:
        super().check_permissions(request)
        if not request.user.is_authenticated:
            raise exceptions.NotAuthenticated("a bearer token or a session is needed")
        role = getattr(request, "role", None)
        if role is None or role not in self.allowed_roles(request.method or ""):
            raise RefusedError("forbidden", "your role may not do this", status=403)

    def _answer(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        method = (request.method or "").lower()
        handler = getattr(self, method, None) if method in self.http_method_names else None
        if handler is None:
            raise exceptions.MethodNotAllowed(request.method or "")
        if request.method in SAFE_METHODS:
            return handler(request, *args, **kwargs)  # type: ignore[no-any-return]
        if self._unreadable is not None:
            raise self._unreadable
        key = request.META.get("HTTP_IDEMPOTENCY_KEY")
        if request.method != "POST" or key is None:
            self._check_rate(request)
            return handler(request, *args, **kwargs)  # type: ignore[no-any-return]
        return self._answer_once(request, str(key), handler, *args, **kwargs)

    def _answer_once(
        self, request: Request, key: str, handler: Callable[..., Response], *args: Any, **kwargs: Any
    ) -> Response:
        person: Person = request.person  # type: ignore[attr-defined]
        wanted = request_digest("POST", request.get_full_path(), request.body)
        patience = STOP_PATIENCE_SECONDS if self.never_limited else PATIENCE_SECONDS
        try:
            claim = idempotency_claim(person=person, key=key, wanted=wanted, patience=patience)
        except RefusedError as error:
            # Whoever died over the first request may have stopped nothing: what stops or reduces is done again (law 1).
            if self.never_limited and error.code == IN_PROGRESS:
                return handler(request, *args, **kwargs)
            raise
        if claim.answer is not None and self.still_true(claim.answer):
            status, body = claim.answer
            return Response(body, status=status, headers={"Idempotent-Replay": "true"})
        try:
            self._check_rate(request)
        except RefusedError:
            idempotency_release(claim=claim)
            raise
        return self._first_answer(claim, request, handler, *args, **kwargs)

    def _first_answer(
        self, claim: Claim, request: Request, handler: Callable[..., Response], *args: Any, **kwargs: Any
    ) -> Response:
        try:
            response = handler(request, *args, **kwargs)
        except Exception as error:
            known = http_exceptions.handler(error, {})
            fault = {"detail": "the first request failed inside"}
            status, body = (known.status_code, known.data) if known else (500, fault)
            idempotency_store(claim=claim, status=status, body=jsonable(body))
            raise
        idempotency_store(claim=claim, status=response.status_code, body=jsonable(response.data))
        return response

    def _check_rate(self, request: Request) -> None:
        if self.never_limited:
            return
        values = settings.PROPBOT
        taken = bucket_take(
            key=caller_key(request),
            per_minute=values.integer("API_RATE_PER_MIN"),
            burst=values.integer("API_BURST"),
        )
        if not taken.allowed:
            context = {"retry_after": taken.retry_after_seconds}
            raise RefusedError("rate_limited", "too many requests with this token", status=429, context=context)

    # --- what was refused at the door -----------------------------------------------------

    def _record_refusal(self, request: Request, answer: HttpResponseBase) -> None:
        """Every 401 and 403 of a mutating route is recorded; a flood without a token once per minute."""
        if request.method in SAFE_METHODS or answer.status_code not in (401, 403):
            return
        ip = address_of(request)
        try:
            if getattr(request, "person", None) is None and answer.status_code == 401:
                self._note_bad_token(ip)
                if not bucket_take(key=f"401:{ip}", per_minute=1, burst=1).allowed:
                    return
            status = "forbidden" if answer.status_code == 403 else "denied"
            code = getattr(answer, "data", None) or {}
            details = {"method": request.method, "status_code": answer.status_code, "error": code.get("error", "")}
            record(action="request_refused", target=request.path, status=status, details=details)
        except (RecordingFailedError, DatabaseError) as error:
            # The request stays refused; that it could not be recorded must not turn it into a 500.
            log.error("refusal_not_recorded", path=request.path, cause=error.__class__.__name__)

    @staticmethod
    def _note_bad_token(ip: str) -> None:
        taken = bucket_take(key=f"bad:{ip}", per_minute=BAD_TOKENS_PER_MINUTE, burst=BAD_TOKENS_BURST)
        if not taken.allowed and bucket_take(key=f"bad-alert:{ip}", per_minute=1, burst=1).allowed:
            alert(kind="bad_tokens", severity="warning", text=f"Many requests without a valid token from {ip}")
