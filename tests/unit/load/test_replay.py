"""Recorded traffic as arrivals."""

from pathlib import Path

import pytest

from loadtests.generator.replay import BadReplay, read
from loadtests.scenarios import Call


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "traffic.csv"
    path.write_text(text)
    return path


def test_times_count_from_the_first_and_are_put_in_order(tmp_path: Path):
    path = write(tmp_path, 'time,task,args\n12.5,add,"[2, 3]"\n10,noop,\n11,download,"{""url"": ""http://x""}"\n')
    assert [(a.index, a.at, a.call) for a in read(path)] == [
        (0, 0.0, Call("noop")),
        (1, 1.0, Call("download", [], {"url": "http://x"})),
        (2, 2.5, Call("add", [2, 3])),
    ]


def test_instants_may_be_written_as_dates_and_columns_in_any_order(tmp_path: Path):
    path = write(tmp_path, "task,args,time\nnoop,,2026-11-21T12:00:00Z\nnoop,,2026-11-21T13:00:01.5+01:00\n")
    assert [a.at for a in read(path)] == [0.0, 1.5]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("when,task,args\n1,noop,\n", "line 1: no column time"),
        ("time,task,args\n", "no arrival"),
        ("time,task,args\nsoon,noop,\n", "line 2: time is 'soon'"),
        ("time,task,args\nnan,noop,\n", "line 2: time is 'nan'"),
        ("time,task,args\n1,noop,\n2,,\n", "line 3: the task has no name"),
        ("time,task,args\n1,add,[2\n", "line 2: args is not JSON"),
        ("time,task,args\n1,add,7\n", "line 2: args is '7'"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, complaint: str):
    with pytest.raises(BadReplay, match=complaint):
        read(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(BadReplay, match=r"nowhere\.csv: No such file"):
        read(tmp_path / "nowhere.csv")
