"""The request weight of the running minute, reported in headers and, when asked for, enforced."""


class WeightWindow:
    def __init__(self, limit: int, enforced: bool) -> None:
        self.limit, self.enforced = limit, enforced
        self._minute, self._used = 0, 0

    def used(self, now_ms: int) -> int:
        minute = now_ms // 60_000
        if minute != self._minute:
            self._minute, self._used = minute, 0
        return self._used

    def spend(self, now_ms: int, weight: int) -> bool:
        """False when the limit is passed and enforced."""
        used = self.used(now_ms)
        self._used = used + weight
        return not self.enforced or self._used <= self.limit
