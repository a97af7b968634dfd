"""What a sweep found: sweep.csv, a row a trial, and sweep.html."""

from __future__ import annotations

from pathlib import Path

import optuna
import pandas as pd

from landcover import __version__
from landcover.files import whole
from landcover.report.page import Fact, Section, Table, number, write_page
from landcover.report.slices import slices
from landcover.training.recipe import Recipe
from landcover.training.sweeps.space import Range, Space

RESULTS = ("sweep.csv", "sweep.html", "best.toml")
STATES = {"COMPLETE": "finished", "PRUNED": "stopped", "FAIL": "failed"}
ENOUGH = 10  # finished trials, before it is told which settings matter


def trial_table(study: optuna.Study, folder: Path) -> pd.DataFrame:
    """A row a trial: trial, state, val_kl (the lowest), epochs, processor_min, each setting, note."""
    rows = []
    for trial in study.trials:
        history = folder / "trials" / f"{trial.number:03d}" / "history.csv"
        nothing = pd.DataFrame(columns=["val_kl", "processor_seconds"], dtype=float)
        known = pd.read_csv(history) if history.exists() else nothing
        rows.append(
            {
                "trial": trial.number,
                "state": STATES[trial.state.name],
                "val_kl": known["val_kl"].min(),
                "epochs": len(known),
                "processor_min": known["processor_seconds"].max() / 60,
            }
            | trial.params
            | {"note": trial.user_attrs.get("note")}
        )
    return pd.DataFrame(rows)


def write_results(
    folder: Path, study: optuna.Study, table: pd.DataFrame, settings: Recipe, space: Space
) -> None:
    """Write the table and the page."""
    with whole(folder / "sweep.csv") as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
    finished, best = int((table["state"] == "finished").sum()), study.best_trial
    weights: dict[str, float] = {}
    if finished >= ENOUGH and len(space) > 1:
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        weights = optuna.importance.get_param_importances(study, evaluator=evaluator)
    recipe = pd.json_normalize(settings.model_dump(mode="json")).iloc[0]
    found = pd.DataFrame(
        {
            "setting": list(space),
            "the recipe's": [_spelled(recipe.get(key)) for key in space],
            "the best": [_spelled(best.params[key]) for key in space],
            "how much it matters": [weights.get(key) for key in space],
        }
    )
    minutes = table["processor_min"].sum()
    heads = {column: str(column).replace(".", " ") for column in table}
    write_page(
        folder / "sweep.html",
        "Sweep of a recipe",
        f"{len(table)} trainings, to find the settings with the lowest KL on the validation chips.",
        [
            Section(
                "The best settings",
                "The best of many trials is also the luckiest: its KL on chips that no trial was chosen by "
                "will be higher. Train best.toml with other seeds before you believe a small difference.\n\n"
                + (
                    "How much a setting matters is its part in what tells the best tenth of the finished "
                    "trials from the others (PED-ANOVA, Watanabe et al. 2023)."
                    if weights
                    else f"How much a setting matters is told from {ENOUGH} finished trials on."
                ),
                tables=[Table(found, "Settings of the best trial", {"how much it matters": ".0%"})],
            ),
            Section(
                "What each setting does",
                figures=[
                    slices(
                        table,
                        list(space),
                        [key for key, entry in space.items() if isinstance(entry, Range) and entry.log],
                        "One mark a trial: its lowest validation KL against one setting, while the others "
                        "vary too. Filled: finished. Hollow: stopped early, where its KL stood then. "
                        "Ringed: the best. A cloud that slopes shows a setting that matters; one that lies "
                        "best at an edge asks for a wider space.",
                    )
                ],
            ),
            Section(
                "All trials",
                tables=[
                    Table(
                        table.sort_values(["val_kl", "trial"]).rename(columns=heads),
                        "The lowest KL first; settings, and the note of what failed",
                        {"val_kl": ".4f", "processor_min": ".1f"} | {heads[key]: ".3g" for key in space},
                    )
                ],
            ),
        ],
        [
            Fact("Lowest validation KL", f"{best.value:.4f}", f"trial {best.number}"),
            Fact("Trials finished", f"{finished} of {len(table)}", "others were stopped or failed"),
            Fact("Processor time", number(minutes / 60, ".1f") + " h", "of all trials"),
        ],
        f"Made by landcover {__version__}. The same numbers are in sweep.csv.",
    )


def _spelled(value: object) -> str | None:
    if value is None:
        return None
    return f"{value:.6g}" if isinstance(value, float) else str(value)
