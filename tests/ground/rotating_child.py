"""A process of its own that changes the secrets store once, and dies where PROPBOT_CRASH_AT says."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from propbot.secrets_store import SecretsStore, cipher_of

NOW = datetime(2026, 1, 15, tzinfo=UTC)


def main(action: str, path: str, keys: str, *words: str) -> None:
    store = SecretsStore(Path(path), cipher_of(keys), plain_allowed=True)
    if action == "set":
        store.set(words[0], words[1], now=NOW)
    elif action == "import":
        store.reseal(imported={words[0]: words[1]})
    elif action == "churn":
        churn(Path(path), keys, words[0], int(words[1]))
    else:
        store.reseal()


def churn(path: Path, keys: str, name: str, rounds: int) -> None:
    """Store and rotate again and again, with either key in front in turn."""
    both = keys.split(",")
    for number in range(rounds):
        SecretsStore(path, cipher_of(keys), plain_allowed=False).set(name, f"{name}-{number}", now=NOW)
        turned = ",".join([both[number % 2], *both])
        SecretsStore(path, cipher_of(turned), plain_allowed=False).reseal()


if __name__ == "__main__":
    main(*sys.argv[1:])
