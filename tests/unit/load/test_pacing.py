"""Arrivals reach a sender at their instant, and none after a halt."""

import time

import gevent

from loadtests.generator.pacing import Due, Pacer
from loadtests.generator.schedule import Arrival
from loadtests.scenarios import Call


def pacer(*at: float | None) -> Pacer:
    return Pacer(iter([Arrival(index, each, Call("noop")) for index, each in enumerate(at)]), time.time())


def test_an_arrival_is_handed_out_when_its_instant_has_come_and_not_before():
    paced = pacer(0.1)
    due = paced.take()
    assert due is not None
    assert time.time() >= due.scheduled
    assert due.free < due.scheduled  # a sender was waiting for it


def test_an_overdue_arrival_keeps_its_instant():
    paced = Pacer(iter([Arrival(0, 0.0, Call("noop"))]), time.time() - 5)
    due = paced.take()
    assert due is not None
    assert due.free - due.scheduled >= 5


def test_a_plan_has_ended_only_when_its_last_arrival_was_sent_and_answered():
    paced = pacer(0.2)
    taken: list[Due | None] = []
    sender = gevent.spawn(lambda: taken.append(paced.take()))
    gevent.sleep(0.01)
    assert paced.take() is None  # another sender finds nothing more
    assert paced.ended.is_set()
    assert paced.in_hand == 1  # but one waits for its instant
    sender.join()
    assert paced.in_hand == 1
    paced.done()
    assert paced.in_hand == 0


def test_a_halt_hands_out_nothing_more_not_even_what_was_due_that_very_moment():
    paced = pacer(*[0.1] * 50)
    taken: list[Due | None] = []
    senders = [gevent.spawn(lambda: taken.append(paced.take())) for _ in range(50)]
    halt = gevent.spawn_later(0.05, paced.halt, 1.0)
    gevent.sleep(0)
    time.sleep(0.2)  # no greenlet runs meanwhile: the halt's timer and all of theirs are over in the same moment
    gevent.joinall([*senders, halt])
    assert halt.value is True
    assert taken == [None] * 50
    assert paced.in_flight == 0


def test_a_halt_waits_for_what_is_in_flight_but_not_for_ever():
    paced = pacer(0.0)
    assert paced.take() is not None
    assert not paced.halt(0.05)
    gevent.spawn_later(0.05, paced.done)
    assert paced.halt(5.0)
