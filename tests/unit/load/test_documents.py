"""What commands leave is there whole, with the rights that it had, behind the link that it was."""

from pathlib import Path

from loadtests import documents


def test_a_file_behind_a_link_is_replaced_and_keeps_its_mode(tmp_path: Path):
    real, link = tmp_path / "real.yml", tmp_path / "stack.yml"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    assert documents.write_text(link, "new") == link
    assert (link.is_symlink(), real.read_text(), real.stat().st_mode & 0o777) == (True, "new", 0o640)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["real.yml", "stack.yml"]
