"""The venues, one entry each, and how a process gets a client of one."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from propbot import redaction
from propbot.config import values
from propbot.env import raw_text
from propbot.secrets_store import VALUE_NAMES, exchange_secret
from trading.venues.account_feed import AccountFeed, Sink
from trading.venues.base import VenueError
from trading.venues.ccxt_client import CcxtClient
from trading.venues.feed import FeedSink, VenueFeed
from trading.venues.limiter import TokenBucket, UsedWeight
from trading.venues.paper import PaperBroker, QuoteSource
from trading.venues.quirks import Quirks, quirks_of
from trading.venues.wire import Wire, exchange_class, is_loopback

Connect = Callable[[TokenBucket], Awaitable[Wire]]
CONTROL_TIMEOUT_SECONDS = 5.0
CREDENTIALS = ("apiKey", "secret", "password")


class VenueConfigError(Exception):
    """The configuration cannot lead to a safe client; the sentence names the setting and the cure."""


@dataclass(frozen=True)
class VenueSpec:
    """One venue. A ccxt exchange without quirks of its own is served through ccxt's unified methods.

    ``keys`` maps ccxt's credential to a value of the secrets store, or for a venue that is only an entry
    here, to an environment variable.
    """

    id: str
    label: str
    ccxt_id: str
    keys: Mapping[str, str]
    live_base: str = ""
    testnet_base: str = ""
    testnet_default: str = ""
    taker_fee_setting: str = ""

    @property
    def quirks(self) -> Quirks:
        return quirks_of(self.ccxt_id)


VENUES: dict[str, VenueSpec] = {
    "binance-um": VenueSpec(
        id="binance-um",
        label="Binance USD-M",
        ccxt_id="binanceusdm",
        keys={"apiKey": "binance_key", "secret": "binance_secret"},
        live_base="BINANCE_LV_BASE_URL",
        testnet_base="BINANCE_UM_BASE_TESTNET",
        testnet_default="https://testnet.binancefuture.com",
        taker_fee_setting="TAKER_FEE_BPS_BINANCE",
    ),
    "okx-perp": VenueSpec(
        id="okx-perp",
        label="OKX swaps",
        ccxt_id="okx",
        keys={"apiKey": "okx_key", "secret": "okx_secret", "password": "okx_passphrase"},
        taker_fee_setting="TAKER_FEE_BPS_OKX",
    ),
}


def venue_ids() -> tuple[str, ...]:
    return tuple(VENUES)


def venue_spec(venue: str) -> VenueSpec:
    try:
        return VENUES[venue]
    except KeyError:
        raise VenueConfigError(f"{venue} is not a venue; there are {', '.join(VENUES)}") from None


def build_client(venue: str, *, keys: bool) -> CcxtClient:
    """A client that connects when first asked. ``keys``: only the trader's process may say True (law 11)."""
    spec = venue_spec(venue)
    return CcxtClient(venue, spec.quirks, _connect(spec, keys=keys))


def build_feed(venue: str, sink: FeedSink) -> VenueFeed:
    """The venue's public streams; never with keys."""
    spec = venue_spec(venue)
    return VenueFeed(venue, spec.quirks, _connect(spec, keys=False, streaming=True), sink)


def build_account_feed(venue: str, sink: Sink) -> AccountFeed:
    """The account's own stream; with keys, so in the trader alone (law 11)."""
    spec = venue_spec(venue)
    return AccountFeed(venue, spec.quirks, _connect(spec, keys=True, streaming=True), sink)


def build_paper(venue: str, quotes: QuoteSource) -> PaperBroker:
    """PropBot's own broker on this venue's quotes; it never speaks to the venue."""
    venue_spec(venue)
    return PaperBroker(venue, quotes, max_age_ms=values().integer("MAX_QUOTE_AGE_MS") or 0)


def base_config(spec: VenueSpec) -> dict[str, Any]:
    """What every instance of the venue's ccxt class is built with, REST or stream."""
    return {"options": dict(spec.quirks.ccxt_options), "has": dict(spec.quirks.ccxt_has)}


def credentials(spec: VenueSpec) -> dict[str, str]:
    """The keys of this profile and of no other: a testnet key never meets the live address, nor the reverse."""
    found = {part: _secret(name) for part, name in spec.keys.items()}
    missing = [spec.keys[part] for part, secret in found.items() if not secret]
    if missing:
        profile = values().text("PROFILE")
        raise VenueConfigError(f"{spec.label} lacks {', '.join(missing)} in the {profile} profile: set them")
    return {part: secret for part, secret in found.items() if secret}


def _secret(name: str) -> str | None:
    if name in VALUE_NAMES:
        return exchange_secret(name, values(), os.environ)
    found = raw_text(name, os.environ)
    redaction.register([found])
    return found


# --- the real venues ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Connection:
    """How to reach a venue in this profile. Its repr shows no key (law 11)."""

    config: Mapping[str, Any] = field(repr=False)
    loopback_only: bool = False
    sandbox: bool = False


