"""Which stream process takes which symbols, and the lease that lets one process alone have a share.

A symbol's share depends on its name and the number of shares alone: no symbol moves when another comes or goes. All
venues of a symbol are one process's, because an edge is seen by whoever sees both.
"""

import os
import socket
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import cast

import redis

PREFIX = "propbot:board:stream"
LEASE_SECONDS = 5.0
# Atomic in Redis: a lease that somebody else took meanwhile is never prolonged, one that Redis forgot is taken again.
RENEW = """
local holder = redis.call('get', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


@dataclass(frozen=True)
class Shard:
    """Share ``number`` of ``count``, from 1."""

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ValueError(f"share {self.number} of {self.count} does not exist")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def owns(self, symbol: str) -> bool:
        return zlib.crc32(symbol.encode()) % self.count == self.number - 1

    def share_of(self, symbols: Iterable[str]) -> list[str]:
        return [symbol for symbol in symbols if self.owns(symbol)]


WHOLE = Shard(1, 1)


def shards(count: int) -> list[Shard]:
    return [Shard(number, count) for number in range(1, count + 1)]


def shard_of(text: str) -> Shard:
    """``2/3``; ValueError with the reason for anything else."""
    number, slash, count = text.strip().partition("/")
    if not slash or not (number + count).isdecimal() or not (number + count).isascii():
        raise ValueError(f"{text!r} is not a share such as 1/2")
    return Shard(int(number), int(count))


class ShardLease:
    """One process's hold on one share, renewed every second. Whoever loses it must stop writing quotes.

    A second holder would do no harm for as long as that takes: both write what the venues say.
    """

    def __init__(self, connection: "redis.Redis", wanted: Sequence[Shard]) -> None:
        self._redis, self._wanted = connection, wanted
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{token_hex(4)}"
        self.shard: Shard | None = None

    @staticmethod
    def _key(shard: Shard) -> str:
        return f"{PREFIX}:lease:{shard.number}of{shard.count}"

    def _set(self, shard: Shard) -> bool:
        """Raises RedisError when Redis does not answer."""
        answer = self._redis.eval(RENEW, 1, self._key(shard), self._holder, str(int(LEASE_SECONDS * 1000)))
        return cast(int, answer) == 1

    def take(self) -> Shard | None:
        """The first wanted share that nobody holds; None while all have a holder."""
        self.shard = next((one for one in self._wanted if self._set(one)), None)
        return self.shard

    def renew(self) -> bool:
        """False when another process has the share."""
        if self.shard is None:
            return False
        try:
            return self._set(self.shard)
        except redis.RedisError:
            # Without Redis nobody can take the share, and there is no board to write to.
            return True

    def release(self) -> None:
        """So that a successor need not wait. Raises RedisError."""
        if self.shard is not None:
            self._redis.eval(RELEASE, 1, self._key(self.shard), self._holder)
            self.shard = None
