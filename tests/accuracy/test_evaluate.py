import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import Run, edit_csv, is_one_line, read_tiff, truncate, write_tiff

import landcover
from landcover.accuracy import compare
from landcover.chips.tables import read_shares, write_shares
from landcover.errors import LandcoverError
from landcover.imagery.write import write_map
from landcover.legend import S2GLC

Command = Callable[..., Run]
CONFUSION = {"confusion.csv", "confusion_blocks.csv"}
FILES = {"evaluation.json", "classes.csv", "images.csv", "report.html", *CONFUSION}


@pytest.fixture
def predictions(small_chips: Path, tmp_path: Path) -> Path:
    """A prediction folder for 20 of the 27 small chips: masks with errors, and probabilities of 0.9 or so."""
    return fake(small_chips, tmp_path / "predictions", 20)


def fake(chips: Path, out: Path, most: int, wrong: float = 0.1) -> Path:
    rng = np.random.default_rng(0)
    codes = np.array(S2GLC.label_codes, np.uint8)
    (out / "maps").mkdir(parents=True)
    shares = {}
    for file in sorted((chips / "masks").iterdir())[:most]:
        mask = read_tiff(file)[0]
        mapped = np.where(
            rng.random(mask.shape) < wrong, rng.choice(codes[:3], mask.shape), np.maximum(mask, 2)
        )
        write_map(out / "maps" / file.name, mapped.astype(np.uint8), S2GLC)
        layers = np.where(mapped == codes[:, None, None], 222, 4).astype(np.uint8)  # 222 + 7 × 4 = 250
        write_tiff(out / "probabilities" / file.name, layers, S2GLC.label_names, nodata=255)
        shares[file.stem] = np.r_[0, 0, layers.mean(axis=(1, 2)) / 250]
    table = pd.DataFrame.from_dict(shares, orient="index", columns=list(S2GLC.names))
    write_shares(out / "distributions.csv", table)
    (out / "predict.json").write_text("{}")
    return out


