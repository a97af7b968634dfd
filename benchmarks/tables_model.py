"""Tables on the model, its scores and its speed, from results/*.json."""

from __future__ import annotations

import tomllib
from typing import Any

from result_files import ROOT, interval, measured, read, rows

TERRITORIES = {"France (metropolitan)": 551_500, "Europe (39 countries of the EEA)": 5_850_000}  # km²
EURO_AN_HOUR = 0.10  # of a machine of two cores, 4 GB: an assumption
NETWORKS = {"box": "box", "unet31": "31 M U-Net"}
EPOCHS = "_6_epochs"
SCENARIOS = ("unet_reference", "unet_fewer_filters", "unet_fewer_layers", "unet_weights", "unet_augmented")
DECODERS = ("counts", "mean", "calibrated")
PARTS = ("val", "test", "elsewhere")
ONE_PLACE_PARTS = {part: part for part in PARTS}
BOX_PARTS = {"val": "val", "test": "test", "elsewhere": "held-out blocks"}


def box_scores() -> str:
    """KL of the box by part and decoder."""
    return _scores("box", BOX_PARTS)


def one_place_scores() -> str:
    """KL of the model of one place by part and decoder."""
    return _scores("one_place", ONE_PLACE_PARTS)


def _scores(name: str, parts: dict[str, str]) -> str:
    found = read(name)
    scores = found["models"][0]["scores"]
    body, decoders = [], [d for d in (*DECODERS, "loglinear") if d in scores["test"]]
    for part, title in parts.items():
        accuracy, low, high = scores[part]["overall_accuracy"]
        body.append(
            [
                title,
                *(interval(scores[part][d]) for d in decoders),
                f"{accuracy:.3f} ({low:.3f} to {high:.3f})",
                *(f"{scores[part][k]:.3f}" for k in ("mean_iou", "ece")),
                f"{scores[part]['iou']['water']:.2f}",
            ]
        )
    measures = ["overall accuracy", "mean IoU", "calibration error", "IoU of water"]
    header = ["part", *(f"KL, {d}" for d in decoders), *measures]
    return rows(header, body) + f"\n\nScored at commit {found['commit']}."


def box_classes() -> str:
    """What each class adds to the KL of the box, by part."""
    return _classes(read("box")["models"][0]["scores"], BOX_PARTS)


def best_classes() -> str:
    """What each class adds to the KL of the best network of the 241 chips, by part."""
    return _classes(read("best")["models"]["one"]["scores"], ONE_PLACE_PARTS)


def _classes(scores: Any, parts: dict[str, str]) -> str:
    own = scores["test"]["decoder"]
    names = list(scores["test"][own]["per_class"])
    body = [[n, *(f"{scores[p][own]['per_class'][n]:.4f}" for p in parts)] for n in names]
    return rows(["class", *parts.values()], body)


def field() -> str:
    """Every recipe of the field that was trained, the best on test first."""
    stems = [path.stem for path in (ROOT / "results" / "field").glob("*.json")]
    return _field({stem: stem for stem in stems if not stem.endswith(EPOCHS)})


def equal_epochs() -> str:
    """The talk's scenarios after as many epochs each, the best on test first."""
    again = {path.stem for path in (ROOT / "results" / "field").glob(f"*{EPOCHS}.json")}
    return _field({name: name + EPOCHS if name + EPOCHS in again else name for name in SCENARIOS})


def _field(stems: dict[str, str]) -> str:
    """Runs of the field by name; stems are those of their recipes and result files."""
    body, commits = [], set()
    for name, stem in stems.items():
        found = read(f"field/{stem}")
        scores, run = found["scores"], found["run"]
        recipe = tomllib.loads((ROOT / "recipes" / "field" / f"{stem}.toml").read_text(encoding="utf-8"))
        test = scores["test"]
        commits.add(str(run["commit"])[:7])
        accuracy = test.get("overall_accuracy")
        body.append(
            [
                name.replace("_", "-"),
                f"{run['parameters']:,}" if "parameters" in run else "",
                str(recipe.get("schedule", {}).get("steps", "")),
                f"{run['processor_time_s'] / 60:.1f}" if "processor_time_s" in run else "",
                *(f"{test[d]['kl']:.4f}" if d in test else "" for d in ("counts", "mean")),
                *(interval(scores[p][scores[p]["decoder"]]) for p in PARTS),
                f"{accuracy[0]:.3f}" if accuracy else "",
                *(f"{test[k]:.3f}" if k in test else "" for k in ("mean_iou", "ece")),
            ]
        )
    body.sort(key=lambda row: float(row[7].split()[0]))
    header = [
        "recipe", "parameters", "steps", "processor minutes", "KL test, counts", "KL test, mean",
        *(f"KL {p}" for p in PARTS), "accuracy", "mean IoU", "calibration error",
    ]  # fmt: skip
    return rows(header, body) + f"\n\nTrained at {', '.join(sorted(commits))}."


