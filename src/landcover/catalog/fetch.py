"""Fetch: from a catalogue to scenes without clouds, with a record of where each comes from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from landcover.errors import LandcoverError
from landcover.files import staged
from landcover.imagery.raster import MOST_PIXELS

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from landcover.catalog.area import Area
    from landcover.catalog.composite import Composite
    from landcover.catalog.known import Catalogue

NEEDED = ("pystac_client", "odc.stac", "geopandas")


@dataclass(frozen=True)
class Fetched:
    """What `fetch` wrote and found.

    Attributes
    ----------
    folder : holds the scenes, and the record of each (docs/data-formats.md)
    scenes : the GeoTIFF files
    items : how many items of the catalogue were used
    warnings : sentences on items whose numbers look wrong, and scenes that show nothing
    """

    folder: Path
    scenes: tuple[Path, ...]
    items: int
    warnings: tuple[str, ...]


def fetch(
    catalog: str | Path,
    out: Path,
    start: str,
    end: str,
    bbox: tuple[float, float, float, float] | None = None,
    polygon: Path | None = None,
    communes: Path | None = None,
    code: str | None = None,
    cloud: float = 40.0,
    composite: Composite = "median",
    resolution: float = 10.0,
    crs: str | None = None,
    collection: str | None = None,
    timeout: float = 30.0,
    overwrite: bool = False,
) -> Fetched:
    """Fetch scenes of Sentinel-2 L2A from a catalogue.

    The offset of baseline 04.00 and later is taken off exactly once, as each item says. Saturated pixels,
    shadows, clouds and cirrus of the scene classification count as no data; snow is kept. Windows are read
    one after another, so memory doesn't grow with the area.

    Parameters
    ----------
    catalog : earth-search, planetary-computer, copernicus, or the address of a STAC API or of a catalog.json
        (http(s), or a local file)
    out : folder to write
    start, end : first and last day, YYYY-MM-DD
    bbox : area as west, south, east, north in degrees (WGS 84)
    polygon : file of polygons; the scene covers their bounding box
    communes, code : file of communes, and the code of the one whose bounding box to cover
    cloud : most cloud cover of an item, percent
    composite : `median` of all items in one scene, or the median of each `year`, `season`, `month` or `date`
    resolution : side of a pixel, units of the CRS
    crs : such as EPSG:32631; None is the UTM zone of the centre of the area
    collection : None is the one of Sentinel-2 L2A in catalogues known by name, else all
    timeout : of each request, s; requests that fail are tried four times
    overwrite : replace scenes of the same name in `out`

    Raises
    ------
    LandcoverError : nothing is found, an option is wrong, or an asset can't be read after all tries
    """
    _need_extra()
    from landcover.catalog.area import area_of
    from landcover.catalog.composite import Composite, grouped
    from landcover.catalog.dialect import source_of
    from landcover.catalog.known import Access
    from landcover.catalog.patience import without_query
    from landcover.catalog.read import read_window
    from landcover.catalog.scene import write_scenes
    from landcover.catalog.search import is_web, search

    first, last = _days(start, end)
    kinds = get_args(Composite)
    for name, told, good, wanted in (
        ("--cloud", f"{cloud:g}", 0 <= cloud <= 100, "0 to 100 percent"),
        ("--timeout", f"{timeout:g}", timeout > 0, "more than 0 s"),
        ("--composite", composite, composite in kinds, f"one of {', '.join(kinds)}"),
    ):
        if not good:
            raise LandcoverError(name, f"is {told}", wanted, "mend it")
    area = area_of(bbox, polygon, communes, code)
    grid = _grid(area, resolution, crs)
    catalogue = _catalogue(str(catalog), collection)
    access = Access(catalogue, timeout)
    asked = {
        "catalog": without_query(catalogue.url), "collection": catalogue.collection, "bbox": list(area.bbox),
        "start": start, "end": end, "cloud": cloud, "composite": composite,
    }  # fmt: skip
    with staged(Path(out), overwrite) as stage:
        box = grid.geographic_extent.boundingbox
        around = box.left, box.bottom, box.right, box.top
        sources = [source_of(i) for i in search(catalogue, around, first, last, cloud, timeout)]
        groups = grouped(sources, composite)
        local = not is_web(catalogue.url)
        files, warnings = write_scenes(
            stage, area.name, groups, grid, lambda s, w: read_window(s, w, access, timeout, local), asked
        )
    return Fetched(Path(out), tuple(Path(out) / f for f in files), len(sources), tuple(warnings))


def _need_extra() -> None:
    """Refuse to begin without the packages of the extra."""
    missing = [name for name in NEEDED if find_spec(name.split(".")[0]) is None]
    if missing:
        raise LandcoverError(
            "landcover fetch", f"lacks {', '.join(missing)}", "the packages of its extra",
            "run pip install 'landcover[fetch]'",
        )  # fmt: skip


def _days(start: str, end: str) -> tuple[datetime, datetime]:
    """First and last moment of the days."""
    try:
        first, last = date.fromisoformat(start), date.fromisoformat(end)
    except ValueError as error:
        raise LandcoverError(
            "--start, --end", f"are {start} and {end}", "days such as 2023-06-01", "mend them"
        ) from error
    if first > last:
        raise LandcoverError("--end", f"is {end}", f"{start} (--start) or later", "mend it")
    return datetime.combine(first, time.min, UTC), datetime.combine(last, time(23, 59, 59), UTC)


def _catalogue(name: str, collection: str | None) -> Catalogue:
    """The catalogue of a name, address or local file."""
    from landcover.catalog.known import KNOWN, Catalogue
    from landcover.catalog.search import is_web

    if name in KNOWN:
        return replace(KNOWN[name], collection=collection or KNOWN[name].collection)
    if is_web(name):
        return Catalogue(name, collection)
    if not Path(name).is_file():
        raise LandcoverError(
            name, "is neither a catalogue known by name nor a file",
            f"{', '.join(KNOWN)}, an address of http(s), or a catalog.json", "check it",
        )  # fmt: skip
    return Catalogue(str(Path(name).resolve()), collection)


def _grid(area: Area, resolution: float, crs: str | None) -> GeoBox:
    """The grid that covers an area; its corners are multiples of the resolution."""
    from odc.geo import CRS
    from odc.geo.geobox import GeoBox
    from odc.geo.geom import box

    try:
        system = CRS(crs) if crs else CRS.utm(*_centre(area))
        extent = box(*area.bbox, crs="EPSG:4326").to_crs(system, resolution=0.05).boundingbox
        size = max(extent.span_x, extent.span_y) / resolution
    except (ValueError, ZeroDivisionError, RuntimeError) as error:
        raise LandcoverError(
            "--crs, --resolution", f"are {crs or 'UTM'} and {resolution:g} ({error})",
            "a CRS such as EPSG:32631 and the side of a pixel in its units", "mend them",
        ) from error  # fmt: skip
    if not 0 < extent.span_x * extent.span_y / resolution**2 <= MOST_PIXELS or size < 1:
        raise LandcoverError(
            "the area", f"is {extent.span_y / resolution:.0f} × {extent.span_x / resolution:.0f} px",
            f"1 to {MOST_PIXELS:,} px", "choose another area, or mend --resolution",
        )  # fmt: skip
    return GeoBox.from_bbox(extent, resolution=resolution)


def _centre(area: Area) -> tuple[float, float]:
    west, south, east, north = area.bbox
    return (west + east) / 2, (south + north) / 2
