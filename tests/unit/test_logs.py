"""`warren logs`: several files read as one."""

from pathlib import Path

from loadtests.local.follow import follow, tail


def test_tail_shows_the_last_lines_of_each(tmp_path: Path) -> None:
    web, beat = tmp_path / "web.log", tmp_path / "beat.log"
    web.write_text("one\ntwo\nthree\n")
    beat.write_bytes(b"caf\xe9\n")
    assert list(tail({"web": web, "beat": beat}, 2)) == [
        "web  | two",
        "web  | three",
        "beat | caf\N{REPLACEMENT CHARACTER}",
    ]


def test_follow_shows_what_is_added_and_survives_rotation(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text("old\n" * 10)
    lines = follow({"web": log})
    with log.open("a") as file:
        file.write("new\nhal")
    assert next(lines) == "web | new"
    with log.open("a") as file:
        file.write("f\n")
    assert next(lines) == "web | half"
    log.write_text("again\n")
    assert next(lines) == "web | again"
