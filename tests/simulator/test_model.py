"""The model market is the same for the same seed and has the statistics it was calibrated to."""

import math
import statistics
from itertools import pairwise

import pytest

from trading.simulator.depth import DepthProfile
from trading.simulator.dislocation import Overlays, schedule
from trading.simulator.instruments import BINANCE, LISTINGS, OKX, binance_instrument, okx_instrument
from trading.simulator.ladder import Ladder
from trading.simulator.model import ModelFeed, PricePath, derived_seed

BTC = LISTINGS[0]


def feeds(seed: int) -> dict[str, ModelFeed]:
    path = PricePath(derived_seed(seed, "BTC"), float(BTC.price), BTC.volatility)
    return {one.venue: ModelFeed(one, path, seed, BTC) for one in (binance_instrument(BTC), okx_instrument(BTC))}


def states(feed: ModelFeed, seconds: range) -> list[Ladder]:
    return [list(feed.frames(float(second)))[-1] for second in seconds]


def test_the_same_seed_gives_the_same_books() -> None:
    one, other = feeds(7), feeds(7)
    for venue in (BINANCE, OKX):
        assert states(one[venue], range(0, 600, 7)) == states(other[venue], range(0, 600, 7))


def test_another_seed_gives_another_market() -> None:
    assert states(feeds(7)[BINANCE], range(0, 600, 60)) != states(feeds(8)[BINANCE], range(0, 600, 60))


def test_the_path_does_not_depend_on_how_often_it_is_read() -> None:
    often, once = feeds(5)[BINANCE], feeds(5)[BINANCE]
    states(often, range(1, 900))
    assert list(often.frames(900.0)) == list(once.frames(900.0))


def test_ladders_are_sorted_positive_and_uncrossed() -> None:
    for feed in feeds(2).values():
        for ladder in states(feed, range(0, 3000, 11)):
            bids, asks = [price for price, _ in ladder.bids], [price for price, _ in ladder.asks]
            assert bids == sorted(set(bids), reverse=True)
            assert asks == sorted(set(asks))
            assert 0 < bids[0] < asks[0]
            assert all(size > 0 for _, size in ladder.bids + ladder.asks)


def test_volatility_is_the_calm_day_s() -> None:
    feed = feeds(3)[BINANCE]
    mids = [ladder.mid for ladder in states(feed, range(0, 6 * 3600, 60))]
    returns = [math.log(after / before) * 1e4 for before, after in pairwise(mids)]
    assert 1.9 < statistics.pstdev(returns) < 3.0  # measured: 2.42 bps a minute on 2026-01-01


def test_okx_stands_about_five_bps_above_binance_and_moves_slowly() -> None:
    both = feeds(4)
    basis = []
    for second in range(0, 8 * 3600, 30):
        low, high = (list(both[venue].frames(float(second)))[-1].mid for venue in (BINANCE, OKX))
        basis.append((high / low - 1) * 1e4)
    steps = [abs(after - before) for before, after in pairwise(basis)]
    assert 3.5 < statistics.mean(basis) < 6.5
    assert 0.5 < statistics.pstdev(basis) < 1.6
    assert statistics.mean(steps) < 0.5


def test_the_spread_is_one_tick_nearly_always() -> None:
    ladders = states(feeds(6)[BINANCE], range(5000))
    wide = sum(ladder.asks[0][0] - ladder.bids[0][0] > 1 for ladder in ladders)
    assert wide <= 15


def test_touch_sizes_have_the_recorded_median_spread_and_persistence() -> None:
    depth = DepthProfile(1, 5800.0, 0.0113)
    logs = [math.log(depth.touch(-1, float(second))) for second in range(6000)]
    mean, deviation = statistics.mean(logs), statistics.pstdev(logs)
    following = statistics.mean((a - mean) * (b - mean) for a, b in pairwise(logs)) / deviation**2
    assert math.exp(statistics.median(logs)) == pytest.approx(5800, rel=0.2)
    assert deviation == pytest.approx(1.04, abs=0.2)
    assert following == pytest.approx(0.81, abs=0.08)


def test_depth_within_five_and_ten_bps_is_that_of_the_recorded_snapshot() -> None:
    depth = DepthProfile(1, 5800.0, 0.0113)
    sums = {5: 0.0, 10: 0.0}
    for second in range(0, 2000, 20):
        for price, size in depth.behind(880_000, 1, float(second)):
            for bps in sums:
                sums[bps] += size * ((price / 880_000 - 1) * 1e4 <= bps) / 100
    assert 25_000 < sums[5] < 110_000  # measured: 50 to 59 BTC, in lots of 0.001
    assert 80_000 < sums[10] < 260_000  # measured: 129 to 132 BTC


def test_the_script_of_dislocations_repeats_and_leaves_room_to_converge() -> None:
    def first(seed: int) -> list[object]:
        script = schedule(seed, 60.0, ["BTCUSDT", "ETHUSDT", "SOLUSDT"])
        return [next(script) for _ in range(50)]

    script = schedule(9, 60.0, ["BTCUSDT", "ETHUSDT", "SOLUSDT"])
    runs = [next(script) for _ in range(50)]
    assert first(9) == first(9) != first(10)
    assert runs[0].starts == 25.0
    assert all(45 <= one.bps <= 70 and 20 <= one.ends - one.starts <= 25 for one in runs)
    assert all(before.ends < after.starts for before, after in pairwise(runs))


def test_an_overlay_counts_only_while_it_lasts_and_only_there() -> None:
    overlays = Overlays(schedule(1, 60.0, ["BTCUSDT"]))
    only = next(schedule(1, 60.0, ["BTCUSDT"]))
    assert overlays.bps(only.venue, "BTCUSDT", 24.9) == 0
    assert overlays.bps(only.venue, "BTCUSDT", 26.0) == only.bps
    assert overlays.bps(BINANCE if only.venue == OKX else OKX, "BTCUSDT", 26.0) == 0
    assert overlays.bps(only.venue, "BTCUSDT", 51.0) == 0
    assert overlays.documents(26.0)[0]["label"] == "dislocation"
