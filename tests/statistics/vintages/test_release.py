"""Releases: valid, whole, unchangeable; and what changed on the ground told from what changed in method."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pystac
import pytest
import rasterio
from conftest import Run, is_one_line, write_tiff
from rasterio.transform import from_origin
from stac import check

import landcover
from landcover.files import sha256
from landcover.imagery.image import Place
from landcover.imagery.write import write_map
from landcover.legend import S2GLC
from landcover.statistics.tables import facts, write_table

PLACE = Place(rasterio.CRS.from_epsg(32631), from_origin(600_000, 5_000_000, 10, 10))
OLD = dict(
    imagery="2018-07-01T10:00:00Z",
    image="aa",
    model={"file": "m1.onnx", "sha256": "11"},
    legend=S2GLC.name,
    options={"offset": 0},
)
NEW_IMAGE = dict(imagery="2024-07-01T10:00:00Z", image="bb")
NEW_MODEL = dict(model={"file": "m2.onnx", "sha256": "22"})


@pytest.fixture(autouse=True)
def writable_again(tmp_path: Path) -> Iterator[None]:
    """Let the folders of releases be removed after a test."""
    yield
    for path in (p for p in tmp_path.rglob("*") if p.is_dir()):
        path.chmod(0o755)


def table(path: Path, hectares: dict[str, list[float]], **vintages: Any) -> Path:
    """A table of territories with the hectares of two classes, all of it mapped."""
    codes = list(hectares)
    values = np.array(list(hectares.values()))
    area = vintages.pop("area", values.sum(axis=1))
    frame = pd.DataFrame({"code": codes, "name": [f"name of {c}" for c in codes], "pixels": area})
    frame = frame.assign(area_ha=area, mapped_ha=values.sum(axis=1), no_data_share=0.0)
    for name, column in zip(("cultivated", "water"), values.T, strict=True):
        frame[f"{name}_ha"], frame[f"{name}_share"] = column, column / values.sum(axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_table(path, frame, facts("territories", {}, {}, vintages={"map": vintages}))
    return path


def folder(path: Path, hectares: dict[str, list[float]], **vintages: Any) -> Path:
    """A folder to release: a map of chance and a table."""
    (path / "maps").mkdir(parents=True)
    codes = np.random.default_rng(len(str(path))).integers(2, 10, (40, 50)).astype(np.uint8)
    write_map(path / "maps" / "a.tif", codes, S2GLC, PLACE)
    table(path / "communes.csv", hectares, **vintages)
    return path


BEFORE = {"01004": [60.0, 40.0], "01007": [100.0, 0.0]}
AFTER = {"01004": [50.0, 50.0], "01007": [95.0, 5.0]}


def test_a_release_is_a_valid_collection(tmp_path: Path, run: Callable[..., Run]) -> None:
    source, out = folder(tmp_path / "s", BEFORE, **OLD), tmp_path / "r" / "2018"
    (source / "notes.txt").write_text("read me")
    (source / ".hidden").write_text("no")
    done = run(
        "release", source, "--vintage", 2018, "--out", out, "--licence", "etalab-2.0", "--provider", "Office"
    )
    assert done.code == 0, done
    assert f"released 2018: 7 files in {out}" in done.out
    about = check(out / "collection.json")
    assert about["id"] == "landcover-2018"
    assert about["license"] == "etalab-2.0"
    assert about["providers"][0]["name"] == "Office"
    assert set(about["assets"]) == {"communes.csv", "communes.csv.json", "notes.txt"}
    communes = about["assets"]["communes.csv"]
    assert communes["file:checksum"] == "1220" + sha256(source / "communes.csv")
    assert communes["landcover:vintages"]["imagery"] == OLD["imagery"]
    item = check(out / "items" / "a.json")
    assert item["collection"] == about["id"]
    assert item["assets"]["map"]["file:checksum"] == "1220" + sha256(source / "maps" / "a.tif")
    assert about["extent"]["spatial"]["bbox"] == [item["bbox"]]
    collection = pystac.Collection.from_file(str(out / "collection.json"))
    assert [each.id for each in collection.get_items(recursive=True)] == ["a"]
    for path in source.rglob("*"):
        if path.is_file() and path.name != ".hidden":
            assert (out / path.relative_to(source)).read_bytes() == path.read_bytes()
    assert not (out / ".hidden").exists()
    assert all(not p.stat().st_mode & 0o222 for p in (out, *out.rglob("*")))
    assert run("release", out, "--verify").out == f"{out}: all 7 files are as they were released\n"


def test_the_same_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    source = folder(tmp_path / "s", BEFORE, **OLD)
    first = landcover.release(source, tmp_path / "a", vintage="2018")
    second = landcover.release(source, tmp_path / "b", vintage="2018")
    assert (
        first.fingerprint == second.fingerprint == landcover.release(tmp_path / "a", verify=True).fingerprint
    )


def test_a_prediction_keeps_its_items(tmp_path: Path) -> None:
    from inference.models import tiny_model

    model = tiny_model(tmp_path / "tiny.onnx")
    pixels = np.random.default_rng(0).integers(100, 4000, (4, 70, 90)).astype(np.uint16)
    bands = ("B02", "B03", "B04", "B08")
    image = write_tiff(tmp_path / "inn.tif", pixels, bands, crs=PLACE.crs, transform=PLACE.transform)
    landcover.predict(image, tmp_path / "p", model=model)
    landcover.release(tmp_path / "p", tmp_path / "2020", vintage="2020")
    about = check(tmp_path / "2020" / "collection.json")
    assert {k["href"] for k in about["links"] if k["rel"] == "item"} == {
        "./items/inn.json", "./items/model.json",
    }  # fmt: skip
    assert set(about["assets"]) == {"predict.json", "report.html"}
    item = check(tmp_path / "2020" / "items" / "inn.json")
    assert [k["rel"] for k in item["links"]] == ["root", "parent", "collection", "derived_from"]
    check(tmp_path / "2020" / "items" / "model.json")


def test_what_was_touched_is_named(tmp_path: Path, run: Callable[..., Run]) -> None:
    out = tmp_path / "2018"
    landcover.release(folder(tmp_path / "s", BEFORE, **OLD), out, vintage="2018")
    assert is_one_line(
        run("release", tmp_path / "s", "--vintage", 2018, "--out", out), "releases are not changed"
    )
    for number, (touch, finding) in enumerate(
        [
            (lambda p: (p / "communes.csv").write_text("code\n"), "files that were changed: communes.csv"),
            (lambda p: (p / "new.csv").write_text("code\n"), "files that were added: new.csv"),
            (lambda p: (p / "maps" / "a.tif").unlink(), "lacks maps/a.tif"),
        ]
    ):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(out, copy, copy_function=shutil.copyfile)
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o755)
        touch(copy)
        assert is_one_line(run("release", copy, "--verify"), finding)
        call = ("release", tmp_path / "s", "--vintage", 2024, "--out", tmp_path / "n", "--previous", copy)
        assert is_one_line(run(*call), finding)


def compare(
    tmp_path: Path, after: dict[str, list[float]], vintages: dict[str, Any], **more: Any
) -> pd.DataFrame:
    """Changes of a release of 2024 from one of 2018."""
    landcover.release(folder(tmp_path / "s1", BEFORE, **OLD), tmp_path / "2018", vintage="2018")
    source = folder(tmp_path / "s2", after, **OLD | vintages)
    done = landcover.release(source, tmp_path / "2024", vintage="2024", previous=tmp_path / "2018", **more)
    assert done.changes is not None
    about = check(tmp_path / "2024" / "collection.json")
    link = next(k for k in about["links"] if k["rel"] == "predecessor-version")
    assert link["file:checksum"] == "1220" + sha256(tmp_path / "2018" / "collection.json")
    written = pd.read_csv(tmp_path / "2024" / "changes.csv", dtype={"code": str})
    pd.testing.assert_frame_equal(written, done.changes, check_dtype=False)
    assert list(written["change_ha"]) == [-10, 10, -5, 5]
    return written


@pytest.mark.parametrize(
    "more", [{}, {"model": {"file": "renamed.onnx", "sha256": "11"}}, {"options": {"offset": -1000}}]
)
def test_other_imagery_alone_is_the_ground(tmp_path: Path, more: dict[str, Any]) -> None:
    """Also when the file of the model has another name, and numbers of the new image are read otherwise."""
    changes = compare(tmp_path, AFTER, NEW_IMAGE | more)
    assert (changes["ground_ha"] == changes["change_ha"]).all()
    assert (changes["method_ha"] == 0).all()
    assert set(changes["cause"]) == {"ground"}


@pytest.mark.parametrize(
    "vintages", [NEW_MODEL, {"options": {"decoder": "mean"}}, {"options": {"offset": -1000}}, {"image": "cc"}]
)
def test_other_method_alone_is_method(tmp_path: Path, vintages: dict[str, Any]) -> None:
    """Also other pixels of the same date: the same ground, processed otherwise."""
    changes = compare(tmp_path, AFTER, vintages)
    assert (changes["method_ha"] == changes["change_ha"]).all()
    assert set(changes["cause"]) == {"method"}


def test_both_need_a_bridge(tmp_path: Path) -> None:
    changes = compare(tmp_path, AFTER, NEW_IMAGE | NEW_MODEL)
    assert changes[["ground_ha", "method_ha"]].isna().all(axis=None)
    assert set(changes["cause"]) == {"ground and method"}


def test_the_bridge_tells_them_apart(tmp_path: Path) -> None:
    bridge = table(tmp_path / "bridge.csv", {"01007": [98.0, 2.0], "01004": [57.0, 43.0]}, **OLD | NEW_MODEL)
    changes = compare(tmp_path, AFTER, NEW_IMAGE | NEW_MODEL, bridge=bridge)
    assert list(changes["ground_ha"]) == [-7, 7, -3, 3]
    assert list(changes["method_ha"]) == [-3, 3, -2, 2]


def test_what_is_not_known_is_not_told(tmp_path: Path) -> None:
    landcover.release(folder(tmp_path / "s1", BEFORE, **OLD), tmp_path / "2018", vintage="2018")
    source = folder(tmp_path / "s2", AFTER)
    (source / "communes.csv.json").unlink()
    done = landcover.release(source, tmp_path / "2024", vintage="2024", previous=tmp_path / "2018")
    assert done.changes is not None
    assert set(done.changes["cause"]) == {"not told"}
    assert done.changes[["ground_ha", "method_ha"]].isna().all(axis=None)


def test_another_mapped_area_is_no_change_of_the_ground(tmp_path: Path) -> None:
    """Clouds over half of a commune halve its hectares, and nothing changed."""
    landcover.release(folder(tmp_path / "s1", BEFORE, **OLD), tmp_path / "2018", vintage="2018")
    half = {"01004": [30.0, 20.0], "01007": [100.0, 0.0]}
    source = folder(tmp_path / "s2", half, area=np.array([100.0, 100.0]), **OLD | NEW_IMAGE)
    done = landcover.release(source, tmp_path / "2024", vintage="2024", previous=tmp_path / "2018")
    assert done.changes is not None
    assert list(done.changes["cause"]) == ["mapped area", "mapped area", "ground", "ground"]
    assert list(done.changes["ground_ha"].isna()) == [True, True, False, False]


def test_territories_of_another_vintage(tmp_path: Path, data: Path, run: Callable[..., Run]) -> None:
    """Châtillon-en-Michaille and Lancrans joined Bellegarde-sur-Valserine in 2019."""
    parts = {"01033": [60.0, 40.0], "01091": [100.0, 0.0], "01205": [10.0, 5.0]}
    old = folder(tmp_path / "s1", parts, **OLD, territories="2018")
    landcover.release(old, tmp_path / "2018", vintage="2018")
    new = folder(tmp_path / "s2", {"01033": [169.0, 46.0]}, **OLD | NEW_IMAGE, territories="2024")
    call = ("release", new, "--vintage", 2024, "--out", tmp_path / "2024", "--previous", tmp_path / "2018")
    assert is_one_line(run(*call), "differs in 01091, 01205", "--movements")
    assert not (tmp_path / "2024").exists()
    assert run(*call, "--movements", data / "france" / "mouvements-communes.csv").code == 0
    changes = pd.read_csv(tmp_path / "2024" / "changes.csv", dtype={"code": str})
    assert list(changes["previous_ha"]) == [170, 45]
    assert list(changes["ground_ha"]) == [-1, 1]


def test_mistakes_are_one_line(tmp_path: Path, run: Callable[..., Run]) -> None:
    source = folder(tmp_path / "s", BEFORE, **OLD)
    landcover.release(source, tmp_path / "2018", vintage="2018")
    out, previous = tmp_path / "2024", ("--previous", tmp_path / "2018")
    assert is_one_line(run("release", source), "needs a name and a place")
    assert is_one_line(run("release", source, "--verify"), "is no release")
    assert is_one_line(run("release", tmp_path / "none", "--vintage", 1, "--out", out), "is no folder")
    (tmp_path / "empty").mkdir()
    assert is_one_line(
        run("release", tmp_path / "empty", "--vintage", 1, "--out", out), "no map and no table"
    )
    inside = run("release", source, "--vintage", 1, "--out", source / "r")
    assert is_one_line(inside, "lies in the folder to release")
    assert is_one_line(
        run("release", tmp_path / "2018", "--vintage", 1, "--out", out), "holds collection.json"
    )
    assert is_one_line(run("release", source, "--vintage", 2018, "--out", out, *previous), "is of 2018 too")
    call = ("release", source, "--vintage", 2024, "--out", out, *previous)
    new = folder(tmp_path / "new", AFTER, **OLD | NEW_IMAGE | NEW_MODEL)
    wrong = table(tmp_path / "wrong.csv", BEFORE, **OLD)
    told = run("release", new, *call[2:], "--bridge", wrong)
    assert is_one_line(told, "wrong.csv", "was not made from the new method")
    wrong = table(tmp_path / "wrong.csv", BEFORE, **OLD | NEW_IMAGE | NEW_MODEL)
    assert is_one_line(run("release", new, *call[2:], "--bridge", wrong), "the previous imagery")
    (source / "communes.csv").rename(source / "others.csv")
    assert is_one_line(run(*call), "has no table of territories that the new folder has too")
    assert not out.exists()
    assert json.loads((tmp_path / "2018" / "collection.json").read_text())["landcover:vintage"] == "2018"
