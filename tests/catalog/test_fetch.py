from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from conftest import is_one_line, read_tiff

import landcover
from catalog.server import CORE, FILTER, QUERY, SEARCH
from catalog.sky import BANDS, Pixels, Sky
from landcover.catalog import known
from landcover.catalog.known import Catalogue
from landcover.errors import LandcoverError
from landcover.files import sha256

SUMMER = {"start": "2023-06-01", "end": "2023-08-31"}


def fetch(sky: Sky, out: Path, **options: Any) -> landcover.catalog.fetch.Fetched:
    return landcover.fetch(sky.server.url, out, **({"bbox": sky.bbox, "crs": sky.crs} | SUMMER | options))


def on_ground(sky: Sky, path: Path) -> tuple[Pixels, Pixels]:
    """Pixels of a scene where the items are, and of the ground there."""
    with rasterio.open(path) as file:
        west, north = file.transform.c, file.transform.f
        x, y = round((west - sky.corner[0]) / 10), round((sky.corner[1] - north) / 10)
        assert x >= 0
        assert y >= 0
        return file.read(), np.stack([g[:, y : y + file.height, x : x + file.width] for g in sky.ground])


@pytest.mark.parametrize(
    ("dialect", "shift", "told"),
    [
        ("earth-search", 1000, {"earthsearch:boa_offset_applied": False}),
        ("earth-search", 0, {"earthsearch:boa_offset_applied": True}),
        ("earth-search", 0, {"baseline": "03.01"}),
        ("planetary-computer", 1000, {"baseline": "04.00"}),
        ("planetary-computer", 0, {"baseline": "02.12"}),
        ("copernicus", 1000, {"baseline": "05.11"}),
    ],
)
def test_the_offset_is_taken_off_once_in_every_dialect(
    sky: Sky, tmp_path: Path, dialect: str, shift: int, told: dict[str, Any]
) -> None:
    sky.add("one", sky.ground[0] + np.uint16(shift), dialect=dialect, **told)
    done = fetch(sky, tmp_path / "out")
    pixels, (ground, _) = on_ground(sky, done.scenes[0])
    np.testing.assert_array_equal(pixels, ground)
    assert done.warnings == ()


def test_a_scene_is_written_as_documented(sky: Sky, tmp_path: Path) -> None:
    sky.add("one", sky.ground[0], baseline="03.01")
    done = fetch(sky, tmp_path / "out")
    assert [p.name for p in done.scenes] == ["scene_all.tif"]
    assert sorted(p.name for p in done.folder.iterdir()) == ["scene_all.json", "scene_all.tif"]
    with rasterio.open(done.scenes[0]) as file:
        assert file.descriptions == BANDS
        assert (file.dtypes[0], file.nodata, file.crs, file.res) == ("uint16", 0, sky.crs, (10, 10))
        assert file.profile["tiled"]
        assert file.profile["compress"] == "deflate"


def test_utm_of_the_centre_is_the_grid_unless_told(sky: Sky, tmp_path: Path) -> None:
    sky.add("one", sky.ground[0], baseline="03.01")
    done = fetch(sky, tmp_path / "out", crs=None, resolution=20)
    with rasterio.open(done.scenes[0]) as file:
        assert file.crs == sky.crs
        assert file.res == (20, 20)
        assert file.transform.c % 20 == 0


def test_clouds_and_shadows_are_no_data_and_snow_is_kept(sky: Sky, tmp_path: Path) -> None:
    classes = np.resize(np.arange(12, dtype=np.uint8), (120, 160))
    sky.add("one", sky.ground[0], classes=classes, baseline="03.01")
    done = fetch(sky, tmp_path / "out")
    pixels, (ground, _) = on_ground(sky, done.scenes[0])
    with rasterio.open(done.scenes[0]) as file:
        x = round((file.transform.c - sky.corner[0]) / 10)
        y = round((sky.corner[1] - file.transform.f) / 10)
    fine = classes.repeat(2, 0).repeat(2, 1)[y : y + pixels.shape[1], x : x + pixels.shape[2]]
    hidden = np.isin(fine, [0, 1, 3, 8, 9, 10])
    assert (pixels[:, hidden] == 0).all()
    np.testing.assert_array_equal(pixels[:, ~hidden], ground[:, ~hidden])
    record = json.loads(done.scenes[0].with_suffix(".json").read_text())
    assert record["pixels"]["with_data"] == (~hidden).sum() == record["items"][0]["pixels_used"]


