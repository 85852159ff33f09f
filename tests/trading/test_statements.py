"""What the way from a quote to the wire may ask of the database, frozen: each statement more delays every hedge.

The figures that risk asks of trading are this folder's own; the desk's are asked with the others, and cost no statement
more. An execute by request, whose symbol nobody knew beforehand, asks more in its decision (``make bench`` counts it).
"""

from propbot.clock import utc_now
from risk import looks
from tests.engine.desk import Desk
from tests.trading.test_auto_hedge import ready as ready
from tests.trading.test_edge_take import crossed as crossed
from tools.bench.phases import AFTERWARDS, DECISION, FIRST_MARK, JOURNAL, SECOND_MARK, phases
from trading.models import Order
from trading.services.binding import ENTANGLED
from trading.services.edge_take import decision_prepare, edge_take
from trading.services.outcomes import UNPROVEN


def test_a_hedge_asks_no_more_than_this_before_its_orders_leave(crossed: Desk) -> None:
    looks.forget()
    decision_prepare(epoch=1, now=utc_now())
    with phases() as seen:
        assert edge_take(["BTCUSDT"], now=utc_now()) == "opened"
    counts = {name: count for name, count in seen.counts.items() if name != AFTERWARDS}
    assert counts == {DECISION: 2, JOURNAL: 6, FIRST_MARK: 3, SECOND_MARK: 3}
    assert Order.objects.filter(status="filled").count() == 2


def test_the_journal_names_every_status_without_proof() -> None:
    """Written out, for the index: a list in a parameter could not use it."""
    named = ENTANGLED.split("status IN (")[1].split(")")[0]
    assert {one.strip(" '") for one in named.split(",")} == {str(status) for status in UNPROVEN}
