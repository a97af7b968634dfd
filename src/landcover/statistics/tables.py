"""Tables that can be published: written as CSV, Parquet or GeoPackage by suffix, read back, with a record."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from landcover import __version__
from landcover.errors import LandcoverError
from landcover.files import sha256, whole, write_text

SUFFIXES = (".csv", ".parquet", ".gpkg")


def check_table(path: Path, overwrite: bool) -> None:
    """Refuse a table that can't be written, before any work is done.

    Raises
    ------
    LandcoverError : of another format, there already (without `overwrite`), or in a folder that isn't there
    """
    if path.suffix.lower() not in SUFFIXES:
        raise LandcoverError(path, "is no table", f"a file of {', '.join(SUFFIXES)}", "give another --out")
    if path.exists() and not overwrite:
        raise LandcoverError(path, "is there already", "a new file", "give another --out, or --overwrite")
    if not path.parent.is_dir():
        raise LandcoverError(path, "is in no folder", "a folder that is there", "make it first")


def write_table(path: Path, table: pd.DataFrame, record: Mapping[str, Any]) -> None:
    """Write a table, whole or not at all, and its record beside it as `<path>.json`.

    Parameters
    ----------
    path : `.csv` and `.parquet` leave the geometry out; `.gpkg` needs one
    table : DataFrame, or GeoDataFrame; floats are written with ten digits in a CSV
    record : JSON-ready facts on how it was made (`facts`)

    Raises
    ------
    LandcoverError : a GeoPackage of a table without geometry
    """
    suffix, spatial = path.suffix.lower(), hasattr(table, "geom_type")
    with whole(path) as temporary:
        if suffix == ".gpkg":
            if not spatial:
                raise LandcoverError(
                    path, "would have no geometry", "a .csv or .parquet", "give another --out"
                )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # the temporary name has another suffix
                table.to_file(temporary, driver="GPKG", layer=path.stem)  # type: ignore[operator]
        else:
            plain = pd.DataFrame(table.drop(columns=table.geometry.name)) if spatial else table
            if suffix == ".parquet":
                plain.to_parquet(temporary, index=False)
            else:
                plain.to_csv(temporary, index=False, float_format="%.10g", lineterminator="\n")
    text = json.dumps({**record, "sha256": sha256(path)}, indent=1, ensure_ascii=False)
    write_text(path.with_name(path.name + ".json"), text + "\n")


def read_table(path: Path, columns: Sequence[str], text: Sequence[str] = ("code",)) -> pd.DataFrame:
    """Read a CSV or Parquet table, or the columns of a GeoPackage, that has at least these columns.

    Parameters
    ----------
    text : columns to read as text, such as codes that begin with 0

    Raises
    ------
    LandcoverError : missing, of another format, damaged, or without one of the columns
    """
    wanted = f"a table of {', '.join(SUFFIXES)} with {', '.join(columns)}"
    suffix = path.suffix.lower()
    if not path.is_file() or suffix not in SUFFIXES:
        finding = "is of another format" if path.is_file() else "is not there"
        raise LandcoverError(path, finding, wanted, "check the path")
    try:
        if suffix == ".csv":
            table = pd.read_csv(path, dtype=dict.fromkeys(text, str))
        elif suffix == ".parquet":
            table = pd.read_parquet(path)
        else:
            from pyogrio import read_dataframe

            table = pd.DataFrame(read_dataframe(path, read_geometry=False))
    except (OSError, ValueError, RuntimeError) as error:
        finding = f"can't be read ({' '.join(str(error).split())[:120]})"
        raise LandcoverError(path, finding, wanted, "mend the file") from error
    missing = [c for c in columns if c not in table]
    if missing:
        raise LandcoverError(path, f"has no column {', '.join(missing)}", wanted, "add it")
    return table.astype({c: str for c in text if c in table})


def facts(
    command: str, inputs: Mapping[str, Path], options: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """What a record says: the command, the program's version, inputs with SHA-256, options, vintages.

    The vintages are those that the records of the inputs name, and of a predicted map its image's date, its
    model and its legend (`vintage`).

    Parameters
    ----------
    inputs : files by role, such as {"map": …, "zones": …}
    more : further facts of the command
    """
    return {
        "command": command,
        "landcover": __version__,
        "inputs": {role: {"file": p.name, "sha256": sha256(p)} for role, p in inputs.items()},
        "vintages": {role: found for role, p in inputs.items() if (found := vintage(p))},
        "options": dict(options),
        **more,
    }


def vintage(path: Path) -> dict[str, Any]:
    """What is known of the making of an input: from the record beside a table, or the STAC item of a map.

    Returns
    -------
    vintage : of a map: imagery (date or range), image (SHA-256), model (file and SHA-256), legend, options
        (the decoder and others); of a table: those that its own record names, and shares (how they were
        computed); empty when nothing is known
    """
    beside = path.with_name(path.name + ".json")
    if beside.is_file():
        told = json.loads(beside.read_text(encoding="utf-8"))
        return {**told.get("vintages", {}), **{k: told[k] for k in ("shares",) if k in told}}
    folder = path.parent.parent
    item, record = folder / "items" / f"{path.stem}.json", folder / "predict.json"
    if not (item.is_file() and record.is_file()):
        return {}
    properties = json.loads(item.read_text(encoding="utf-8"))["properties"]
    made = json.loads(record.read_text(encoding="utf-8"))
    span = [properties.get("start_datetime"), properties.get("end_datetime")]
    images = [i["sha256"] for i in made.get("images", ()) if i["sample_id"] == path.stem]
    return {
        "imagery": properties.get("datetime") or span,
        **({"image": images[0]} if images else {}),
        "model": made["model"],
        "legend": made["legend"]["name"],
        **({"options": made["options"]} if "options" in made else {}),
    }


STAMPS = ("imagery", "image", "model", "legend", "options", "shares", "territories")


def stamp(path: Path) -> dict[str, Any]:
    """The vintages of a product (of `STAMPS`, those that are known) in one level, from whatever inputs.

    Where inputs differ, as the imagery of two maps, a stamp is the list of what they say.
    """

    def told(known: Any) -> Iterator[tuple[str, Any]]:
        for key, value in known.items() if isinstance(known, dict) else ():
            if key in STAMPS and not (isinstance(value, dict) and value.keys() & set(STAMPS)):
                yield key, value
            else:  # what an input of that role is made from
                yield from told(value)

    found: dict[str, list[Any]] = {}
    for key, value in told(vintage(path)):
        if value not in found.setdefault(key, []):
            found[key].append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}