def _checked(spec: VenueSpec, *, keys: bool) -> Callable[[], Awaitable[Connection]]:
    """Configuration errors show at once; only the simulator is asked later, when it is needed."""
    profile = values().text("PROFILE")
    if profile == "simulator":
        url = simulator_url()
        return lambda: _simulator(url, spec, keys=keys)
    config = exchange_config(spec, profile) | (credentials(spec) if keys else {})
    sandbox = profile == "testnet" and spec.quirks.testnet_by_ccxt

    async def ready() -> Connection:
        return Connection(config, sandbox=sandbox)

    return ready


def _connect(spec: VenueSpec, *, keys: bool, streaming: bool = False) -> Connect:
    connection = _checked(spec, keys=keys)

    async def connect(weights: TokenBucket) -> Wire:
        found = await connection()
        await asyncio.to_thread(exchange_class, spec.ccxt_id, streaming=streaming)  # its import must not stop the loop
        return Wire(
            spec.id,
            spec.ccxt_id,
            found.config,
            weights=weights,
            loopback_only=found.loopback_only,
            sandbox=found.sandbox,
            streaming=streaming,
            used=used_weight(spec.quirks),
        )

    return connect


def used_weight(quirks: Quirks) -> UsedWeight | None:
    return UsedWeight(quirks.used_weight_header, quirks.weight_per_minute) if quirks.used_weight_header else None


def exchange_config(spec: VenueSpec, profile: str) -> dict[str, Any]:
    """Stock addresses, unless a setting overrides the base. A base of the other environment is refused (B23)."""
    config = base_config(spec)
    name = spec.testnet_base if profile == "testnet" else spec.live_base
    base = (values().text(name) if name else "") or (spec.testnet_default if profile == "testnet" else "")
    if not base:
        return config
    looks_like_testnet = "testnet" in base or "demo" in base
    if looks_like_testnet != (profile == "testnet"):
        raise VenueConfigError(f"{name} is {base}, which does not belong to the {profile} profile: correct it")
    return config | {"urls": {"api": binance_urls(base.rstrip("/"))}}


def binance_urls(base: str) -> dict[str, Any]:
    """REST addresses under one base. Streams stay stock in live; the testnet has its own host."""
    urls: dict[str, Any] = {
        f"fapi{part}{version}": f"{base}/fapi/v{version[-1:] or '1'}"
        for part in ("Public", "Private")
        for version in ("", "V2", "V3")
    }
    urls["fapiData"] = f"{base}/futures/data"
    return urls | ({"ws": {"linear": "wss://fstream.binancefuture.com/ws"}} if "testnet" in base else {})


# --- the simulator ------------------------------------------------------------------------------


async def _simulator(url: str, spec: VenueSpec, *, keys: bool) -> Connection:
    offered = await asyncio.to_thread(read_control, url, spec.id)
    try:
        return Connection(simulator_config(offered, spec, keys=keys), loopback_only=True)
    except VenueConfigError as error:
        raise VenueError(spec.id, "config", str(error)) from None


def simulator_url() -> str:
    """Where the simulator is. The simulator profile speaks to loopback addresses only (SPEC 4)."""
    url = values().text("SIMULATOR_URL").rstrip("/")
    if not url:
        raise VenueConfigError("the simulator profile needs SIMULATOR_URL: set it to the simulator's address")
    if not is_loopback(url):
        raise VenueConfigError(f"SIMULATOR_URL is {url}, which is not a loopback address: correct it")
    return url


def read_control(url: str, venue: str) -> Mapping[str, Any]:
    """The constructor dictionary that the simulator offers for a venue; VenueError while it does not answer."""
    try:
        answer = httpx.get(f"{url}/control/ccxt", timeout=CONTROL_TIMEOUT_SECONDS, trust_env=False)
        answer.raise_for_status()
        found = answer.json()[venue]["config"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise VenueError(venue, "no_simulator", f"{url}/control/ccxt gave {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise VenueError(venue, "no_simulator", f"{url}/control/ccxt holds no configuration of {venue}")
    return found


def simulator_config(offered: Mapping[str, Any], spec: VenueSpec, *, keys: bool) -> dict[str, Any]:
    """The simulator's addresses with PropBot's options; every address must be loopback."""
    config = {**offered, "has": dict(spec.quirks.ccxt_has)}
    config["options"] = {**offered.get("options", {}), **spec.quirks.ccxt_options}
    outside = [url for url in _addresses(config.get("urls", {})) if not is_loopback(url)]
    if outside or not config.get("urls"):
        raise VenueConfigError(f"the simulator offers addresses that are not loopback: {outside[:3]}")
    return config if keys else {name: value for name, value in config.items() if name not in CREDENTIALS}


def _addresses(value: object) -> list[str]:
    if isinstance(value, dict):
        return [address for item in value.values() for address in _addresses(item)]
    return [value] if isinstance(value, str) else []
