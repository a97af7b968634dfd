"""Fill the tables of MODELS.md and docs/ from results/*.json: python benchmarks/tables.py

A table stands between `<!-- table NAME -->` and `<!-- end -->`; what is between is replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("MODELS.md", "docs/results.md", "docs/performance.md", "docs/cluster.md", "docs/statistics.md")
TERRITORIES = {"France (metropolitan)": 551_500, "Europe (39 countries of the EEA)": 5_850_000}  # km²
EURO_AN_HOUR = 0.10  # of a machine of two cores, 4 GB: an assumption
NETWORKS = {"box": "box", "unet31": "31 M U-Net"}
DECODERS = ("counts", "mean", "calibrated")
PARTS = ("val", "test", "elsewhere")


def read(name: str) -> Any:
    """A result file."""
    return json.loads((ROOT / "results" / f"{name}.json").read_text(encoding="utf-8"))


def interval(d: dict[str, float], sign: str = "") -> str:
    """A figure with its interval."""
    value = d.get("kl", d.get("mean", 0.0))
    return f"{value:{sign}.4f} ({d['low']:{sign}.4f} to {d['high']:{sign}.4f})"


def rows(header: list[str], body: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def box_scores() -> str:
    """KL of the box by part and decoder."""
    found = read("box")
    scores = found["models"][0]["scores"]
    body = [
        [part, *(interval(scores[part][d]) for d in DECODERS), scores[part]["mean"]["resampled"]]
        for part in PARTS
    ]
    return rows(["part", *DECODERS, "drawn"], body) + f"\n\nScored at commit {found['commit']}."


def box_differences() -> str:
    """Paired differences of the other decoders to the box's own."""
    scores = read("box")["models"][0]["scores"]
    own = scores["test"]["decoder"]
    others = [d for d in DECODERS if d != own]
    body = [[p, *(interval(scores[p][f"{d} − {own}"], "+") for d in others)] for p in PARTS]
    return rows(["part", *(f"{d} − {own}" for d in others)], body)


def box_accuracy() -> str:
    """Accuracy of the box's maps by part."""
    scores = read("box")["models"][0]["scores"]
    body = []
    for part in PARTS:
        accuracy, low, high = scores[part]["overall_accuracy"]
        measures = [f"{scores[part][k]:.3f}" for k in ("mean_iou", "ece")]
        body.append([part, f"{accuracy:.3f} ({low:.3f} to {high:.3f})", *measures])
    return rows(["part", "overall accuracy", "mean IoU", "calibration error"], body)


def box_classes() -> str:
    """What each class adds to the KL, by part."""
    scores = read("box")["models"][0]["scores"]
    own = scores["test"]["decoder"]
    names = list(scores["test"][own]["per_class"])
    body = [[n, *(f"{scores[p][own]['per_class'][n]:.4f}" for p in PARTS)] for n in names]
    return rows(["class", *PARTS], body)


def box_seeds() -> str:
    """The box's recipes with three seeds; minutes are those of both steps."""
    body = []
    models = read("box")["models"]
    for model in models:
        run, scores = model["run"], model["scores"]
        body.append(
            [
                str(model["recipe"]["seed"]),
                *(f"{scores[p][scores[p]['decoder']]['kl']:.4f}" for p in PARTS),
                f"{scores['test']['overall_accuracy'][0]:.3f}",
                f"{(run['start']['run']['wall_time_s'] + run['wall_time_s']) / 60:.1f}",
                str(run["commit"])[:12],
            ]
        )
    middle = [median(m["scores"][p][m["scores"][p]["decoder"]]["kl"] for m in models) for p in PARTS]
    body.append(["median", *(f"{v:.4f}" for v in middle), "", "", ""])
    header = ["seed", *(f"KL {p}" for p in PARTS), "accuracy test", "minutes of training", "commit"]
    return rows(header, body)