def best() -> str:
    """One network and a vote of two after the box's last step, on the 241 chips alone."""
    found, body = read("best"), []
    for name, model in found["models"].items():
        for part in PARTS:
            scores = model["scores"][part]
            accuracy, low, high = scores["overall_accuracy"]
            ratio = model["of the benchmark"][part]
            body.append(
                [
                    {"one": "one network", "two": "vote of two"}[name],
                    part,
                    *(interval(scores[d]) for d in (*DECODERS[:2], scores["decoder"])),
                    f"{ratio['mean']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})",
                    f"{accuracy:.3f} ({low:.3f} to {high:.3f})",
                    *(f"{scores[k]:.3f}" for k in ("mean_iou", "ece")),
                ]
            )
    header = ["", "part", "KL, counts", "KL, mean", "KL, loglinear", "of the benchmark's by counts"]
    header += ["overall accuracy", "mean IoU", "calibration error"]
    return rows(header, body) + f"\n\nScored at commit {found['commit']}."


def elsewhere() -> str:
    """What stands between the models and another place."""
    found = {name: read(name) for name in ("one_place", "best", "best_held_out", "box")}
    best = found["best"]["models"]
    before, held_out, box = (
        found[name]["models"][0]["scores"]["elsewhere"] for name in ("one_place", "best_held_out", "box")
    )

    def own(scores: Any) -> str:
        return interval(scores[scores["decoder"]])

    body = [
        ["model of one place", "241", own(before), ""],
        ["one network", "241", own(best["one"]["scores"]["elsewhere"]), own(held_out)],
        ["vote of two", "241", own(best["two"]["scores"]["elsewhere"]), ""],
        ["box", "241, and 18 of elsewhere", "", own(box)],
    ]
    commits = ", ".join(dict.fromkeys(f["commit"] for f in found.values()))
    table = rows(["", "chips", "KL, 44 chips", "KL, the 13 of the held-out blocks"], body)
    return table + f"\n\nScored at commits {commits}."


def labels() -> str:
    """KL by number of chips and share of wrong labels, of each recipe that was measured."""
    paths = sorted((ROOT / "results").glob("labels_*.json"))
    found = {path.stem.removeprefix("labels_"): read(path.stem) for path in paths}
    names = list(dict.fromkeys(name for f in found.values() for name in f["points"]))

    def cell(points: Any, name: str, part: str) -> str:
        scores = points[name]["scores"][part] if name in points else None
        return interval(scores[scores["decoder"]]) if scores else ""

    body = [[n, *(cell(f["points"], n, p) for f in found.values() for p in PARTS[1:])] for n in names]
    header = ["trained on", *(f"KL {p}, {kind}" for kind in found for p in PARTS[1:])]
    commits = sorted({f["commit"] for f in found.values()})
    return rows(header, body) + f"\n\nTrained at {', '.join(commits)}."


def places() -> str:
    """What helps at another place, in two directions; with and without images of it."""
    found = read("places")
    directions = found["directions"]
    names = dict.fromkeys(name for figures in directions.values() for name in figures)

    def cells(name: str) -> list[str]:
        told = []
        for figures in directions.values():
            f = figures.get(name)
            kl = interval(f) if f else ""
            told += ["", kl] if f and f["by_images"] else [kl, ""]
            base = next(iter(figures.values()))
            told.append(interval(f["difference"], "+") if f and f is not base else "")
        return told

    body = [[name, *cells(name)] for name in names]
    header = [""]
    for direction in directions:
        header += [f"KL, {direction}", "with images of the other place", "− the first row"]
    told = [
        f"Of the labelled water of {part} ({d['water']:.2%} of the pixels), {d['dry']:.0%} is green in the "
        f"image (NDWI below −0.33); counted as herbaceous it is a KL of {d['kl']:.4f}."
        for part, d in found["dry_water"].items()
    ]
    return rows(header, body) + f"\n\n{' '.join(told)} Trained and scored at {found['commit']}."


