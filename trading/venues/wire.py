"""The one way to ccxt: an unmodified exchange class, watched, bounded and stripped of its secrets' traces.

The subclass changes no protocol. It adds OKX's expTime header where an order carries an expiry,
notes the raw answer of the call in progress, and refuses other addresses in the simulator profile.
"""

import asyncio
import decimal
import importlib
import json
import logging
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import certifi

from trading.venues import errors, parsing
from trading.venues.base import VenueError
from trading.venues.errors import HttpAnswer
from trading.venues.limiter import TokenBucket, UsedWeight

TIMEOUT_MS = 5000
KEEPALIVE_SECONDS = 60
ORDER_PATHS = ("/trade/order", "/trade/batch-orders")

# ccxt writes whole requests, keys among the headers, to its debug log (law 11).
logging.getLogger("ccxt").setLevel(logging.INFO)


@dataclass
class _Pending:
    """The answer of the call in progress; one per call, so that parallel calls cannot mix."""

    expires_ms: int | None = None
    sent: bool = False
    status: int | None = None
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def answer(self, trouble: str = "") -> HttpAnswer:
        return HttpAnswer(self.status, self.body, self.headers, trouble, self.sent)


_pending: ContextVar[_Pending | None] = ContextVar("venue_call", default=None)


@dataclass(frozen=True)
class CallNote:
    """One real call, for the watchdog. ``ok``: the venue gave a usable answer."""

    venue: str
    operation: str
    ok: bool
    answered: bool
    throttled: bool
    maintenance: bool
    round_trip_ms: float
    code: str = ""


Observer = Callable[[CallNote], None]
Listener = Callable[[Any], bool | None]  # a parsed WebSocket frame; True: ccxt need not look at it
Tap = Callable[[str, str, str], None]  # direction (in, out, open), the frame's exact text, address


class CappedResponse(aiohttp.ClientResponse):
    """Stops reading at 8 MiB after decompression: a 10 MB page or a gzip bomb is no answer (B25)."""

    async def read(self) -> bytes:
        if self._body is None:
            chunks, size = [], 0
            async for chunk in self.content.iter_chunked(65536):
                size += len(chunk)
                if size > parsing.MAX_JSON_TEXT:
                    self.close()
                    raise aiohttp.ClientPayloadError("the answer is longer than 8 MiB")
                chunks.append(chunk)
            self._body = b"".join(chunks)
        return self._body


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def exchange_class(ccxt_id: str, *, streaming: bool) -> type[Any]:
    """Imported here: ccxt costs seconds and a hundred megabytes that web and workers need not pay."""
    module = importlib.import_module("ccxt.pro" if streaming else "ccxt.async_support")
    found: type[Any] = getattr(module, ccxt_id)
    return found


class OutsideAddressError(Exception):
    """An address that is not loopback, in the simulator profile."""


class _Watching:
    """PropBot's hooks, in front of an exchange class. ``Any``: the class behind is ccxt's and untyped."""

    propbot_loopback_only = False
    propbot_listener: Listener | None = None
    propbot_tap: Tap | None = None
    id: str
    clients: Any

    def _refuse_outside(self, url: str) -> None:
        # ccxt also names a client that is never dialed, without a scheme.
        if self.propbot_loopback_only and "://" in url and not is_loopback(url):
            raise OutsideAddressError("the simulator profile speaks to loopback addresses only")

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        self._refuse_outside(url)
        pending = _pending.get()
        if pending is not None:
            pending.sent = True
        return await _behind(self).fetch(url, method, headers, body)

    def on_rest_response(
        self, code: int, reason: str, url: str, method: str, response_headers: Any, response_body: str, *rest: Any
    ) -> Any:
        pending = _pending.get()
        if pending is not None:
            pending.status, pending.body, pending.headers = code, response_body, dict(response_headers)
        return _behind(self).on_rest_response(code, reason, url, method, response_headers, response_body, *rest)

    def sign(self, path: str, api: Any = "public", method: str = "GET", *rest: Any, **named: Any) -> Any:
        request = _behind(self).sign(path, api, method, *rest, **named)
        pending = _pending.get()
        expires_ms = pending.expires_ms if pending is not None and method == "POST" else None
        if expires_ms is not None and request["url"].endswith(ORDER_PATHS):
            request["headers"]["expTime"] = str(expires_ms)
        return request

    def client(self, url: str) -> Any:
        self._refuse_outside(url)
        fresh = url not in (self.clients or {})
        client = _behind(self).client(url)
        if fresh and self.propbot_tap is not None:
            _tap_client(client, self.propbot_tap)
        return client

    def handle_message(self, client: Any, message: Any) -> None:
        if self.propbot_listener is not None and self.propbot_listener(message):
            return
        _behind(self).handle_message(client, message)

    def __repr__(self) -> str:
        return f"<{self.id} exchange>"

    __str__ = __repr__


def _behind(exchange: _Watching) -> Any:
    """The exchange class behind the hooks."""
    return super(_Watching, exchange)


def watched(base: type[Any]) -> type[Any]:
    return type(base.__name__, (_Watching, base), {})


def _tap_client(client: Any, tap: Tap) -> None:
    """Show every frame of a WebSocket client, as it came and went, to ``tap``."""
    receive, send = client.handle_text_or_binary_message, client.send

    def received(data: Any) -> None:
        tap("in", data.decode() if isinstance(data, bytes) else data, client.url)
        receive(data)

    async def sent(message: Any) -> Any:
        text = message if isinstance(message, str) else json.dumps(message, separators=(",", ":"))
        tap("out", text, client.url)
        return await send(message)

    client.handle_text_or_binary_message, client.send = received, sent
    tap("open", "", client.url)


