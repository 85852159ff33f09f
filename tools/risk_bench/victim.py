"""A process full of workers that reserve and end, telling each step once it is committed: to be killed at any moment.

``python -m tools.risk_bench.victim WORKERS``, on the database of DATABASE_URL.
"""

import sys
import threading

import django

LOCK = threading.Lock()


def tell(word: str, what: object = "") -> None:
    with LOCK:
        sys.stdout.write(f"{word} {what}\n")
        sys.stdout.flush()


def work(number: int) -> None:
    """Reserve, hold for a moment, end: for ever. What was told is committed."""
    from django.db import OperationalError

    from propbot.errors import RefusedError
    from risk.services.reservations import reservation_end
    from tools.risk_bench.racing import connected, intent_of, reserve

    connected()
    tell("ready")
    while True:
        try:
            hedge = reserve(intent_of(number))
        except (RefusedError, OperationalError):  # full, or fifty wait for one lock: it asks again
            continue
        tell("held", hedge)
        tell("ending", hedge)
        reservation_end(hedge_id=hedge)


def main(workers: int) -> None:
    django.setup()
    from risk import ports
    from tools.risk_bench.racing import empty_book

    ports.register(empty_book())
    for number in range(workers):
        threading.Thread(target=work, args=(number,), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]))