def training() -> str:
    """Speed of training, bf16 against float32."""
    found, apart = read("training"), read("training_smp")
    body = [
        [
            name.replace("_", "-"),
            f"{run['batch']} × {run['side']}² px",
            *(f"{run[f'{p}_images_per_second']:,.1f}" for p in ("float32", "bf16")),
            f"{run['ratio']:.2f}",
        ]
        for name, run in (apart["recipes"] | found["recipes"]).items()
    ]
    body.sort()
    header = ["recipe", "a step", "float32, images/s", "bf16, images/s", "times as fast"]
    return rows(header, body) + f"\n\n{measured(found)}; smp-deeplabv3plus at {apart['commit']}."


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
    others = [read(f"perturbations_{name}") for name in ("best", "one_place")]
    body = [
        [
            t,
            interval(f),
            f"{f['images_warned_of']} of {found['images']}",
            *(interval(o["kl"][t]) for o in others),
        ]
        for t, f in found["kl"].items()
    ]
    for name, kl in (("mean over the changes", "mean"), ("times the KL without", "times_clean")):
        digits = 4 if kl == "mean" else 2
        body.append([name, f"{found[kl]:.{digits}f}", "", *(f"{o[kl]:.{digits}f}" for o in others)])
    header = ["change", "KL", "warned of", "KL, its recipe on the 241 chips", "KL, model of one place"]
    commits = ", ".join(dict.fromkeys(f["commit"] for f in (found, *others)))
    return rows(header, body) + f"\n\nMeasured at commits {commits}."


def scene() -> str:
    """Whole scenes: speed and memory of every way."""
    found, body = read("scene"), []
    earlier = found["earlier"]
    for run, ways in (found["runs"] | {run: before["ways"] for run, before in earlier.items()}).items():
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
    best = found["bf16_peak"]
    large = found["runs"]["box:10980"]["engine alone bf16"]
    peaks = ", ".join(
        f"{ways['engine alone bf16']['tera_operations_per_second'] / best:.0%} ({NETWORKS[run[:-6]]})"
        for run, ways in found["runs"].items()
        if run.endswith(":10980")
    )
    before = "".join(
        f" {NETWORKS[network]}, {side} px: at commit {earlier[run]['commit']}."
        for run in earlier
        for network, side in [run.split(":")]
    )
    return (
        rows(header, body)
        + f"\n\nOverlap costs {large['overlap_cost']:.1%} of the largest scene. Of the processor's bf16 "
        + f"matrix peak, {best:.1f} · 10¹² operations a second, the engine alone reaches {peaks}. "
        + f"{measured(found)}.{before}"
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


def decoders() -> str:
    """Ways from probabilities to shares, fitted on val."""
    found = read("decoders")
    return _against_mean(found["fitted on val"], PARTS) + f"\n\nMeasured at commit {found['commit']}."


def decoders_train() -> str:
    """The same, fitted on train and val."""
    return _against_mean(read("decoders")["fitted on train and val"], ("train and val", *PARTS))


def prior_shift() -> str:
    """Shares after a prior shift between places."""
    return _against_mean(read("decoders")["prior shift"], PARTS)


def turns() -> str:
    """The mean of turned images."""
    return _against_mean({"mean of eight turns": read("decoders")["turns"]}, PARTS)


def _against_mean(found: dict[str, Any], parts: tuple[str, ...]) -> str:
    """KL and paired difference to the mean of ways, by part."""

    def cell(way: str, scores: Any) -> str:
        kl = f"{scores['kl']:.4f}"
        return kl if way == "mean" else f"{kl}, {interval(scores['difference'], '+')}"

    body = [[way, *(cell(way, scores[p]) for p in parts)] for way, scores in found.items()]
    return rows(["shares by", *(f"{p}: KL, − mean" for p in parts)], body)
