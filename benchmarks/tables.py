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


def perturbations() -> str:
    """The score on images unlike those of training."""
    found = read("perturbations")
    body = [[t, interval(f), f"{f['images_warned_of']} of {found['images']}"] for t, f in found["kl"].items()]
    return rows(["change", "KL", "warned of"], body) + (
        f"\n\nMean over the changes {found['mean']:.4f}, {found['times_clean']:.1f} times the KL without. "
        f"Measured at commit {found['commit']}."
    )


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


def overhead() -> str:
    """Processor time of predict beside the engine."""
    found, body = read("overhead"), []
    for side, ways in found["sides"].items():
        for way, commit in found["commits"].items():
            figures = ways[way]
            body.append(
                [
                    side,
                    f"{way} ({commit})",
                    f"{figures['processor_s'] - ways['engine']['processor_s']:.1f}",
                    f"{figures['tail_s']:.1f}",
                    f"{figures['tail_in_one_thread_s']:.1f}",
                    f"{figures['peak_mib']:,.0f}",
                ]
            )
    header = ["side, px", "", "beside the engine, s", "tail, s", "of it in one thread, s", "peak, MiB"]
    machine = found["machine"]
    return rows(header, body) + (
        f"\n\nProcessor seconds, medians of {found['rounds']} runs, in float32 on {machine['processor']}, "
        f"{machine['cores']} cores."
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


def sample_balance() -> str:
    """Standard errors of shares of classes from simple and from balanced samples."""
    found = read("sample")
    gain = found["gain"]
    simple, balanced = gain["simple"], gain["balanced"]
    body = [
        [
            name,
            f"{share:.4f}",
            f"{simple['standard_error'][k]:.4f}",
            f"{balanced['standard_error'][k]:.4f}",
            f"{(balanced['standard_error'][k] / simple['standard_error'][k]) ** 2:.2f}",
            f"{simple['bias_in_standard_errors'][k]:+.1f} / {balanced['bias_in_standard_errors'][k]:+.1f}",
        ]
        for k, (name, share) in enumerate(gain["truth"].items())
    ]
    header = ["class", "true share", "error, simple", "error, balanced", "ratio of variances", "bias"]
    return (
        rows(header, body)
        + f"\n\n{gain['draws']} samples of {gain['points']} points each from {gain['scene']}, whose mask "
        "is the truth; strata are the map of the model in the box. Bias of the mean of all samples, simple "
        f"and balanced, in its standard errors. Commit {found['commit']}."
    )


def sample_cost() -> str:
    """What a draw takes from maps of two sizes."""
    found = read("sample")
    body = [
        [f"{c['side']:,} × {c['side']:,}", f"{c['processor_seconds']:.0f} s", f"{c['peak_mib']} MiB"]
        for c in found["cost"]
    ]
    return rows(["map, px", "processor time", "peak memory"], body) + (
        f"\n\n1,000 balanced points, the whole command, on {found['machine']}. Commit {found['commit']}."
    )


def sample_proposals() -> str:
    """How wrong the map is in chips that are proposed."""
    found = read("sample")
    p = found["proposals"]
    body = [
        [f"all {p['candidates']}", f"{p['wrong_of_all']:.3f}"],
        [f"the first {p['first']} that are proposed", f"{p['wrong_of_first']:.3f}"],
    ]
    return rows([f"chips of {p['size']} px", "share of wrong pixels"], body) + (
        f"\n\nRank correlation with the share of wrong pixels: of uncertainty "
        f"{p['rank_correlation_of_uncertainty']:.2f}, of novelty {p['rank_correlation_of_novelty']:.2f}. "
        f"Commit {found['commit']}."
    )


FIGURES = ("area", "users", "producers")


def _coverage(row: dict[str, Any], least: float, key: str = "coverage") -> str:
    """A coverage in percent, in brackets when few points are expected."""
    shown = f"{row[key]:.1%}"
    return shown if round(row["expected_points"]) >= least else f"({shown})"


def areas() -> str:
    """Coverage of intervals and bias, for the whole, by design."""
    found, body = read("areas"), list[list[str]]()
    for design, result in found["designs"].items():
        for area, users, producers in zip(*(result["figures"][f] for f in FIGURES), strict=True):
            body.append(
                [
                    f"{design} ({sum(result['points']):,})",
                    area["class"],
                    f"{users['expected_points']:.0f}, {area['expected_points']:.0f}",
                    f"{area['bias_in_standard_errors']:+.1f}",
                    _coverage(area, 30),
                    _coverage(area, 30, "coverage_normal"),
                    f"{users['bias_in_standard_errors']:+.1f}",
                    _coverage(users, 30),
                    _coverage(users, 30, "coverage_normal"),
                    f"{producers['bias_in_standard_errors']:+.1f}",
                    _coverage(producers, 30),
                    _coverage(producers, 30, "coverage_normal"),
                ]
            )
    header = [
        "strata (points)", "class", "points expected, map and reference", "area: bias", "in the interval",
        "± 1.96 s.e.", "user's: bias", "in the interval", "± 1.96 s.e.", "producer's: bias",
        "in the interval", "± 1.96 s.e.",
    ]  # fmt: skip
    counted = [
        (f"{row['class']}, {figure} ({name}) {_coverage(row, 0)}", row["coverage"])
        for name, design in found["designs"].items()
        for figure in FIGURES
        for row in design["figures"][figure]
        if round(row["expected_points"]) >= 30
    ]
    outside = [text for text, coverage in counted if not 0.94 <= coverage <= 0.96]
    overall = "; ".join(
        f"{name} {_coverage(design['figures']['overall'][0], 0)}" for name, design in found["designs"].items()
    )
    return rows(header, body) + (
        f"\n\nThe truth is in the interval of the overall accuracy: {overall}. Of the {len(counted)} figures "
        f"of classes with 30 expected points or more, {len(counted) - len(outside)} have a coverage of 94 to "
        f"96%; not so: {'; '.join(outside)}.\n\n"
        f"{found['samples']:,} samples of each design (seed {found['seed']}), "
        f"of {found['hectares']:,.0f} ha of which the map has {found['overall_accuracy']:.1%} right. "
        f"Measured at commit {found['commit']}."
    )


def territory_areas() -> str:
    """Coverage of intervals of classes in territories, by the points to be expected."""
    found, body = read("areas"), []
    limits = [(30, 1e9), (10, 30), (5, 10), (1, 5), (0, 1)]
    for design, result in found["designs"].items():
        for least, most in [*limits, (0, 1e9)] if "territories" in result else []:
            there = [
                t for t in result["territories"] if least <= t["expected_points"] < most and t["true_ha"] > 0
            ]
            if not there:
                continue
            inside = sorted(t["coverage"] for t in there)
            bias = max(abs(t["bias"]) / t["spread"] if t["spread"] else 0.0 for t in there)
            body.append(
                [
                    f"{design} ({sum(result['points']):,})",
                    f"{least} to {most}" if most < 1e9 else f"{least} and more" if least else "any",
                    str(len(there)),
                    f"{sum(inside) / len(inside):.1%}",
                    f"{inside[0]:.1%} to {inside[-1]:.1%}",
                    f"{bias:.2f}",
                ]
            )
    header = [
        "strata (points)", "points expected of a class in a territory", "pairs", "in the interval, mean",
        "lowest and highest", "largest bias, in errors of the estimate",
    ]  # fmt: skip
    return rows(header, body) + f"\n\n{found['zones']} communes, {found['samples']:,} samples each."


def rates() -> str:
    """How many intervals of a rate hold, where errors come in clumps."""
    found = read("rates")
    body = [
        [f"{c['blocks']}", f"{c['clump_px']}", f"{c['rate']:.0%}", f"{c['held']:.1%}", f"{c['width']:.1%}"]
        for c in found["cases"]
    ]
    header = ["blocks", "clumps, px", "rate", "intervals that hold it", "mean width"]
    return rows(header, body) + f"\n\n{found['trials']} maps each, drawn at commit {found['commit']}."


def conformal_splits() -> str:
    """Coverage and width of the intervals over random splits, beside the naive ones."""
    found, body = read("conformal"), []
    splits = found["splits"]
    for side, c in splits["conformal"].items():
        body.append(
            [
                side,
                f"{splits['splits'][side]}",
                f"{c['blocks']:.0f}",
                f"{c['windows']:,}",
                *(f"{c[k]:.1%}" for k in ("coverage", "joint")),
                f"{c['width']:.3f}",
                *(f"{splits[way][side]['coverage']:.1%}" for way in ("pieces", "pixels")),
                *(f"{splits[way][side]['width']:.3f}" for way in ("pieces", "pixels")),
            ]
        )
    header = [
        "side, px", "splits", "calibration blocks", "windows evaluated", "held, each class",
        "held, all classes at once", "mean width", "bootstrap of pieces holds", "of pixels holds",
        "its width, pieces", "pixels",
    ]  # fmt: skip
    return rows(header, body) + f"\n\nMeasured at commit {found['commit']}, {splits['draws']} draws."


def conformal_classes() -> str:
    """Coverage and width of each class over random splits, windows of 256 px."""
    c = read("conformal")["splits"]["conformal"]["256"]
    body = [[n, f"{v:.1%}", f"{c['width_per_class'][n]:.3f}"] for n, v in c["per_class"].items()]
    return rows(["class", "held", "mean width"], body)


def conformal_places() -> str:
    """Coverage of the box's intervals on the part test and on another place."""
    found, body = read("conformal"), []
    local = found["elsewhere_local"]["conformal"]
    bounds = {str(s["side"]): s["joint"] for s in found["bounds"]["sizes"]}
    there = {str(s["side"]): s["joint"] for s in found["bounds_elsewhere"]["sizes"]}
    for side, test in found["test"].items():
        other, own = found["elsewhere"][side], local[side]
        body.append(
            [
                side,
                *(f"{c['coverage']:.1%}, {c['joint']:.1%} ({c['windows']})" for c in (test, other)),
                f"{own['coverage']:.1%}, {own['joint']:.1%}",
                f"{other['width']:.3f}",
                f"{own['width']:.3f}",
                f"{there[side] / bounds[side]:.1f}",
            ]
        )
    header = [
        "side, px", "test (windows)", "elsewhere (windows)", "elsewhere, calibrated there", "mean width",
        "calibrated there", "bound there / bound on val",
    ]  # fmt: skip
    novel = found["elsewhere_by_novelty"]
    told = "; ".join(
        f"{n['windows']} that look {name}: {n['coverage']:.1%} each class, {n['joint']:.1%} all at once"
        for name, n in novel.items()
    )
    blocks = local["256"]["blocks"]
    return rows(header, body) + (
        f"\n\nEach cell: each class by itself, all classes at once. Whole chips of 256 px elsewhere, {told}. "
        f"Calibrated there: mean of {blocks:.0f} blocks of 256 px."
    )


def conformal_communes() -> str:
    """Shares of the communes of ain_west: predicted with interval, and of the mask."""
    found, body = read("conformal")["ain_west"], []
    classes = list(found["box"]["per_class"])
    for c in found["communes"]:
        cells = []
        for n in classes:
            low, high, held = c["box"][n]
            text = f"{c['predicted'][n]:.1%} ({low:.1%} to {high:.1%}), mask {c['mask'][n]:.1%}"
            cells.append(text if held else f"**{text}**")
        body.append([c["name"], f"{c['pixels']:,}", *cells])
    for way, name in (("box", "held, calibrated on val"), ("local", "held, calibrated there")):
        body.append([name, "", *(f"{found[way]['per_class'][n]:.0%}" for n in classes)])
    sides = [s["side"] for s in read("conformal")["bounds"]["sizes"]]
    box, local = found["box"], found["local"]
    return rows(["commune", "px", *classes], body) + (
        f"\n\nBold: the interval misses the mask. Over all classes {box['coverage']:.0%} held (all at once "
        f"{box['joint']:.0%}) with the bounds of the box, and {local['coverage']:.0%} "
        f"({local['joint']:.0%}) with bounds calibrated on the chips of ain_west that share no pixel with "
        f"the commune; mean widths {box['width']:.3f} and {local['width']:.3f}. {found['too_large']} "
        f"communes with more than {sides[-1]}² labelled pixels and {found['too_small']} with fewer than "
        f"{sides[0]}² have no interval."
    )


def territories() -> str:
    """Territories of a large map: speed and memory beside others."""
    found = read("territories")
    body = [
        [
            way,
            f"{f['seconds']:.1f}",
            f"{f['cpu_seconds']:.1f}",
            f"{f['peak_mib']:,.0f}",
            f"{f['pixels']:,.2f}",
        ]
        for way, f in found["ways"].items()
    ]
    machine = found["machine"]
    return rows(["way", "seconds", "processor, s", "peak, MiB", "pixels with data"], body) + (
        f"\n\nMeasured at commit {found['commit']} on {machine['processor']}, {machine['cores']} cores, "
        f"under a load of {machine['load']:.1f} (its own and that of other work)."
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
        perturbations,
        scene,
        overhead,
        costs,
        sample_balance,
        sample_cost,
        sample_proposals,
        areas,
        territory_areas,
        rates,
        conformal_splits,
        conformal_classes,
        conformal_places,
        conformal_communes,
        territories,
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
