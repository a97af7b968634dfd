"""What the MTD file of a Sentinel-2 product says: how its numbers become reflectance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from landcover.errors import LandcoverError

# The bands in the order of band_id.
BAND_IDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
REFLECTANCE = 10_000
LARGEST = 16 << 20  # bytes
QUANTIFICATION = ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE", "QUANTIFICATION_VALUE")
OFFSET = ("BOA_ADD_OFFSET", "RADIO_ADD_OFFSET")


def scale_and_offset(
    path: Path, document: bytes, wanted: Sequence[str]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Scale and offset of bands: reflectance × 10,000 is `raw × scale + offset`.

    The product says reflectance = (raw + added) / quantification value; `added` (BOA_ADD_OFFSET in Level-2A,
    RADIO_ADD_OFFSET in Level-1C) came with baseline 04.00 and is 0 before.

    Parameters
    ----------
    path : of the MTD file, for messages
    document : its bytes
    wanted : names of bands, such as B02

    Raises
    ------
    LandcoverError : no such XML, a DOCTYPE (which could hold entities that expand), or a number is missing
    """
    quantification = math.nan
    offsets: dict[str, float] = {}
    try:
        if len(document) > LARGEST:
            raise ValueError(f"it is larger than {LARGEST:,} bytes")
        for element in ElementTree.fromstring(document, ElementTree.XMLParser(target=_NoDoctype())).iter():
            tag = element.tag.rpartition("}")[2]
            if tag in QUANTIFICATION:
                quantification = float(element.text or "nan")
            elif tag in OFFSET:
                offsets[BAND_IDS[int(element.attrib["band_id"])]] = float(element.text or "nan")
        if not (quantification > 0 and math.isfinite(quantification)):
            raise ValueError("it has no quantification value")
        added = tuple(offsets[b] if offsets else 0.0 for b in wanted)
        if not all(map(math.isfinite, added)):
            raise ValueError("an offset is no number")
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        detail = f"no offset for {error}" if isinstance(error, KeyError) else str(error)
        raise LandcoverError(
            path,
            f"can't be understood ({detail})",
            "quantification value and offsets of a Sentinel-2 product",
            "fetch it again",
        ) from error
    scale = REFLECTANCE / quantification
    return (scale,) * len(wanted), tuple(a * scale for a in added)


class _NoDoctype(ElementTree.TreeBuilder):
    """Refuses a DOCTYPE before any entity of it is known."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("it declares a DOCTYPE")