@cache
def _trust(cafile: str) -> ssl.SSLContext:
    """Reading the authorities takes 20 ms of processor: once for all sessions and reconnects."""
    return ssl.create_default_context(cafile=cafile)


def _session(trust: ssl.SSLContext) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(ssl=trust, limit=30, keepalive_timeout=KEEPALIVE_SECONDS)
    return aiohttp.ClientSession(connector=connector, response_class=CappedResponse)


def _trouble(error: BaseException) -> str:
    """Class names only: ccxt's messages carry whole addresses with signatures."""
    cause = error.__cause__
    return type(error).__name__ + (f" ({type(cause).__name__})" if cause is not None else "")


class Wire:
    """Calls on one exchange instance: limited, timed, observed; reads raise VenueError, mutations answer."""

    def __init__(
        self,
        venue: str,
        ccxt_id: str,
        config: Mapping[str, Any],
        *,
        weights: TokenBucket,
        loopback_only: bool = False,
        sandbox: bool = False,
        streaming: bool = False,
        used: UsedWeight | None = None,
    ) -> None:
        self.venue = venue
        self.observer: Observer | None = None
        self.last_call_at = 0.0
        self._weights, self._used = weights, used
        trust = _trust(config.get("cafile") or certifi.where())
        self._http = _session(trust)
        settings = {
            **config,
            "enableRateLimit": False,
            "timeout": TIMEOUT_MS,
            "session": self._http,
            "ssl_context": trust,
            "number": str,
        }
        self.exchange = watched(exchange_class(ccxt_id, streaming=streaming))(settings)
        self.exchange.options["maxRetriesOnFailure"] = 0
        self.exchange.propbot_loopback_only = loopback_only
        if sandbox:
            self.exchange.set_sandbox_mode(True)

    def __repr__(self) -> str:
        return f"<wire to {self.venue}>"

    def block(self, seconds: float) -> None:
        self._weights.block(seconds)

    async def call(self, method: str, *arguments: Any, weight: float = 1.0) -> Any:
        """A read. Raises VenueError with the venue's own code, or no_answer, not_sent, unreadable."""
        await self._weights.acquire(weight)
        answer, result, trouble = await self._perform(method, arguments, None)
        if not trouble:
            return result
        if answer.headers and answer.status in errors.THROTTLED_STATUS:
            self.block(errors.retry_after_seconds(answer.headers) or 1.0)
        raise self._error(answer)

    async def mutate(self, method: str, *arguments: Any, expires_at: datetime | None = None) -> HttpAnswer:
        """A mutating call, sent at most once. Never raises for the venue's troubles."""
        expires_ms = None if expires_at is None else parsing.epoch_ms(expires_at)
        answer, _, _ = await self._perform(method, arguments, expires_ms)
        return answer

    async def watch(self, method: str, symbols: Sequence[str]) -> Any:
        """Wait for the next news of a stream; VenueError when the stream breaks, whatever breaks it."""
        try:
            return await getattr(self.exchange, method)(list(symbols))
        except Exception as error:  # noqa: BLE001 - every end of a stream is a gap, whichever class ccxt gives it
            raise VenueError(self.venue, _trouble(error), "the stream broke") from None

    async def watch_orders(self) -> None:
        """Wait for the next news of the account's own stream; what it says has been heard by the listener."""
        try:
            await self.exchange.watch_orders()
        except Exception as error:  # noqa: BLE001 - as above
            raise VenueError(self.venue, _trouble(error), "the account stream broke") from None

    def has_open_socket(self) -> bool:
        return any(client.isConnected and not client.closed() for client in (self.exchange.clients or {}).values())

    async def _perform(
        self, method: str, arguments: tuple[Any, ...], expires_ms: int | None
    ) -> tuple[HttpAnswer, Any, str]:
        pending, started, trouble, result = _Pending(expires_ms), time.monotonic(), "", None
        token = _pending.set(pending)
        try:
            with decimal.localcontext():  # ccxt changes rounding and traps of the context it runs in
                result = await getattr(self.exchange, method)(*arguments)
        except Exception as error:  # noqa: BLE001 - ccxt's parsers fail on odd bodies in any way; the raw answer decides
            trouble = _trouble(error)
        finally:
            _pending.reset(token)
        self.last_call_at = time.monotonic()
        answer = pending.answer(trouble)
        if self._used is not None:
            self._used.heed(self._weights, answer.headers)
        self._note(method, answer, (self.last_call_at - started) * 1000)
        return answer, result, trouble

    def _error(self, answer: HttpAnswer) -> VenueError:
        if not answer.sent:
            return VenueError(self.venue, "not_sent", answer.trouble)
        if answer.status is None:
            return VenueError(self.venue, "no_answer", answer.trouble)
        code, text = errors.error_code(answer)
        return VenueError(self.venue, code or f"http_{answer.status}", text or answer.trouble)

    def _note(self, operation: str, answer: HttpAnswer, round_trip_ms: float) -> None:
        if self.observer is None or not answer.sent:
            return
        code, _ = errors.error_code(answer)
        status = answer.status
        self.observer(
            CallNote(
                venue=self.venue,
                operation=operation,
                ok=status is not None and status < 500 and parsing.read_json(answer.body) is not None,
                answered=status is not None,
                throttled=status in errors.THROTTLED_STATUS or code in {"50011", "50061", "-1003", "-1015"},
                maintenance=code in {"50001"},
                round_trip_ms=round_trip_ms,
                code=code or (answer.trouble if status is None else ""),
            )
        )

    async def close(self) -> None:
        await self.exchange.close()
        await self._http.close()


async def gather_all(*calls: Any) -> list[Any]:
    """All of them, or the first error after every one has ended."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return list(results)
