"""Law 7: one trader, by the database's clock; the token only rises."""

import threading

import pytest
from django.db import connection

from propbot.errors import RefusedError
from risk.models import TraderLease
from risk.services.desk import desk_start
from risk.services.guard import desk_guard_reducing
from risk.services.lease import lease_acquire, lease_release, lease_renew
from tests.risk.figures import Figures, the_desk

pytestmark = pytest.mark.django_db(transaction=True)


def expire() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE risk_traderlease SET expires_at = clock_timestamp() - interval '1 second'")


def test_a_second_trader_waits_and_changes_nothing(figures: Figures) -> None:
    epoch = lease_acquire("first")
    before = the_desk()
    assert lease_acquire("second") is None
    assert (the_desk().trader_epoch, the_desk().hold_id) == (epoch, before.hold_id)


def test_each_holder_gets_a_higher_token(figures: Figures) -> None:
    first = lease_acquire("first")
    assert first is not None
    assert lease_release("first", first)
    assert lease_acquire("second") == first + 1 == the_desk().trader_epoch


def test_a_lease_that_ran_out_is_not_renewed(figures: Figures) -> None:
    epoch = lease_acquire("first")
    assert epoch is not None
    assert lease_renew("first", epoch)
    expire()
    assert not lease_renew("first", epoch)


def test_a_trader_that_slept_through_its_successors_start_is_refused(figures: Figures) -> None:
    old = lease_acquire("sleeper")
    assert old is not None
    expire()
    new = lease_acquire("successor")
    assert new is not None
    desk_start(epoch=new, build="b")
    with pytest.raises(RefusedError) as refused:
        desk_guard_reducing(epoch=old)
    assert refused.value.code == "fenced"
    assert not lease_renew("sleeper", old)
    assert not lease_release("sleeper", old)


def test_of_many_that_start_together_one_gets_the_lease(figures: Figures) -> None:
    for _ in range(10):
        barrier, won = threading.Barrier(8), []

        def start(name: str, barrier: threading.Barrier = barrier, won: list[int] = won) -> None:
            barrier.wait()
            epoch = lease_acquire(name)
            if epoch is not None:
                won.append(epoch)
            connection.close()

        threads = [threading.Thread(target=start, args=(f"t{number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert won == [the_desk().trader_epoch]
        assert TraderLease.objects.get().epoch == won[0]
        expire()
