"""Successive halving on simulated scores: who survives, in what time, in which order; and Pareto fronts."""

import random

from loadtests.tune.halving import halve, width
from loadtests.tune.pareto import front
from loadtests.tune.plan import LONG, SHORT, cost, least, share

COSTS = (10.0, 20.0, 40.0)


class Bench:
    """Simulated candidates: number n is worth n, give or take noise that longer looks have less of."""

    def __init__(self, budget: float = 1e9, noise: float = 0.0, seed: int = 1, silent: tuple[int, ...] = ()) -> None:
        self.time, self.noise, self.silent = budget, noise, silent
        self.rng = random.Random(seed)
        self.seen: list[tuple[int, int]] = []

    def __call__(self, candidate: int, rung: int) -> float | None:
        self.time -= COSTS[rung]
        self.seen.append((rung, candidate))
        if candidate in self.silent:
            return None
        return candidate + self.rng.gauss(0, self.noise / 2**rung)

    def rung(self, number: int) -> list[int]:
        return [candidate for rung, candidate in self.seen if rung == number]


def run(bench: Bench, count: int = 16, seed: int = 1, **more: object) -> list[int]:
    return halve(range(count), bench, COSTS, lambda: bench.time, seed, **more)  # type: ignore[arg-type]


def test_half_of_them_goes_on_each_time_and_the_best_comes_first():
    bench = Bench()
    assert run(bench) == [15, 14, 13, 12]
    assert [len(bench.rung(number)) for number in range(3)] == [16, 8, 4]
    assert sorted(bench.rung(1)) == list(range(8, 16))


def test_the_order_is_drawn_from_the_seed():
    one, same, other = Bench(), Bench(), Bench()
    run(one), run(same), run(other, seed=2)
    assert one.seen == same.seen
    assert one.rung(0) != other.rung(0) and sorted(one.rung(0)) == sorted(other.rung(0))
    assert one.rung(0) != sorted(one.rung(0))


def test_noise_rarely_keeps_the_best_from_the_end():
    found = [run(Bench(noise=3.0, seed=seed), seed=seed) for seed in range(200)]
    assert sum(15 in ends for ends in found) > 180


def test_each_group_keeps_its_own_half_and_what_is_to_be_kept_goes_first_and_stays():
    bench = Bench()
    ends = run(bench, group=lambda each: each < 4, keep=[0])
    assert bench.rung(0)[0] == bench.rung(2)[0] == 0
    assert set(ends) == {15, 14, 13, 3, 2, 0}
    assert ends[0] == 15


def test_what_told_nothing_drops_out():
    assert run(Bench(silent=(15, 13))) == [14, 12, 11, 10]
    assert run(Bench(silent=tuple(range(16)))) == []


def test_it_ends_within_the_budget_whatever_the_budget_is():
    for budget in (5, 60, 165, 300, 400, 480):
        bench = Bench(budget)
        ends = run(bench)
        assert bench.time >= 0
        assert bool(ends) == (budget >= COSTS[0])
    # Time was up within the second rung: of those that had their turn, the best one is first.
    bench = Bench(160 + 60)
    ends = run(bench)
    assert ends == sorted(bench.rung(1), reverse=True) and len(ends) == 3


def test_as_many_begin_as_every_rung_has_time_for():
    assert width(16 * 10 + 8 * 20 + 4 * 40, COSTS) == 16
    assert width(16 * 10 + 8 * 20 + 4 * 40 - 1, COSTS) == 15
    assert width(9, COSTS) == 0


def test_a_budget_is_shared_between_candidates_and_the_repeats_of_finalists():
    for minutes in (3, 5, 10, 20, 60):
        given = share(minutes * 60, LONG, 1000)
        halving = sum(given.candidates / 2**rung * cost(each) for rung, each in enumerate(LONG.rungs))
        finals = given.rounds * given.finalists * cost(given.final)
        assert halving + finals <= minutes * 60 + cost(LONG.rungs[0])
        assert given.candidates >= 2
    # A longer budget has better finals, and never fewer rounds than can tell anything.
    assert share(3 * 60, LONG, 1000).rounds == 0
    assert [share(minutes * 60, LONG, 1000).rounds >= 4 for minutes in (10, 20, 60)] == [True] * 3
    assert share(10 * 60, LONG, 1000).finalists < share(60 * 60, LONG, 1000).finalists
    assert share(60 * 60, LONG, 5).candidates == 5
    # With little time for finals, throughput alone is repeated.
    assert (share(5.5 * 60, LONG, 1000).final.latency, share(20 * 60, LONG, 1000).final) == (0.0, LONG.final)
    assert share(1e6, SHORT, 1000).candidates == 2
    assert least(LONG, 4, 100) > least(LONG, 1, 100) > least(SHORT, 1, 0)


def test_the_front_has_what_no_other_beats_in_everything():
    assert front([(3, 1), (1, 3), (2, 2), (1, 1), (2, 1)]) == [True, True, True, False, False]
    assert front([(2, 2), (2, 2)]) == [True, True]
    assert front([]) == []