def test_a_prediction_folder_is_evaluated(small_chips: Path, predictions: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    edit_csv(small_chips / "splits.csv", lambda t: t.assign(y0=t["y0"] * 16, x0=t["x0"] * 16))  # many blocks
    result = landcover.evaluate(predictions, small_chips, out)
    assert {p.name for p in out.iterdir()} == FILES
    assert "spatial blocks" in result.score.resampled
    assert result.report == out / "report.html"
    assert (len(result.images), result.inputs.reference_size) == (20, 27)

    names = sorted(p.name for p in (predictions / "maps").iterdir())
    mask, mapped = (
        np.stack([read_tiff(d / n)[0] for n in names]) for d in (small_chips / "masks", predictions / "maps")
    )
    labelled = mask >= 2
    assert result.overall_accuracy == pytest.approx((mask == mapped)[labelled].mean())
    assert result.low < result.overall_accuracy < result.high
    assert result.confusion is not None
    assert result.confusion.to_numpy().sum() == labelled.sum()
    blocks = pd.read_csv(out / "confusion_blocks.csv")
    assert blocks["block"].nunique() > 2
    by_class = blocks.pivot_table("pixels", "reference", "map", "sum", fill_value=0)
    assert by_class.loc["water", "artificial"] == result.confusion.loc["water", "artificial"]
    assert blocks["pixels"].sum() == labelled.sum()
    assert result.confusion.loc["water", "artificial"] == ((mask == 9) & (mapped == 2)).sum()
    # Every pixel states 222 / 250 and is as often right as the map.
    assert result.ece == pytest.approx(abs(result.overall_accuracy - 222 / 250), abs=1e-6)

    report = (out / "report.html").read_text()
    for words in (
        f"{result.score.kl:.4f}",
        "20 of 27",
        "known mask",
        "predicted mask",
        "Oracle constant",
        "0.0593",
    ):
        assert words in report
    table = pd.read_csv(out / "confusion.csv", index_col="reference")
    np.testing.assert_array_equal(table.to_numpy(), result.confusion.to_numpy())
    assert list(table.columns) == [f"map_{n}" for n in S2GLC.label_names]
    classes = pd.read_csv(out / "classes.csv")
    assert classes["kl"].sum() == pytest.approx(result.score.kl)
    assert classes.loc[classes["name"] == "snow", ["iou", "f1"]].isna().all(axis=None)
    images = pd.read_csv(out / "images.csv", dtype={"sample_id": str})
    assert images["kl"].mean() == pytest.approx(result.score.kl)
    assert np.average(images["overall_accuracy"], weights=images["valid_px"]) == pytest.approx(
        result.overall_accuracy
    )
    summary = json.loads((out / "evaluation.json").read_text())
    assert summary["kl"]["value"] == result.score.kl
    assert summary["inputs"]["sha256"][str(predictions / "distributions.csv")]


def test_the_score_is_that_of_the_command_score(small_chips: Path, predictions: Path, tmp_path: Path) -> None:
    ids = sorted(p.stem for p in (predictions / "maps").iterdir())
    edit_csv(small_chips / "train_labels.csv", lambda t: t[t["sample_id"].isin(ids)])
    score = landcover.score(
        predictions / "distributions.csv", small_chips / "train_labels.csv", places=small_chips / "splits.csv"
    )
    result = landcover.evaluate(predictions, small_chips, tmp_path / "out")
    assert result.score.kl == pytest.approx(score.kl)
    assert (result.score.low, result.score.high) == pytest.approx((score.low, score.high))
    assert result.score.resampled == score.resampled


def test_a_perfect_map_is_perfect(small_chips: Path, tmp_path: Path) -> None:
    result = landcover.evaluate(small_chips / "masks", small_chips, tmp_path / "out")
    assert result.score.kl == pytest.approx(0, abs=1e-9)
    assert (result.overall_accuracy, result.mean_iou, result.mean_f1) == (1, 1, 1)
    assert result.reliability is None
    assert "no distributions.csv" in result.report.read_text()


def test_the_oracle_constant_lies_between_the_prediction_and_uniform(
    small_chips: Path, predictions: Path, tmp_path: Path
) -> None:
    table = landcover.evaluate(predictions, small_chips, tmp_path / "out").yardsticks
    same = table[table["images"] == "these images"].set_index("name")["kl"]
    assert same["This prediction"] < same["Oracle constant"] < same["Uniform"]


def test_large_images_are_read_in_windows(
    small_chips: Path, predictions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = landcover.evaluate(predictions, small_chips, tmp_path / "whole")
    monkeypatch.setattr(compare, "WINDOW_PX", 1000)  # 15 of the 64 rows
    parts = landcover.evaluate(predictions, small_chips, tmp_path / "parts")
    pd.testing.assert_frame_equal(parts.classes, whole.classes)
    assert parts.ece == pytest.approx(whole.ece)


@pytest.mark.parametrize("formula", ["official", "plain"])
def test_shares_alone_are_scored_and_the_rest_is_said_to_be_absent(
    small_chips: Path, predictions: Path, tmp_path: Path, formula: str
) -> None:
    csv, labels = predictions / "distributions.csv", small_chips / "train_labels.csv"
    out = tmp_path / "out"
    result = landcover.evaluate(csv, labels, out, formula=formula)  # type: ignore[arg-type]
    assert {p.name for p in out.iterdir()} == FILES - CONFUSION
    assert result.confusion is None
    assert np.isnan(result.overall_accuracy)
    assert "There are no maps and no masks" in result.report.read_text()
    assert result.classes["iou"].isna().all()
    assert result.classes["kl"].sum() == pytest.approx(result.score.kl)
    assert list(result.classes["name"]) == list(S2GLC.label_names if formula == "official" else S2GLC.names)


def test_either_side_may_be_a_csv(small_chips: Path, predictions: Path, tmp_path: Path) -> None:
    """Shares counted from maps or masks are those that a CSV of them would give."""
    csv, labels = predictions / "distributions.csv", small_chips / "train_labels.csv"
    kls = [
        landcover.evaluate(p, r, tmp_path / f"out{k}").score.kl
        for k, (p, r) in enumerate(
            [(predictions, small_chips), (csv, small_chips), (predictions, labels), (csv, labels)]
        )
    ]
    assert kls == pytest.approx(kls[:1] * 4)


def test_one_map_is_compared_with_one_mask_of_another_name(
    small_chips: Path, predictions: Path, tmp_path: Path
) -> None:
    file = sorted((predictions / "maps").iterdir())[0]
    mask = shutil.copy(small_chips / "masks" / file.name, tmp_path / "truth.tif")
    result = landcover.evaluate(file, Path(mask), tmp_path / "out")
    assert len(result.images) == 1
    assert np.isnan(result.low)
    assert "no interval" in result.report.read_text()
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text())["overall_accuracy"]["low"] is None


def test_images_without_label_are_left_out_and_named(
    small_chips: Path, predictions: Path, tmp_path: Path
) -> None:
    empty = sorted((predictions / "maps").iterdir())[3]
    write_tiff(small_chips / "masks" / empty.name, np.zeros((64, 64), np.uint8))
    result = landcover.evaluate(predictions, small_chips, tmp_path / "out")
    assert result.left_out == [empty.stem]
    assert len(result.images) == 19
    assert f"(1): {empty.stem}." in result.report.read_text()


def test_pixels_without_class_in_the_map_are_counted_apart(
    small_chips: Path, predictions: Path, tmp_path: Path
) -> None:
    file = sorted((predictions / "maps").iterdir())[0]
    codes = read_tiff(file)[0]
    codes[:8] = 0
    write_map(file, codes, S2GLC)
    result = landcover.evaluate(predictions, small_chips, tmp_path / "out")
    assert result.unmapped_px == 8 * 64
    assert "Beware: 512 labelled pixels" in result.report.read_text()


def test_another_legend_is_taken_from_the_reference(tmp_path: Path) -> None:
    (tmp_path / "ref").mkdir()
    (tmp_path / "ref" / "legend.toml").write_text(
        'name = "two"\n'
        '[[classes]]\ncode = 1\nname = "land"\ncolour = "#a0a000"\n'
        '[[classes]]\ncode = 7\nname = "sea"\ncolour = "#0000ff"\n'
    )
    mask = np.full((10, 10), 1, np.uint8)
    mask[:, 6:] = 7
    write_tiff(tmp_path / "ref" / "a.tif", mask, nodata=255)
    mask[:, 5:] = 7
    mask[0] = 255  # in a legend without a no-data class
    write_tiff(tmp_path / "maps" / "a.tif", mask, nodata=255)
    result = landcover.evaluate(tmp_path / "maps", tmp_path / "ref", tmp_path / "out")
    assert result.confusion is not None
    assert result.confusion.to_numpy().tolist() == [[45, 9], [0, 36]]
    assert result.unmapped_px == 10
    assert "0.0593" not in result.report.read_text()  # published for another legend


def test_a_second_evaluation_needs_overwrite_and_gives_the_same_bytes(
    small_chips: Path, predictions: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    landcover.evaluate(predictions, small_chips, out)
    first = {p.name: p.read_bytes() for p in out.iterdir()}
    with pytest.raises(LandcoverError, match="already holds files"):
        landcover.evaluate(predictions, small_chips, out)
    landcover.evaluate(predictions, small_chips, out, overwrite=True)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == first


def test_the_command_prints_the_figures_and_where_the_report_is(
    small_chips: Path, predictions: Path, tmp_path: Path, run: Command
) -> None:
    result = run("evaluate", predictions, "--reference", small_chips, "--out", tmp_path / "out")
    assert result.code == 0
    assert result.err == ""
    assert "20 of 27" in result.out
    assert result.out.splitlines()[-1].endswith(str(tmp_path / "out" / "report.html"))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("predictions missing", "is not there"),
        ("predictions empty", "holds neither maps nor distributions.csv"),
        ("reference missing", "is not there"),
        ("reference empty", "holds no mask"),
        ("unknown id", "holds zz, which"),
        ("map without shares", "has a map of zz and no shares"),
        ("shares without map", "has no map of"),
        ("size", "is 10 × 10 px"),
        ("size of probabilities", "is 9 × 9 px"),
        ("elsewhere", "lies elsewhere than"),
        ("code", "codes outside the legend: 77"),
        ("truncated", "can't be read"),
        ("png", "can't be read"),
        ("three bands", "has 3 bands"),
        ("negative share", "negative share"),
        ("missing column", "no column water"),
        ("one mask for many", "is one mask"),
        ("nothing labelled", "has no label in any predicted image"),
        ("formula", "is 'odd'"),
    ],
)
def test_each_mistake_is_one_line_and_nothing_is_written(
    small_chips: Path, predictions: Path, tmp_path: Path, run: Command, fault: str, words: str
) -> None:
    reference, extra = small_chips, []
    maps, csv = sorted((predictions / "maps").iterdir()), predictions / "distributions.csv"
    place = dict(crs="EPSG:32631", nodata=0)
    match fault:
        case "predictions missing":
            predictions = tmp_path / "nowhere"
        case "predictions empty":
            (predictions := tmp_path / "empty").mkdir()
        case "reference missing":
            reference = tmp_path / "nowhere"
        case "reference empty":
            (reference := tmp_path / "empty").mkdir()
        case "unknown id":
            csv.unlink()
            maps[0].rename(maps[0].with_name("zz.tif"))
        case "map without shares":
            shutil.copy(maps[0], maps[0].with_name("zz.tif"))
        case "shares without map":
            maps[0].unlink()
        case "size":
            write_tiff(maps[0], np.full((10, 10), 2, np.uint8))
        case "size of probabilities":
            write_tiff(predictions / "probabilities" / maps[0].name, np.zeros((8, 9, 9), np.uint8))
        case "elsewhere":
            mask = np.full((10, 10), 2, np.uint8)
            predictions = write_tiff(tmp_path / "map.tif", mask, transform=(10, 0, 500, 0, -10, 900), **place)
            reference = write_tiff(tmp_path / "mask.tif", mask, transform=(10, 0, 510, 0, -10, 900), **place)
        case "code":
            write_tiff(maps[0], np.full((64, 64), 77, np.uint8))
        case "truncated":
            truncate(write_tiff(maps[0], np.full((64, 64), 2, np.uint8)))
        case "png":
            maps[0].write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
        case "three bands":
            write_tiff(maps[0], np.full((3, 64, 64), 2, np.uint8))
        case "negative share":
            edit_csv(csv, lambda t: t.assign(water=-0.1))
        case "missing column":
            edit_csv(csv, lambda t: t.drop(columns="water"))
        case "one mask for many":
            reference = reference / "masks" / maps[0].name
        case "nothing labelled":
            for file in (reference / "masks").iterdir():
                write_tiff(file, np.zeros((64, 64), np.uint8))
        case "formula":
            extra = ["--formula", "odd"]
    before = sorted(tmp_path.rglob("*"))
    result = run("evaluate", predictions, "--reference", reference, "--out", tmp_path / "out", *extra)
    assert is_one_line(result, words)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_image_that_cannot_be_shown_does_not_stop_the_evaluation(
    small_chips: Path, predictions: Path, tmp_path: Path
) -> None:
    for file in (small_chips / "images").iterdir():
        write_tiff(file, np.ones((7, 64, 64), np.uint16))
    report = landcover.evaluate(predictions, small_chips, tmp_path / "out").report.read_text()
    assert "There is no picture of the image" in report
    assert "has 7 bands" in report


def test_real_chips_smoothed_as_a_map(chips_west: Path, tmp_path: Path) -> None:
    """A fake prediction from real masks; the shares of the true CSV are those counted from the masks."""
    folder = fake(chips_west, tmp_path / "predictions", 12, wrong=0.2)
    result = landcover.evaluate(folder, chips_west, tmp_path / "out")
    assert len(result.images) == 12
    assert 0.8 < result.overall_accuracy < 0.9
    true = read_shares(chips_west / "train_labels.csv").loc[result.true.index, list(S2GLC.label_names)]
    true = true.div(true.sum(axis=1), axis=0)
    np.testing.assert_allclose(result.true.to_numpy(), true.to_numpy(), atol=1e-6)
    assert result.report.read_text().count("Known mask of") == 6
