"""Compiling, with a `go` that is made up: what is kept, what is done again, what is said."""

from pathlib import Path

import pytest

from . import build
from .build import ToolsError, ensure, folder_of
from .parts import PARTS

# Notes how it was called; writes the program it was asked for.
GO = """#!/bin/sh
echo "$PWD $*" >>"$CALLS"
while [ $# -gt 1 ]; do [ "$1" = -o ] && out=$2; shift; done
case $1 in *"$BROKEN") echo "undefined: nonsense" >&2; exit 1;; esac
echo program >"$out"
"""


# As Maven copies what a pom depends on.
MVN = """#!/bin/sh
for word; do case $word in -DoutputDirectory=*) to=${word#*=};; esac; done
case $BROKEN in mvn) echo "[ERROR] no such artifact"; exit 1;; esac
mkdir -p "$to" && echo jar >"$to/some.jar"
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("go", GO), ("mvn", MVN)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    for name, value in {"CALLS": tmp_path / "calls", "XDG_CACHE_HOME": tmp_path / "cache", "BROKEN": "none"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return tmp_path / "calls"


def quiet(_: str) -> None:
    pass


def test_each_program_is_compiled_once(calls: Path) -> None:
    made = ensure("kubernetes", quiet)
    assert sorted(file.name for file in (made / "bin").iterdir()) == sorted(PARTS["kubernetes"].programs)
    before = calls.read_text()
    assert ensure("kubernetes", quiet) == made
    assert calls.read_text() == before


def test_what_is_compiled_knows_its_version(calls: Path) -> None:
    ensure("kubernetes", quiet)
    assert f"-X k8s.io/component-base/version.gitVersion={PARTS['kubernetes'].version}" in calls.read_text()
    assert "gitMinor=34" in calls.read_text()


def test_after_a_failure_only_the_rest_is_compiled(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKEN", "kubelet")
    with pytest.raises(ToolsError, match="undefined: nonsense"):
        ensure("kubernetes", quiet)
    assert not folder_of("kubernetes").exists()
    calls.unlink()
    monkeypatch.setenv("BROKEN", "none")
    ensure("kubernetes", quiet)
    compiled = [line.rsplit("/", 1)[-1] for line in calls.read_text().splitlines()]
    assert compiled == ["kubelet", "kube-proxy", "kubectl"]


def test_other_pins_are_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = folder_of("coredns")
    folder = tmp_path / "coredns"
    folder.mkdir()
    for file in ("go.mod", "go.sum"):
        (folder / file).write_text((PARTS["coredns"].folder / file).read_text() + "\n")
    monkeypatch.setattr("tests.tools.parts.HERE", tmp_path)
    assert folder_of("coredns") != before


def test_without_a_compiler_it_says_which_is_wanted(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    with pytest.raises(ToolsError, match=r"go 1\.\d+.* or newer"):
        ensure("coredns", quiet)


def test_an_unknown_part_is_named_with_those_there_are() -> None:
    with pytest.raises(ToolsError, match="no such part: etcd; there are kubernetes"):
        ensure("etcd", quiet)


def test_jars_are_copied_whole_or_not_at_all(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKEN", "mvn")
    with pytest.raises(ToolsError, match="no such artifact"):
        ensure("perf-test", quiet)
    assert not folder_of("perf-test").exists()
    monkeypatch.setenv("BROKEN", "none")
    made = ensure("perf-test", quiet)
    assert [file.name for file in (made / "lib").iterdir()] == ["some.jar"]
    assert PARTS["perf-test"].version[0].isdigit()


def test_without_maven_it_says_so(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    with pytest.raises(ToolsError, match="no `mvn` on PATH"):
        ensure("perf-test", quiet)
