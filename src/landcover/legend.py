"""The legend: land cover classes with their codes, names and colours."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from landcover.errors import LandcoverError


@dataclass(frozen=True)
class LandClass:
    """One class: its code in masks and maps, its names, its colour (`#rrggbb`).

    `is_label` is False for codes that say nothing of the ground (no data, clouds): they are left out of
    training and of the score.
    """

    code: int
    name: str
    name_fr: str
    colour: str
    is_label: bool = True

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue, 0 to 255."""
        red, green, blue = bytes.fromhex(self.colour[1:])
        return red, green, blue


@dataclass(frozen=True)
class Legend:
    """An ordered list of classes, by code.

    Examples
    --------
    >>> S2GLC.names[:4]
    ('no_data', 'clouds', 'artificial', 'cultivated')
    >>> S2GLC.label_codes
    (2, 3, 4, 5, 6, 7, 8, 9)
    """

    name: str
    classes: tuple[LandClass, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all classes, in the order of the columns of tables."""
        return tuple(c.name for c in self.classes)

    @property
    def codes(self) -> tuple[int, ...]:
        """Codes of all classes."""
        return tuple(c.code for c in self.classes)

    @property
    def labels(self) -> tuple[LandClass, ...]:
        """The classes that a network can learn: all but those that mean "no label"."""
        return tuple(c for c in self.classes if c.is_label)

    @property
    def label_codes(self) -> tuple[int, ...]:
        """Codes of `labels`."""
        return tuple(c.code for c in self.labels)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of `labels`."""
        return tuple(c.name for c in self.labels)

    @property
    def no_data(self) -> LandClass | None:
        """The class of pixels without data: the first that is no label, if there is one."""
        return next((c for c in self.classes if not c.is_label), None)

    @property
    def no_data_code(self) -> int:
        """Code of pixels without data in maps; 255 in a legend that has no such class."""
        return 255 if self.no_data is None else self.no_data.code

    def to_dict(self) -> dict[str, Any]:
        """The legend as JSON-ready data; `from_dict` reads it back."""
        return {"name": self.name, "classes": [asdict(c) for c in self.classes]}

    @classmethod
    def from_dict(cls, data: dict[str, Any], source: str = "legend") -> Legend:
        """Read what `to_dict` wrote, or the tables of a legend.toml."""
        try:
            classes = [
                LandClass(
                    code=int(c["code"]),
                    name=str(c["name"]),
                    name_fr=str(c.get("name_fr", c["name"])),
                    colour=str(c["colour"]),
                    is_label=bool(c.get("is_label", True)),
                )
                for c in data["classes"]
            ]
            for c in classes:
                _ = c.rgb
        except (KeyError, TypeError, ValueError) as error:
            raise LandcoverError(
                source,
                f"is no legend ({type(error).__name__}: {error})",
                "a list `classes` with code, name and colour (#rrggbb) each",
                "see docs/data-formats.md, legend.toml",
            ) from error
        _check(classes, source)
        return cls(str(data.get("name", "")), tuple(sorted(classes, key=lambda c: c.code)))

    @classmethod
    def from_toml(cls, path: Path) -> Legend:
        """Read a legend.toml (docs/data-formats.md)."""
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise LandcoverError(
                path, f"can't be read ({error})", "a legend in TOML", "see docs/data-formats.md"
            ) from error
        return cls.from_dict(data, str(path))


def _check(classes: Sequence[LandClass], source: str) -> None:
    codes = [c.code for c in classes]
    names = [c.name for c in classes]
    if len(set(codes)) < len(codes) or len(set(names)) < len(names):
        raise LandcoverError(source, "has a code or a name twice", "each once", "rename or renumber it")
    if any(not 0 <= code <= 255 for code in codes):
        raise LandcoverError(source, "has a code outside 0 to 255", "codes that fit a byte", "renumber it")
    if not any(c.is_label for c in classes):
        raise LandcoverError(source, "has no class to learn", "at least one with is_label", "add one")


S2GLC = Legend(
    "S2GLC 2017, as in the challenge",
    (
        LandClass(0, "no_data", "sans donnée", "#000000", is_label=False),
        LandClass(1, "clouds", "nuages", "#ffffff", is_label=False),
        LandClass(2, "artificial", "artificialisé", "#d70017"),
        LandClass(3, "cultivated", "cultivé", "#f9e332"),
        LandClass(4, "broadleaf", "feuillus", "#14a134"),
        LandClass(5, "coniferous", "conifères", "#007000"),
        LandClass(6, "herbaceous", "herbacé", "#ff9b26"),
        LandClass(7, "natural", "minéral naturel", "#9a9a9a"),
        LandClass(8, "snow", "neige", "#6affff"),
        LandClass(9, "water", "eau", "#1445f9"),
    ),
)
NO_DATA = LandClass(0, "no_data", "sans donnée", "#000000", is_label=False)
WORLDCOVER = Legend(
    "ESA WorldCover 2021",
    (
        NO_DATA,
        LandClass(10, "tree_cover", "couvert arboré", "#006400"),
        LandClass(20, "shrubland", "arbustes", "#ffbb22"),
        LandClass(30, "grassland", "prairies", "#ffff4c"),
        LandClass(40, "cropland", "cultures", "#f096ff"),
        LandClass(50, "built_up", "bâti", "#fa0000"),
        LandClass(60, "bare_sparse", "sol nu ou végétation éparse", "#b4b4b4"),
        LandClass(70, "snow_ice", "neige et glace", "#f0f0f0"),
        LandClass(80, "water", "eaux permanentes", "#0064c8"),
        LandClass(90, "herbaceous_wetland", "zones humides herbacées", "#0096a0"),
        LandClass(95, "mangroves", "mangroves", "#00cf75"),
        LandClass(100, "moss_lichen", "mousses et lichens", "#fae6a0"),
    ),
)
# CORINE gives colours to the classes of level 3; those above have the colour of the first under them.
CORINE1 = Legend(
    "CORINE land cover, level 1",
    (
        NO_DATA,
        LandClass(1, "artificial", "territoires artificialisés", "#e6004d"),
        LandClass(2, "agricultural", "territoires agricoles", "#ffffa8"),
        LandClass(3, "forest_seminatural", "forêts et milieux semi-naturels", "#80ff00"),
        LandClass(4, "wetlands", "zones humides", "#a6a6ff"),
        LandClass(5, "water", "surfaces en eau", "#00ccf2"),
    ),
)
CORINE2 = Legend(
    "CORINE land cover, level 2",
    (
        NO_DATA,
        LandClass(11, "urban_fabric", "zones urbanisées", "#e6004d"),
        LandClass(
            12, "industry_transport", "zones industrielles, commerciales et réseaux de transport", "#cc4df2"
        ),
        LandClass(13, "mines_dumps_construction", "mines, décharges et chantiers", "#a600cc"),
        LandClass(14, "urban_green", "espaces verts artificialisés, non agricoles", "#ffa6ff"),
        LandClass(21, "arable", "terres arables", "#ffffa8"),
        LandClass(22, "permanent_crops", "cultures permanentes", "#e68000"),
        LandClass(23, "pastures", "prairies", "#e6e64d"),
        LandClass(24, "heterogeneous_agriculture", "zones agricoles hétérogènes", "#ffe6a6"),
        LandClass(31, "forests", "forêts", "#80ff00"),
        LandClass(32, "scrub_herbaceous", "végétation arbustive ou herbacée", "#ccf24d"),
        LandClass(33, "open_spaces", "espaces ouverts, peu ou pas de végétation", "#e6e6e6"),
        LandClass(41, "inland_wetlands", "zones humides intérieures", "#a6a6ff"),
        LandClass(42, "coastal_wetlands", "zones humides maritimes", "#ccccff"),
        LandClass(51, "inland_waters", "eaux continentales", "#00ccf2"),
        LandClass(52, "marine_waters", "eaux maritimes", "#00ffa6"),
    ),
)
LEGENDS = {"s2glc": S2GLC, "worldcover": WORLDCOVER, "corine1": CORINE1, "corine2": CORINE2}