def test_the_median_is_of_what_each_item_shows(sky: Sky, tmp_path: Path) -> None:
    third = (sky.ground[0] // 2 + 7).astype(np.uint16)
    clouds = np.full((120, 160), 4, np.uint8)
    clouds[:60] = 9
    sky.add("one", sky.ground[0], baseline="03.01")
    sky.add("two", sky.ground[1] + np.uint16(1000), day="2023-07-04", dialect="planetary-computer")
    sky.add("three", third, day="2023-08-09", classes=clouds, **{"earthsearch:boa_offset_applied": True})
    done = fetch(sky, tmp_path / "out")
    pixels, ground = on_ground(sky, done.scenes[0])
    sky.ground = [*sky.ground, third]
    all_three = on_ground(sky, done.scenes[0])[1].astype(float)
    with rasterio.open(done.scenes[0]) as file:
        y = round((sky.corner[1] - file.transform.f) / 10)
    expected = np.median(all_three, axis=0)
    expected[:, : 120 - y] = np.median(ground.astype(float), axis=0)[:, : 120 - y]
    np.testing.assert_array_equal(pixels, np.rint(expected))
    assert done.items == 3


@pytest.mark.parametrize(
    ("composite", "names"),
    [
        ("median", ["all"]),
        ("year", ["2023", "2024"]),
        ("season", ["2023-autumn", "2023-winter", "2024-winter"]),
        ("month", ["2023-01", "2023-11", "2023-12", "2024-01"]),
        ("date", ["2023-01-05", "2023-11-30", "2023-12-01", "2024-01-01"]),
    ],
)
def test_a_scene_for_each_period(sky: Sky, tmp_path: Path, composite: str, names: list[str]) -> None:
    for number, day in enumerate(("2023-01-05", "2023-11-30", "2023-12-01", "2024-01-01")):
        sky.add(f"item{number}", sky.ground[number % 2], day, baseline="03.01")
    days = {"start": "2023-01-01", "end": "2024-01-01"}
    done = fetch(sky, tmp_path / "out", composite=composite, **days)
    assert sorted(p.stem for p in done.scenes) == [f"scene_{n}" for n in names]


def test_windows_do_not_show(sky: Sky, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sky.add("one", sky.ground[0], baseline="03.01")
    sky.add("two", sky.ground[1], baseline="03.01")
    whole = fetch(sky, tmp_path / "whole")
    monkeypatch.setattr("landcover.catalog.scene.MEMORY", 1)
    monkeypatch.setattr("landcover.catalog.scene.BLOCK", 64)
    parts = fetch(sky, tmp_path / "parts")
    np.testing.assert_array_equal(read_tiff(whole.scenes[0]), read_tiff(parts.scenes[0]))


def test_another_grid_is_close_and_keeps_masked_pixels_out(sky: Sky, tmp_path: Path) -> None:
    flat = np.full((4, 240, 320), 2500, np.uint16)
    sky.add("one", flat)
    done = fetch(sky, tmp_path / "out", crs="EPSG:32632")
    pixels = read_tiff(done.scenes[0])
    assert set(np.unique(pixels)) <= {0, 1500}
    assert (pixels == 1500).mean() > 0.9


def test_dark_water_is_no_hole(sky: Sky, tmp_path: Path) -> None:
    raw = sky.ground[0].copy()
    raw[3, 50:200, 50:200] = 0
    sky.add("one", raw, **{"earthsearch:boa_offset_applied": True})
    sky.add("two", np.full_like(raw, 900), day="2023-07-02")
    record = {}
    for composite in ("date", "median"):
        done = fetch(sky, tmp_path / composite, composite=composite)
        assert (read_tiff(done.scenes[0]) > 0).all()
        record = json.loads(done.scenes[-1].with_suffix(".json").read_text())
    assert record["pixels"]["numbers_clipped"] > 0
    assert any(
        w.startswith("two: 100% of its numbers are below 0 after the offset -1000") for w in done.warnings
    )


def test_the_record_tells_everything(sky: Sky, tmp_path: Path) -> None:
    sky.add("one", sky.ground[0] + np.uint16(1000), cloud=12.5)
    done = fetch(sky, tmp_path / "out")
    record = json.loads(done.scenes[0].with_suffix(".json").read_text())
    assert record["sha256"] == sha256(done.scenes[0])
    assert record["asked"] == {
        "catalog": sky.server.url, "collection": None, "bbox": list(sky.bbox), **SUMMER,
        "cloud": 40, "composite": "median",
    }  # fmt: skip
    (item,) = record["items"]
    assert {k: item[k] for k in ("id", "datetime", "cloud_cover", "baseline")} == {
        "id": "one",
        "datetime": "2023-07-01T10:10:10.500000+00:00",
        "cloud_cover": 12.5,
        "baseline": "05.09",
    }
    assert item["assets"]["B08"] == {
        "key": "nir", "href": f"{sky.server.url}/files/one_B08.tif",
        "scale": 1, "offset": -1000, "reason": "told by the asset",
    }  # fmt: skip
    assert item["assets"]["SCL"]["key"] == "scl"
    assert set(record["versions"]) >= {"odc-stac", "rasterio", "python"}
    assert record["grid"]["crs"] == sky.crs


def test_same_input_same_bytes(sky: Sky, tmp_path: Path) -> None:
    sky.add("one", sky.ground[0])
    sky.add("two", sky.ground[1])
    a, b = fetch(sky, tmp_path / "a"), fetch(sky, tmp_path / "b")
    for name in ("scene_all.tif", "scene_all.json"):
        assert (a.folder / name).read_bytes() == (b.folder / name).read_bytes()


def test_search_keeps_to_area_dates_clouds_and_collection(sky: Sky, tmp_path: Path) -> None:
    for number in range(5):
        sky.add(f"fine{number}", sky.ground[0], f"2023-07-0{number + 1}", baseline="03.01")
    sky.add("cloudy", sky.ground[0], cloud=41)
    sky.add("late", sky.ground[0], "2023-09-01")
    sky.add("other", sky.ground[0])["collection"] = "landsat"
    away = sky.add("away", sky.ground[0])
    away["bbox"] = [n + 5 for n in away["bbox"]]
    for conformance in ([CORE, SEARCH], [CORE, SEARCH, FILTER], sky.server.conformance):
        sky.server.conformance = conformance
        sky.server.bodies.clear()
        done = fetch(sky, tmp_path / "out", collection="sentinel-2-l2a", overwrite=True)
        record = json.loads(done.scenes[0].with_suffix(".json").read_text())
        assert [i["id"] for i in record["items"]] == [f"fine{n}" for n in range(5)]
        searches = [b for b in sky.server.bodies if "bbox" in b]
        assert len(searches) == 3  # pages of two
        assert ("query" in searches[0]) == (QUERY in conformance)
        assert ("filter" in searches[0]) == (FILTER in conformance)


def polygon_file(sky: Sky, path: Path, crs: str = "EPSG:4326", **columns: Any) -> Path:
    import geopandas
    from shapely.geometry import box

    frame = geopandas.GeoDataFrame(columns or {"name": ["here"]}, geometry=[box(*sky.bbox)], crs="EPSG:4326")
    frame.to_crs(crs).to_file(path)
    return path


@pytest.mark.parametrize("file", ["here.geojson", "here.gpkg"])
def test_a_polygon_file_in_any_crs_is_an_area(sky: Sky, tmp_path: Path, file: str) -> None:
    sky.add("one", sky.ground[0], baseline="03.01")
    crs = "EPSG:4326" if file.endswith("json") else "EPSG:3035"
    path = polygon_file(sky, tmp_path / file, crs)
    done = fetch(sky, tmp_path / "out", bbox=None, polygon=path)
    assert done.scenes[0].name == "here_all.tif"
    record = json.loads(done.scenes[0].with_suffix(".json").read_text())
    np.testing.assert_allclose(record["asked"]["bbox"], sky.bbox, atol=2e-3)


def test_a_commune_is_found_by_its_code(sky: Sky, tmp_path: Path) -> None:
    sky.add("one", sky.ground[0], baseline="03.01")
    path = polygon_file(sky, tmp_path / "communes.geojson", code=["01004"], nom=["Ambérieu"])
    done = fetch(sky, tmp_path / "out", bbox=None, communes=path, code="01004")
    assert done.scenes[0].name == "01004_all.tif"


def test_a_real_commune(data: Path) -> None:
    pytest.importorskip("geopandas", reason="needs pip install 'landcover[fetch]'")
    from landcover.catalog.area import area_of

    area = area_of(None, None, data / "france" / "communes-01-ain.geojson", "01004")
    west, south, east, north = area.bbox
    assert 5.3 < west < east < 5.45
    assert 45.9 < south < north < 46.05


def static(sky: Sky, folder: Path) -> Path:
    """A catalogue of files: catalog.json, a collection in time, one elsewhere, relative links."""
    folder.mkdir()
    items = sky.server.items
    for item in items:
        for asset in item["assets"].values():
            asset["href"] = asset["href"].replace(f"{sky.server.url}/files/", "../")
        (folder / f"{item['id']}.json").write_text(json.dumps(item))
    top = {"rel": "root", "href": "catalog.json"}
    children = [{"rel": "child", "href": f"./{n}.json"} for n in ("here", "elsewhere")]
    for name, where, links in (
        ("here", [-180, -90, 180, 90], [{"rel": "item", "href": f"./{i['id']}.json"} for i in items]),
        ("elsewhere", [100, 0, 110, 10], [{"rel": "item", "href": "./missing.json"}]),
    ):
        extent = {"spatial": {"bbox": [where]}, "temporal": {"interval": [["2015-06-23T00:00:00Z", None]]}}
        collection = {"type": "Collection", "id": name, "stac_version": "1.0.0", "extent": extent}
        (folder / f"{name}.json").write_text(json.dumps(collection | {"links": [top, *links]}))
    catalog = {"type": "Catalog", "id": "static", "stac_version": "1.0.0", "description": "files"}
    (folder / "catalog.json").write_text(json.dumps(catalog | {"links": [top, *children]}))
    return folder / "catalog.json"


@pytest.mark.parametrize("web", [False, True])
def test_a_static_catalogue_is_walked(sky: Sky, tmp_path: Path, web: bool) -> None:
    sky.add("one", sky.ground[0] + np.uint16(1000), dialect="planetary-computer")
    sky.add("late", sky.ground[0], day="2024-07-01")
    path = static(sky, sky.files / "static")
    catalog = f"{sky.server.url}/files/static/catalog.json" if web else str(path)
    done = landcover.fetch(catalog, tmp_path / "out", bbox=sky.bbox, crs=sky.crs, **SUMMER)
    pixels, (ground, _) = on_ground(sky, done.scenes[0])
    np.testing.assert_array_equal(pixels, ground)
    assert done.items == 1
    assert bool(sky.server.asked) == web


def test_planetary_computer_is_signed_and_signatures_stay_secret(
    sky: Sky, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Any
) -> None:
    tokens = sky.server.url + "/token/{collection}"
    catalogue = Catalogue(sky.server.url, "sentinel-2-l2a", tokens=tokens, hosts="127.0.0.1")
    monkeypatch.setitem(known.KNOWN, "planetary-computer", catalogue)
    sky.add("one", sky.ground[0] + np.uint16(1000), dialect="planetary-computer")
    done = landcover.fetch("planetary-computer", tmp_path / "out", bbox=sky.bbox, crs=sky.crs, **SUMMER)
    pixels, (ground, _) = on_ground(sky, done.scenes[0])
    np.testing.assert_array_equal(pixels, ground)
    files = [a for a in sky.server.asked if a.startswith("/files/")]
    assert all(a.endswith("?sig=secret-of-sentinel-2-l2a") for a in files)
    assert sum(a.startswith("/token/") for a in sky.server.asked) == 1
    assert "secret" not in done.scenes[0].with_suffix(".json").read_text()
    sky.server.faults["B04.tif"] = [404]
    sky.server.items[0]["assets"]["B04"]["href"] += "?more=secret"
    result = run_fetch(run, sky, tmp_path / "again", catalog="planetary-computer")
    assert is_one_line(result, "one, asset B04", "404")
    assert "secret" not in result.err


def test_copernicus_gets_its_token_and_no_other_host_does(
    sky: Sky, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COPERNICUS_TOKEN", "mine")
    real = known.Access(known.KNOWN["copernicus"], 1)
    assert real.header("https://download.dataspace.copernicus.eu/odata/v1/x") == "Authorization: Bearer mine"
    assert real.header("https://dataspace.copernicus.eu.example.org/x") is None
    monkeypatch.delenv("COPERNICUS_TOKEN")
    with pytest.raises(LandcoverError, match="COPERNICUS_TOKEN"):
        landcover.fetch("copernicus", tmp_path / "out", bbox=sky.bbox, **SUMMER)


def run_fetch(run: Any, sky: Sky, out: Path, *options: Any, catalog: str = "") -> Any:
    days = ("--start", SUMMER["start"], "--end", SUMMER["end"])
    return run("fetch", catalog or sky.server.url, "--out", out, "--bbox", *sky.bbox, *days, *options)


@pytest.mark.parametrize("piece", ["/search", "B04.tif", "SCL.tif"])
@pytest.mark.parametrize("faults", [[500, 500, "ok"], [503, "cut", "cut", "ok"], [429, "ok"]])
def test_passing_trouble_is_got_over(sky: Sky, tmp_path: Path, piece: str, faults: list[Any]) -> None:
    sky.add("one", sky.ground[0], baseline="03.01")
    sky.server.faults[piece] = faults
    done = fetch(sky, tmp_path / "out")
    assert len(faults) == 1  # all of them happened
    pixels, (ground, _) = on_ground(sky, done.scenes[0])
    np.testing.assert_array_equal(pixels, ground)


@pytest.mark.parametrize(
    ("piece", "fault", "words"),
    [
        ("/search", 500, ["/search: can't be read after 4 tries (HTTP response code: 500)"]),
        ("/search", 404, ["/search: can't be read (HTTP response code: 404)"]),
        ("/search", "cut", ["/search: can't be read after 4 tries"]),
        ("/search", "slow", ["/search: can't be read after 4 tries", "timed out"]),
        ("B04.tif", 500, ["two, asset red: can't be read after 4 tries (HTTP response code: 500)"]),
        ("B04.tif", 404, ["two, asset red: can't be read (HTTP response code: 404)"]),
        ("B04.tif", "cut", ["two, asset red: can't be read after 4 tries"]),
        ("B04.tif", "slow", ["two, asset red: can't be read after 4 tries"]),
    ],
)
def test_lasting_trouble_is_one_line_and_leaves_nothing(
    sky: Sky, tmp_path: Path, run: Any, piece: str, fault: Any, words: list[str]
) -> None:
    sky.add("one", sky.ground[0])
    sky.add("two", sky.ground[1])
    sky.server.faults[f"two_{piece}" if piece.endswith("tif") else piece] = [fault]
    result = run_fetch(run, sky, tmp_path / "here" / "out", "--timeout", 0.2)
    assert is_one_line(result, *words)
    assert not (tmp_path / "here").exists()


def cut_off(sky: Sky) -> None:
    path = sky.files / "one_B04.tif"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def vrt(sky: Sky) -> None:
    source = sky.files / "one_B03.tif"
    (sky.files / "one_B04.tif").write_text(
        '<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>'
        f"<SourceFilename>{source}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )


def href(value: str) -> Any:
    return lambda sky: sky.server.items[0]["assets"]["red"].update(href=value)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (cut_off, ["one, asset red: can't be read after 4 tries"]),
        (vrt, ["one, asset red: can't be read after 4 tries", "not recognized"]),
        (href("/etc/hostname"), ["one, asset red: lies at /etc/hostname", "http"]),
        (href("file:///etc/hostname"), ["one, asset red: lies at file:///etc/hostname"]),
        (href("/vsis3/bucket/file.tif"), ["one, asset red: lies at /vsis3"]),
        (lambda sky: sky.server.items[0]["assets"].pop("scl"), ["one: has no SCL"]),
        (lambda sky: sky.server.items[0].update(bbox=[0, 0, 1, 1]), ["has no item in 2023-06-01"]),
        (lambda sky: sky.server.items[0]["properties"].update(datetime="tomorrow"), ["one: is malformed"]),
        (lambda sky: sky.server.items[0].update(assets={}), ["one: has no B02"]),
        (lambda sky: sky.server.items[0]["assets"].update(red={"eo:bands": 3}), ["one: is malformed"]),
    ],
)
def test_bad_items_are_one_line(sky: Sky, tmp_path: Path, run: Any, spoil: Any, words: list[str]) -> None:
    sky.add("one", sky.ground[0], baseline="03.01")
    spoil(sky)
    assert is_one_line(run_fetch(run, sky, tmp_path / "out"), *words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--composite", "week"], ["--composite: is week", "season"]),
        (["--cloud", 101], ["--cloud"]),
        (["--timeout", 0], ["--timeout"]),
        (["--resolution", 0], ["--resolution"]),
        (["--resolution", 0.001], ["the area: is "]),
        (["--crs", "EPSG:99"], ["--crs"]),
        (["--start", "June"], ["--start"]),
        (["--start", "2023-12-01"], ["--end"]),
        (["--polygon", "here.geojson"], ["--bbox and --polygon"]),
        (["--code", "01004"], ["--communes with --code"]),
        (["--bbox", 300_000, 5_000_000, 310_000, 5_010_000], ["degrees"]),
    ],
)
def test_wrong_options_are_one_line(
    sky: Sky, tmp_path: Path, run: Any, options: list[Any], words: list[str]
) -> None:
    assert is_one_line(run_fetch(run, sky, tmp_path / "out", *options), *words)
    assert sky.server.asked == []


def test_wrong_catalogues_are_one_line(sky: Sky, tmp_path: Path, run: Any) -> None:
    (tmp_path / "page.json").write_text("<html>")
    (tmp_path / "list.json").write_text("[]")
    for catalog, word in (
        ("earthsearch", "earth-search, planetary-computer, copernicus"),
        ("s3://bucket/catalog.json", "http"),
        (str(tmp_path / "page.json"), "can't be read"),
        (str(tmp_path / "list.json"), "is no STAC document"),
        (sky.server.url + "/nothing", "404"),
        (sky.server.url.replace("127.0.0.1", "127.0.0.1.nowhere.invalid"), "can't be read"),
    ):
        assert is_one_line(run_fetch(run, sky, tmp_path / "out", catalog=catalog), word)


def test_the_command_tells_where_the_scenes_are(sky: Sky, tmp_path: Path, run: Any) -> None:
    sky.add("one", sky.ground[0], classes=np.full((120, 160), 9, np.uint8))
    result = run_fetch(run, sky, tmp_path / "out")
    assert result.code == 0, result
    assert result.out.startswith(f"1 scenes of 1 items in {tmp_path / 'out'}")
    assert result.err.startswith("warning: scene_all.tif: no pixel is free of clouds")
    again = run_fetch(run, sky, tmp_path / "out")
    assert is_one_line(again, "already holds files", "--overwrite")


def test_without_the_extra_it_says_what_to_install(
    sky: Sky, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from landcover.catalog import fetch as module

    monkeypatch.setattr(module, "NEEDED", ("pystac_client", "not_there"))
    assert is_one_line(run_fetch(run, sky, tmp_path / "out"), "not_there", "landcover[fetch]")
