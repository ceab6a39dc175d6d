"""The ledger accounts for every task by its id."""

from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.ledger import Ledger


def account(made) -> Ledger:
    return analyse(made.close(), Asked()).ledger


def test_what_finished_balances(made_run):
    made = made_run()
    made.tasks(50)
    book = account(made)
    assert (book.balanced, book.sent, book.accepted, book.finished, book.missing) == (True, 50, 50, 50, 0)


def test_an_accepted_task_without_a_trace_is_missing_and_named(made_run):
    made = made_run()
    made.tasks(3)
    made.send("lost", 1.0)
    book = account(made)
    assert (book.balanced, book.missing, book.missing_ids) == (False, 1, ["lost"])


def test_each_way_to_end_has_its_own_column(made_run):
    made = made_run()
    for name in ("good", "bad", "dead", "revoked", "expired"):
        made.send(name)
    made.record("good")
    made.record("bad", state="failure")
    made.record("dead", state="rejected")
    made.dead("dead")
    made.record("revoked", state="revoked")
    made.record("expired", state="expired")
    book = account(made)
    assert book.balanced
    assert (book.finished, book.succeeded, book.failed) == (2, 1, 1)
    assert (book.dead_lettered, book.revoked, book.expired, book.missing) == (1, 1, 1, 0)


def test_a_rejected_attempt_alone_proves_nothing(made_run):
    made = made_run()
    made.send("gone")
    made.record("gone", state="rejected")
    assert account(made).missing == 1


def test_a_task_that_finished_twice_is_a_duplicate_and_one_that_was_retried_is_not(made_run):
    made = made_run()
    made.send("twice")
    made.record("twice", finished=0.01)
    made.record("twice", finished=0.02, worker="fast-1@here", redelivered=True)
    made.send("again")
    made.record("again", state="retry", attempt=1)
    made.record("again", attempt=2, finished=0.5)
    book = account(made)
    assert (book.balanced, book.finished, book.duplicated, book.surplus, book.redelivered) == (True, 2, 1, 1, 1)


def test_a_record_that_was_read_twice_counts_once(made_run):
    made = made_run()
    made.send("one")
    made.record("one", known=0.1)
    made.record("one", known=0.2)
    assert account(made).duplicated == 0


def test_sends_of_unknown_fate_stand_apart_from_the_balance(made_run):
    made = made_run()
    for name in ("ran", "died", "vanished"):
        made.send(name, status=503, outcome="unknown", answered=None)
    made.record("ran")
    made.dead("died")
    book = account(made)
    assert (book.balanced, book.accepted, book.finished) == (True, 0, 0)
    fate = book.unknown_fate
    assert (fate.sent, fate.finished, fate.dead_lettered, fate.unseen) == (3, 1, 1, 1)


def test_a_task_that_was_surely_not_sent_must_not_run(made_run):
    made = made_run()
    made.send("refused", status=503, outcome="refused")
    assert account(made).balanced
    made = made_run()
    made.send("liar", status=503, outcome="refused")
    made.record("liar")
    book = account(made)
    assert (book.balanced, book.refused_but_ran) == (False, 1)


def test_records_of_tasks_nobody_sent_are_counted_as_a_missing_part(made_run):
    made = made_run()
    made.tasks(2)
    made.record("from another generator")
    result = analyse(made.close(), Asked())
    assert (result.ledger.strangers, result.ledger.balanced) == (1, True)
    assert any("part file is missing" in note for note in result.notes)