def finetune() -> str:
    """Ten labelled chips of a new place."""
    found = read("finetune")
    body = [[k, interval(v), f"{v['overall_accuracy']:.3f}"] for k, v in found["scores"].items()]
    n = len(found["scored"])
    table = rows([f"{len(found['labelled'])} chips", f"KL on {n} others", "overall accuracy"], body)
    return table + f"\n\nMeasured at commit {found['commit']}."


def precision() -> str:
    """bf16 against float32."""
    found = read("precision")
    same = found["two_runs_identical"]
    body = [
        ["largest difference of any share, bf16 and float32", f"{found['largest_share_difference']:.5f}"],
        *([f"CSV and maps of two runs identical, {p}", "yes" if ok else "no"] for p, ok in same.items()),
    ]
    return rows([f"{found['chips']} test chips", ""], body) + f"\n\nMeasured at commit {found['commit']}."


def scene() -> str:
    """Whole scenes: speed and memory of every way."""
    found, body = read("scene"), []
    for run, ways in found["runs"].items():
        network, side = run.split(":")
        for way, figures in ways.items():
            if "failed" in figures:
                body.append([NETWORKS[network], side, way, "failed", *[""] * 6])
                continue
            alone = ways.get(way.replace("landcover", "engine alone"), figures)["seconds"]
            agreement, difference = figures.get("agreement"), figures.get("share_difference")
            if network == "unet31":  # its weights are random
                agreement = difference = None
            body.append(
                [
                    NETWORKS[network],
                    side,
                    way,
                    f"{figures['seconds']:.1f}",
                    f"{figures['mpx_per_second']:.2f}",
                    f"{alone / figures['seconds']:.2f}" if way.startswith("landcover") else "",
                    f"{figures['cpu_seconds']:.0f}",
                    f"{figures['peak_mib']:,.0f}",
                    "" if agreement is None else f"{agreement:.2%}",
                    "" if difference is None else f"{difference:.4f}",
                ]
            )
    header = [
        "network", "side, px", "way", "seconds", "Mpx/s", "of the engine's speed", "processor, s",
        "peak, MiB", "same pixels", "share off by",
    ]  # fmt: skip
    machine, large, best = found["machine"], found["runs"]["box:10980"]["engine alone bf16"], read("peak")
    peaks = ", ".join(
        f"{found['runs'][run]['engine alone bf16']['tera_operations_per_second'] / best['bf16_peak']:.0%} "
        f"({NETWORKS[run.split(':')[0]]})"
        for run in ("box:10980", "unet31:10980")
    )
    return (
        rows(header, body)
        + f"\n\nOverlap costs {large['overlap_cost']:.1%} of the largest scene. Of the processor's bf16 "
        + f"matrix peak, {best['bf16_peak']:.1f} · 10¹² operations a second (benchmarks/peak.py, at "
        + f"{best['commit']}), the engine alone reaches {peaks}. "
        + f"Measured at commit {found['commit']} on {machine['processor']}, {machine['cores']} cores."
    )


def costs() -> str:
    """What a map of a territory costs at the measured speed."""
    speed = read("scene")["runs"]["box:10980"]["landcover bf16"]["mpx_per_second"]
    body = []
    for name, area in TERRITORIES.items():
        hours = area * 1e4 / (speed * 1e6) / 3600
        for times, often in ((1, "yearly"), (12, "monthly")):
            euro = hours * times * EURO_AN_HOUR
            body.append([name, often, f"{area * times / 100:,.0f}", f"{hours * times:.1f}", f"{euro:.2f} €"])
    header = ["territory at 10 m", "maps", "Mpx a year", "hours of one machine a year", "a year"]
    return rows(header, body) + (
        f"\n\nAt {speed:.1f} Mpx/s, with two cores at {EURO_AN_HOUR:.2f} € an hour; finding, downloading and "
        "storing the images, which costs more, is not in it."
    )


