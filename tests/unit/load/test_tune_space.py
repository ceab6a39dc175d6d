"""The matrix of `warren tune`: what is tried, what is left out and why, what it makes of stack.yml."""

from collections import Counter
from pathlib import Path

import pytest

from app.contract import parse_contract
from loadtests.stack_file import CannotChange, changed
from loadtests.tune import space
from loadtests.tune.candidate import Candidate, changes, environment, measured_text, present, refusal, stack_text
from loadtests.tune.stores import addresses

STACK = Path(__file__).parents[3] / "stack.yml"
TEXT = STACK.read_text()
CONTRACT = parse_contract(TEXT, STACK)
NOW = present(CONTRACT, "io", "none")


def axes(pool: str = "fast", *stores: str) -> space.Axes:
    return space.axes(CONTRACT, pool, 2, stores or ("none",))


def differing(before: str, after: str) -> list[str]:
    there = Counter(before.splitlines())
    return [line for line in after.splitlines() if not there[line]]


def test_the_values_of_stack_yml_are_among_those_that_are_tried():
    found = axes("io", "sqlite", "redis")
    now = present(CONTRACT, "io", "sqlite")
    assert all(value in found[axis] for axis, value in now.model_dump().items())
    assert found["results"] == ["sqlite", "redis"]


def test_what_the_contract_refuses_is_left_out_with_its_reason():
    can, left_out = space.legal(axes("io"), CONTRACT, "io", 2)
    assert can and all(refusal(CONTRACT, "io", each) is None for each in can)
    # Tasks of up to a minute would keep a solo pool from its heartbeats.
    assert not [each for each in can if each.kind == "solo"]
    assert any("too long for a solo pool" in why for why in left_out)
    assert any("leaves some of 8 slots idle" in why for why in left_out)
    everything = 1
    for values in axes("io").values():
        everything *= len(values)
    assert len(can) + sum(left_out.values()) == everything


def test_prefork_children_have_an_end():
    given = space.restricted(axes(), {"kind": ["prefork"], "processes": ["4"], "concurrency": ["8"]})
    can, left_out = space.legal(given, CONTRACT, "fast", 2)
    assert can == []
    assert any("more than 8 prefork children for each core" in why for why in left_out)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"speed": ["fast"]}, "there is no axis 'speed'; there are kind, processes"),
        ({"kind": ["gevent"]}, "kind=gevent: there is solo, threads, prefork"),
        ({"prefetch": ["0"]}, "prefetch=0: whole numbers above 0 are wanted"),
        ({"prefetch": ["many"]}, "prefetch=many: whole numbers"),
        ({"results": ["mongodb"]}, "results=mongodb: there is none"),
    ],
)
def test_an_axis_or_a_value_that_there_is_not(given: dict[str, list[str]], complaint: str):
    with pytest.raises(space.BadSpace) as refused:
        space.restricted(axes(), given)
    assert complaint in str(refused.value)


def test_numbers_may_be_ones_own():
    assert space.restricted(axes(), {"prefetch": ["100", "7"]})["prefetch"] == [7, 100]


def test_corners_are_what_is_less_safe_than_stack_yml():
    now = present(CONTRACT, "fast", "none")
    assert space.corners(now, CONTRACT) == []
    both = now.model_copy(update={"ack": "early", "confirms": "off"})
    assert space.corners(both, CONTRACT) == ["early-ack", "no-confirms"]
    assert space.corners(now.model_copy(update={"results": "rpc"}), CONTRACT) == ["rpc"]
    assert [space.corners(twin, CONTRACT) for twin in space.twins(now, axes(), CONTRACT)] == [
        ["early-ack"],
        ["no-confirms"],
        ["classic"],
    ]
    # However many stores are named before it.
    with addresses(("redis://h/0", "rpc://", "rpc://"), keeps=True) as (stores, _):
        assert list(stores) == ["redis", "rpc", "sqlite"]
    # Who has classic queues already gives up nothing by them.
    classic = parse_contract(TEXT.replace("queue_type: quorum ", "queue_type: classic "), STACK)
    there = present(classic, "fast", "none")
    assert space.corners(there, classic) == []
    assert len(space.twins(there, axes(), classic)) == 2


