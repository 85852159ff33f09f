"""The command line of the simulator: `python -m trading.simulator`, and `manage.py simulate_venues` alike."""

import argparse
import asyncio
import ipaddress
import logging
import signal
import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

from aiohttp import web

from trading.simulator.build import Options, build
from trading.simulator.replay.series import RecordingError

DESCRIPTION = "Both exchanges' own REST and WebSocket protocols on one loopback port, for an unmodified ccxt."


def decimal_argument(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=18080, help="port to listen on; 0 takes a free one (default 18080)")
    parser.add_argument("--allow-remote", action="store_true", help="allow an address that is not loopback")
    parser.add_argument(
        "--data-dir", type=Path, default=Path("data"), help="accounts live in DATA_DIR/simulator (default data)"
    )
    parser.add_argument("--fresh", action="store_true", help="discard accounts, orders and positions of earlier runs")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same model market (default 1)")
    parser.add_argument("--speed", type=float, default=1.0, help="market seconds per second (default 1)")
    parser.add_argument(
        "--replay", type=Path, help="replay recordings from this file or directory instead of the model"
    )
    parser.add_argument(
        "--okx-from",
        default="okx",
        choices=("okx", "hyperliquid", "krakenf"),
        help="whose recorded quotes OKX's books replay",
    )
    parser.add_argument("--symbols", help="comma list, such as BTCUSDT,ETHUSDT (default: all)")
    parser.add_argument(
        "--extra-symbols", type=int, default=0, metavar="N", help="N synthetic symbols more, for load tests"
    )
    parser.add_argument(
        "--balance",
        type=decimal_argument,
        default=Decimal(100_000),
        help="first wallet of each account in USDT (default 100000)",
    )
    parser.add_argument(
        "--maker-rate",
        type=decimal_argument,
        default=Decimal("0.0002"),
        help="maker fee as a fraction (default 0.0002)",
    )
    parser.add_argument(
        "--taker-rate",
        type=decimal_argument,
        default=Decimal("0.0005"),
        help="taker fee as a fraction (default 0.0005)",
    )
    parser.add_argument(
        "--volatility",
        type=float,
        default=1.0,
        help="multiple of the calm day of 2026-01-01; 4.5 is the week of 2025-04-06",
    )
    parser.add_argument(
        "--dislocate-every",
        type=float,
        metavar="SECONDS",
        help="mean time between scheduled dislocations; 0 for none (default: 60, replay 0)",
    )
    parser.add_argument("--latency-ms", type=float, default=0.0, help="delay of every REST answer (default 0)")
    parser.add_argument(
        "--enforce-limits", action="store_true", help="answer 429 beyond Binance's request weight per minute"
    )


def options_of(arguments: argparse.Namespace) -> Options:
    symbols = (
        [one.strip().upper() for one in arguments.symbols.split(",") if one.strip()] if arguments.symbols else None
    )
    return Options(
        data_dir=arguments.data_dir,
        fresh=arguments.fresh,
        seed=arguments.seed,
        speed=arguments.speed,
        replay=arguments.replay,
        symbols=symbols,
        extra_symbols=arguments.extra_symbols,
        balance=arguments.balance,
        maker_rate=arguments.maker_rate,
        taker_rate=arguments.taker_rate,
        volatility=arguments.volatility,
        dislocate_every=arguments.dislocate_every,
        latency_ms=arguments.latency_ms,
        enforce_limits=arguments.enforce_limits,
        okx_from=arguments.okx_from,
    )


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def serve(options: Options, host: str, port: int) -> None:
    """Runs until SIGINT or SIGTERM; the first line on stdout is the address."""
    runner = web.AppRunner(build(options).application(), access_log=None, handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    listening = runner.addresses[0][1]
    sys.stdout.write(f"SIMULATOR listening on http://{host}:{listening}\n")
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()


def run(arguments: argparse.Namespace) -> int:
    if not is_loopback(arguments.host) and not arguments.allow_remote:
        sys.stderr.write(
            f"refusing to listen on {arguments.host}: the simulator's keys are public; --allow-remote overrides\n"
        )
        return 2
    if arguments.speed <= 0 or arguments.balance < 0:
        sys.stderr.write("--speed is above 0 and --balance at least 0\n")
        return 2
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(serve(options_of(arguments), arguments.host, arguments.port))
    except (RecordingError, OSError) as error:
        sys.stderr.write(f"the simulator cannot start: {error}\n")
        return 1
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m trading.simulator", description=DESCRIPTION)
    add_arguments(parser)
    return run(parser.parse_args(argv))