def change_trials() -> str:
    """Joint intervals of net change where nothing, or something known, changed."""
    found, body = read("change"), []
    places = {"ain": "Ain", "": "south and north"}
    for injected in (False, True):
        for begin, place in places.items():
            chosen = [
                t for t in found["trials"]
                if t["injected"] == injected and t["pair"].startswith("ain") == (begin == "ain")
            ]  # fmt: skip
            if not chosen:
                continue
            widths = [median((c["high_ha"] - c["low_ha"]) / 2 for c in t["classes"].values()) for t in chosen]
            farthest = max(
                abs(c["net_ha"] - c["true_ha"]) * 2 / (c["high_ha"] - c["low_ha"])
                for t in chosen
                for c in t["classes"].values()
            )
            body.append(
                [
                    "injected" if injected else "none",
                    place,
                    str(len(chosen)),
                    f"{sum(t['covered'] for t in chosen) / len(chosen):.1%}",
                    f"{median(t['differing_share'] for t in chosen):.1%}",
                    f"{median(t['counted_share'] for t in chosen):.1%}",
                    f"{median(t['same_error'] for t in chosen):.2f}",
                    f"{median(widths):.0f}",
                    f"{farthest:.2f}",
                ]
            )
    p = found["perturbation"]
    header = [
        "change", "place", "trials", "all intervals hold", "pixels that differ", "counted after filters", "ρ",
        "half-width, ha", "farthest from the truth, half-widths",
    ]  # fmt: skip
    return rows(header, body) + (
        f"\n\nStandard deviations: gain {p['gain']:.0%}, offset {p['offset_dn']:.0f} DN, noise "
        f"{p['noise_dn']:.0f} DN. Injected squares are {found['injected_px']} px wide. The columns from "
        "“pixels that differ” to the half-width are medians over trials, the half-width of the median class. "
        f"Measured at commit {found['commit']}."
    )


def change_boadella() -> str:
    """Water of the reservoir, hectares, maps against polygons."""
    found = read("change")["boadella"]
    dates = ("13 January", "28 January (polygons: 2 February)")
    body = [
        [
            date,
            *(
                f"{found[k][i][box]:.1f}"
                for box in ("image", "box")
                for k in ("polygons", "map", "missed", "beyond")
            ),
        ]
        for i, date in enumerate(dates)
    ]
    gain = [
        f"{found[k][1][box] - found[k][0][box]:+.1f}" if k in ("polygons", "map") else ""
        for box in ("image", "box") for k in ("polygons", "map", "missed", "beyond")
    ]  # fmt: skip
    header = [
        "",
        *(f"{k}, {box}" for box in ("image", "box") for k in ("polygons", "map", "missed", "beyond")),
    ]
    return rows(header, [*body, ["net gain", *gain]]) + (
        f"\n\nOf the map's gain, {found['gained_counted']['image']:.1f} ha count as change to water in the "
        f"image and {found['gained_counted']['box']:.1f} ha in the box (patches from 0.5 ha)."
    )


def change_inn() -> str:
    """What differs between two dates of the Inn."""
    found = read("change")["inn"]
    named = {k: v for k, v in found["classes"].items() if v["area_a_ha"] + v["area_b_ha"] > 0}
    body = [[k, *(f"{v[c]:,.1f}" for c in ("area_a_ha", "area_b_ha", "net_ha"))] for k, v in named.items()]
    return rows(["class", "date 1, ha", "date 2, ha", "net change that counts, ha"], body) + (
        f"\n\nOf {found['compared_ha']:,.0f} ha, {found['differing_ha'] / found['compared_ha']:.1%} differ "
        f"and {found['counted_ha'] / found['compared_ha']:.1%} count as change (patches from 0.5 ha)."
    )


TABLES: dict[str, Callable[[], str]] = {
    f.__name__: f
    for f in (
        box_scores,
        box_differences,
        box_accuracy,
        box_classes,
        box_seeds,
        finetune,
        precision,
        scene,
        costs,
        change_trials,
        change_boadella,
        change_inn,
    )
}


def filled(page: str) -> str:
    """A page with its tables made anew."""

    def table(match: re.Match[str]) -> str:
        return f"<!-- table {match[1]} -->\n{TABLES[match[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- table (\w+) -->.*?<!-- end -->", table, page, flags=re.S)


if __name__ == "__main__":
    for name in PAGES:
        path = ROOT / name
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
