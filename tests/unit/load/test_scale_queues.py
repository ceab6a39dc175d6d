"""The simulation against closed forms of queueing theory, within the sampling error of its length."""

import math
import random

import pytest
import simpy

from benchmarks.scale.queues import Cores, Queue
from benchmarks.scale.stack import Costs, Layout, simulate

JOBS = 20_000


def mean_wait(servers: int, load: float, service: str, seed: int) -> float:
    """Mean wait in units of the mean service time, jobs of Poisson arrivals served in order."""
    env, rng, waits = simpy.Environment(), random.Random(seed), list[float]()
    cores = Cores(env, servers, quantum=math.inf)

    def job(length: float):
        due = env.now
        yield from cores.work(length)
        waits.append(env.now - due - length)

    def arrive():
        for _ in range(JOBS):
            yield env.timeout(rng.expovariate(load * servers))
            env.process(job(rng.expovariate(1.0) if service == "exponential" else 1.0))

    env.process(arrive())
    env.run()
    assert len(waits) == JOBS
    assert cores.busy / env.now / servers == pytest.approx(load, rel=0.03)
    return sum(waits) / len(waits)


def erlang_c(servers: int, load: float) -> float:
    """Mean wait of M/M/c in units of the service time."""
    offered = servers * load
    last = offered**servers / math.factorial(servers) / (1 - load)
    waiting = last / (sum(offered**k / math.factorial(k) for k in range(servers)) + last)
    return waiting / (servers * (1 - load))


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_one_server_waits_as_m_m_1_and_m_d_1(load: float):
    exponential = sum(mean_wait(1, load, "exponential", seed) for seed in (1, 2, 3)) / 3
    assert exponential == pytest.approx(load / (1 - load), rel=0.08)
    constant = sum(mean_wait(1, load, "constant", seed) for seed in (1, 2, 3)) / 3
    # Half of M/M/1's, by Pollaczek and Khinchine.
    assert constant == pytest.approx(load / (1 - load) / 2, rel=0.08)


@pytest.mark.parametrize(("servers", "load"), [(2, 0.8), (4, 0.8)])
def test_several_servers_wait_as_m_m_c(servers: int, load: float):
    found = sum(mean_wait(servers, load, "exponential", seed) for seed in (1, 2, 3)) / 3
    assert found == pytest.approx(erlang_c(servers, load), rel=0.12)


def test_a_message_waits_when_every_consumer_has_its_prefetch_and_goes_to_who_acknowledges():
    env = simpy.Environment()
    queue = Queue(env, consumers=2, prefetch=2)
    got = [queue.deliver() for _ in range(5)]
    assert [event.value for event in got[:4]] == [0, 1, 0, 1]
    assert (len(queue), got[4].triggered) == (1, False)
    queue.acknowledge(1)
    assert (len(queue), got[4].value) == (0, 1)


COSTS = Costs(0.0001, 0.0002, 0.0003, 0.0002, 0.0001, 0.0001, 0.0001, 0.0002, 0.0003, 0.0002, delays={})
LAYOUT = Layout(cores=4, web=2, workers=2)


def test_what_goes_in_comes_out_or_is_still_inside():
    all_done = simulate(COSTS, LAYOUT, rate=500, tasks=2000)
    assert (all_done.arrived, all_done.finished, all_done.inside) == (2000, 2000, 0)
    # Twice what two workers can do.
    too_much = simulate(COSTS, LAYOUT, rate=5700, tasks=6000, drain=False)
    assert too_much.arrived == too_much.finished + too_much.inside == 6000
    assert too_much.inside > 1000


def test_the_same_seed_gives_the_same_run_and_another_seed_another():
    runs = [simulate(COSTS, LAYOUT, rate=1000, tasks=1000, seed=seed) for seed in (1, 1, 2)]
    assert list(runs[0].latencies) == list(runs[1].latencies)
    assert list(runs[0].latencies) != list(runs[2].latencies)


def test_below_its_limit_it_does_what_comes_and_above_it_what_the_fullest_part_can():
    calm = simulate(COSTS, LAYOUT, rate=1000, tasks=8000)
    assert calm.done == pytest.approx(1000, rel=0.05)
    # A worker computes for 0.7 ms a task: two of them do 2857 a second, and no more processors change that.
    full = simulate(COSTS, Layout(cores=64, generators=4, web=16, workers=2), rate=6000, tasks=8000, drain=False)
    assert full.done == pytest.approx(2 / COSTS.worker, rel=0.08)
    assert full.shares["worker"] == pytest.approx(1.0, abs=0.05)
    more = simulate(COSTS, Layout(cores=64, generators=4, web=16, workers=8), rate=6000, tasks=8000, drain=False)
    assert more.done > 1.5 * full.done


def test_a_lightly_loaded_stack_takes_what_its_steps_take():
    delays = {"published_to_received": [0.01], "started_to_finished": [0.02]}
    costs = Costs(send=0.001, request=0.001, store=0.001, before=0.001, task=0.001, delays=delays)
    found = simulate(costs, Layout(cores=64, web=8, workers=8), rate=5, tasks=4000)
    assert found.latencies.mean() == pytest.approx(0.035, rel=0.03)
