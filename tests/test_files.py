import os
from pathlib import Path

import pytest

from landcover.errors import LandcoverError
from landcover.files import sha256, staged, whole, write_text


def test_a_file_appears_whole(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "é\n")
    assert (tmp_path / "a.txt").read_bytes() == "é\n".encode()
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(UnicodeEncodeError), whole(tmp_path / "a.txt") as temporary:
        temporary.write_text("half of é", encoding="ascii")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("existing", [False, True])
def test_a_folder_appears_when_it_is_whole(tmp_path: Path, existing: bool) -> None:
    out = tmp_path / "deep" / "out"
    if existing:
        out.mkdir(parents=True)
    with staged(out) as stage:
        (stage / "maps").mkdir()
        (stage / "maps" / "a").write_text("a")
        assert not out.exists() or not any(out.iterdir())
    assert (out / "maps" / "a").read_text() == "a"
    assert [p.name for p in out.parent.iterdir()] == ["out"]


def test_a_failed_folder_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError), staged(tmp_path / "out") as stage:
        (stage / "a").write_text("half of é", encoding="ascii")
    assert not any(tmp_path.iterdir())


def test_a_folder_with_results_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(LandcoverError, match=r"already holds files.*--overwrite"), staged(tmp_path / "out"):
        raise AssertionError("not reached")
    assert (tmp_path / "out" / "mine").read_text() == "mine"


def test_overwriting_replaces_entries_of_the_same_name_and_keeps_others(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "maps").mkdir(parents=True)
    (out / "maps" / "old").touch()
    (out / "other").touch()
    with staged(out, overwrite=True) as stage:
        (stage / "maps").mkdir()
        (stage / "maps" / "new").touch()
    assert [p.name for p in sorted(out.rglob("*"))] == ["maps", "new", "other"]


@pytest.mark.parametrize(("out", "finding"), [("file", "is a file"), ("file/out", "can't be written")])
def test_a_file_in_the_way_is_named(tmp_path: Path, out: str, finding: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LandcoverError, match=finding), staged(tmp_path / out):
        raise AssertionError("not reached")


def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(LandcoverError, match="can't be written"), staged(tmp_path / "out"):
        raise AssertionError("not reached")


def test_sha256_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