def test_the_draw_begins_with_what_is_there_sees_every_value_and_depends_on_the_seed_alone():
    now = present(CONTRACT, "fast", "none")
    can, _ = space.legal(axes(), CONTRACT, "fast", 2)
    chosen = space.draw(can, now, 16, 1, CONTRACT)
    assert chosen[0] == now and len(chosen) == len(set(chosen)) == 16
    for axis in ("kind", "processes", "concurrency", "prefetch", "queue_type", "ack", "confirms"):
        assert {getattr(each, axis) for each in chosen} == {getattr(each, axis) for each in can}, axis
    assert sum(bool(space.corners(each, CONTRACT)) for each in chosen) == 4
    assert chosen == space.draw(can, now, 16, 1, CONTRACT)
    assert chosen != space.draw(can, now, 16, 2, CONTRACT)
    assert len(space.draw(can, now, 10_000, 1, CONTRACT)) < 10_000


def test_a_candidate_changes_what_it_must_and_keeps_every_comment():
    more = NOW.model_copy(update={"processes": 3, "prefetch": 32})
    after = stack_text(TEXT, STACK, CONTRACT, "io", more)
    assert differing(TEXT, after) == ["    processes: 3", "    prefetch: 32"]
    assert after.count("#") == TEXT.count("#")
    assert stack_text(TEXT, STACK, CONTRACT, "io", NOW) == TEXT


def test_another_kind_of_pool_brings_its_limits_and_loses_the_others():
    prefork = NOW.model_copy(update={"kind": "prefork", "concurrency": 2, "prefetch": 2})
    after = stack_text(TEXT, STACK, CONTRACT, "io", prefork)
    pool = parse_contract(after, STACK).pools["io"]
    assert (pool.kind, pool.soft_limit, pool.hard_limit, pool.longest_task) == ("prefork", 54.0, 60.0, None)
    assert after.count("#") == TEXT.count("#")
    threads = present(CONTRACT, "long", "none").model_copy(update={"kind": "threads"})
    back = stack_text(TEXT, STACK, CONTRACT, "long", threads)
    pool = parse_contract(back, STACK).pools["long"]
    assert (pool.kind, pool.hard_limit, pool.max_memory, pool.longest_task) == ("threads", None, None, 100.0)


def test_what_is_measured_has_one_process_in_every_other_pool():
    measured = parse_contract(measured_text(TEXT, STACK, CONTRACT, "io", NOW), STACK)
    assert {name: pool.processes for name, pool in measured.pools.items()} == {"fast": 1, "io": "per-core", "long": 1}


def test_what_cannot_be_changed_in_place_is_said():
    line = "pools:\n  only: {kind: solo, queues: [fast, io, long], processes: 1, prefetch: 8, longest_task: 1s}\n"
    text = TEXT[: TEXT.index("pools:")] + line + TEXT[TEXT.index("# From SIGTERM") :]
    contract = parse_contract(text, STACK)
    now = present(contract, "only", "none")
    assert parse_contract(
        stack_text(text, STACK, contract, "only", now.model_copy(update={"prefetch": 9})), STACK
    ).pools["only"].prefetch == 9  # fmt: skip
    with pytest.raises(CannotChange, match="write kind: threads, no soft_limit"):
        changed(text, STACK, {"pools.only": {"kind": "threads", "soft_limit": None, "concurrency": 2}})
    with pytest.raises(CannotChange, match=r"there is no pools\.other"):
        changed(text, STACK, {"pools.other": {"prefetch": 1}})


def test_what_another_pool_would_change_with_is_not_changed():
    text = TEXT.replace("  fast:\n    kind", "  fast: &fast\n    kind").replace(
        "stop:\n", "  more:\n    <<: *fast\n    queues: [fast]\nstop:\n"
    )
    assert parse_contract(text, STACK).pools["more"].prefetch == 64
    with pytest.raises(CannotChange, match=r"pools\.fast\.prefetch cannot be changed alone"):
        changed(text, STACK, {"pools.fast": {"prefetch": 8}})


def test_the_environment_says_what_is_unsafe_and_says_so_when_nothing_is():
    assert environment(NOW, {}) == {"WARREN_UNSAFE": ""}
    both = Candidate(**NOW.model_dump() | {"ack": "early", "confirms": "off", "results": "redis"})
    assert environment(both, {"redis": "redis://h/0"}) == {
        "WARREN_UNSAFE": "early-ack,no-confirms",
        "CELERY_BACKEND_URL": "redis://h/0",
        "CELERY_BACKEND_URL_FILE": "",
    }
    assert changes(CONTRACT, "io", both) == {}
