"""Tables on samples, areas, intervals, change and territories, from results/*.json."""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import Any

from result_files import measured, read, rows


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
        "is the truth; strata are the map of the model of one place. Bias of the mean of all samples, simple "
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


def areas_corrected() -> str:
    """Producer's accuracies as published and bias-corrected."""
    designs, body = read("areas")["designs"], []
    for design, result in designs.items():
        plain, corrected = (result["figures"][f] for f in ("producers", "producers corrected"))
        for p, c in zip(plain, corrected, strict=True):
            if round(p["expected_points"]) >= 30:
                body.append(
                    [
                        f"{design} ({sum(result['points']):,})",
                        p["class"],
                        f"{p['expected_points']:.0f}",
                        *(f"{r['bias_in_standard_errors']:+.1f}" for r in (p, c)),
                        *(f"{r['spread']:.4f}" for r in (p, c)),
                        *(f"{r['coverage']:.1%}" for r in (p, c)),
                    ]
                )
    header = [
        "strata (points)", "class", "points expected", "bias", "bias, corrected", "spread",
        "spread, corrected", "in the interval", "in the interval around the corrected",
    ]  # fmt: skip
    return rows(header, body)


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
    known_there = found["bounds_elsewhere"] or {"sizes": []}
    there = {str(s["side"]): s["joint"] for s in known_there["sizes"]}
    for side, test in found["test"].items():
        other, own = found["elsewhere"][side], local.get(side)
        body.append(
            [
                side,
                *(f"{c['coverage']:.1%}, {c['joint']:.1%} ({c['windows']})" for c in (test, other)),
                f"{own['coverage']:.1%}, {own['joint']:.1%}" if own else "too few blocks",
                f"{other['width']:.3f}",
                f"{own['width']:.3f}" if own else "",
                f"{there[side] / bounds[side]:.1f}" if side in there else "",
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
    drawn = f" Calibrated there: mean of {local['256']['blocks']:.0f} blocks of 256 px." if local else ""
    return rows(header, body) + (
        f"\n\nEach cell: each class by itself, all classes at once. Whole chips of 256 px elsewhere, {told}."
        + drawn
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
        if not found[way]:
            continue
        body.append([name, "", *(f"{found[way]['per_class'][n]:.0%}" for n in classes)])
    sides = [s["side"] for s in read("conformal")["bounds"]["sizes"]]
    box, local = found["box"], found["local"]
    own = (
        f", and {local['coverage']:.0%} ({local['joint']:.0%}) with bounds calibrated on the chips of "
        f"ain_west that share no pixel with the commune; mean widths {box['width']:.3f} and "
        f"{local['width']:.3f}"
        if local
        else f"; mean width {box['width']:.3f}"
    )
    return rows(["commune", "px", *classes], body) + (
        f"\n\nBold: the interval misses the mask. Over all classes {box['coverage']:.0%} held (all at once "
        f"{box['joint']:.0%}) with the bounds of its model file{own}. {found['too_large']} communes with "
        f"more than {sides[-1]}² labelled pixels and {found['too_small']} with fewer than "
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
    return rows(["way", "seconds", "processor, s", "peak, MiB", "pixels with data"], body) + (
        f"\n\n{measured(found)}, under a load of {found['machine']['load']:.1f} "
        "(its own and that of other work)."
    )


def change_trials() -> str:
    """Joint intervals of net change where nothing, or something known, changed."""
    found, body = read("change"), []
    places = {"ain": "Ain", "": "south and north"}
    for side in sorted({t["injected_px"] for t in found["trials"]}):
        for begin, place in places.items():
            chosen = [
                t for t in found["trials"]
                if t["injected_px"] == side and t["pair"].startswith("ain") == (begin == "ain")
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
                    f"injected, {side} px" if side else "none",
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
        f"{p['noise_dn']:.0f} DN. Injected squares have the side that is told. The columns from "
        "“pixels that differ” to the half-width are medians over trials, the half-width of the median class. "
        f"Measured at commit {found['commit']}."
    )


def change_power() -> str:
    """How often an interval tells an injected change from 0, by its size in minimum detectable changes."""
    found, body = read("change"), []
    classes = [
        (abs(c["true_ha"]) / c["detectable_ha"], c)
        for t in found["trials"]
        if t["injected_px"]
        for c in t["classes"].values()
        if c["true_ha"]
    ]
    limits = (0, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, float("inf"))
    for least, most in pairwise(limits):
        there = [c for size, c in classes if least <= size < most]
        if there:
            told = sum(c["low_ha"] > 0 if c["true_ha"] > 0 else c["high_ha"] < 0 for c in there)
            held = sum(c["low_ha"] <= c["true_ha"] <= c["high_ha"] for c in there)
            body.append(
                [
                    f"{least:g} to {most:g}" if most < limits[-1] else f"{least:g} and more",
                    str(len(there)),
                    f"{told / len(there):.0%}",
                    f"{held / len(there):.0%}",
                ]
            )
    header = ["true net change / minimum detectable change", "classes of trials", "told from 0", "held"]
    return rows(header, body) + (
        f"\n\nThe largest change is {max(size for size, _ in classes):.2f} of its minimum detectable size."
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


def tour_areas() -> str:
    """Areas of ain_west: of the map, estimated, and true."""
    found = read("tour")
    body = [
        [
            c["class"],
            f"{c['map_ha']:,.0f}",
            f"{c['area_ha']:,.0f}",
            f"{c['low_ha']:,.0f} to {c['high_ha']:,.0f}",
            c["flag"],
            f"{c['true_ha']:,.0f}",
            "yes" if c["low_ha"] <= c["true_ha"] <= c["high_ha"] else "no",
        ]
        for c in found["classes"]
    ]
    header = ["class", "map, ha", "estimate, ha", "95 % interval", "flag", "mask, ha", "held"]
    overall, flags = found["overall"], found["flags"]
    return rows(header, body) + (
        f"\n\nFrom {found['points']} labelled points; overall accuracy {overall['value']:.3f} "
        f"({overall['low']:.3f} to {overall['high']:.3f}). By commune: "
        + ", ".join(f"{n} numbers to {k}" for k, n in flags.items())
        + f". Made at commit {found['commit']}."
    )


def tour_communes() -> str:
    """Shares of the communes that ain_west shows most of."""
    found = read("tour")
    names = ("artificial", "cultivated", "broadleaf", "coniferous", "herbaceous", "water")
    body = [
        [
            c["code"],
            c["name"],
            f"{c['area_ha']:,.0f}",
            f"{c['no_data_share']:.1%}",
            *(f"{c[f'{n}_share']:.1%}" for n in names),
        ]
        for c in found["shown"]
    ]
    before, after = found["vintages"]["rows"]
    hectares = found["vintages"]["hectares"]
    return rows(["code", "commune", "area, ha", "no data", *names], body) + (
        f"\n\n{found['communes']['ain']} communes are on ain.tif and {found['communes']['ain_west']} on "
        f"ain_west.tif, at least in part. In the communes of 2024 the table of ain.tif has {after} rows, "
        f"not {before}, and {hectares[1]:,.3f} ha of classes; before it had {hectares[0]:,.3f}."
    )
