import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landcover.errors import LandcoverError
from landcover.legend import S2GLC, Legend

OWN = """
name = "three classes"
[[classes]]
code = 7
name = "forest"
name_fr = "forêt"
colour = "#00ff00"
[[classes]]
code = 1
name = "water"
colour = "#0000ff"
[[classes]]
code = 200
name = "unknown"
colour = "#000000"
is_label = false
"""


def test_the_legend_of_the_challenge() -> None:
    assert S2GLC.codes == tuple(range(10))
    assert S2GLC.label_names[0] == "artificial"
    assert S2GLC.label_codes == tuple(range(2, 10))
    assert S2GLC.no_data_code == 0
    assert S2GLC.classes[9].rgb == (20, 69, 249)


def test_a_legend_survives_json() -> None:
    assert Legend.from_dict(json.loads(json.dumps(S2GLC.to_dict()))) == S2GLC


def test_a_legend_of_ones_own_is_sorted_by_code(tmp_path: Path) -> None:
    (tmp_path / "legend.toml").write_text(OWN, encoding="utf-8")
    legend = Legend.from_toml(tmp_path / "legend.toml")
    assert legend.names == ("water", "forest", "unknown")
    assert [c.name_fr for c in legend.classes] == ["water", "forêt", "unknown"]
    assert legend.label_codes == (1, 7)
    assert legend.no_data_code == 200


def test_without_a_class_for_no_data_its_code_is_255() -> None:
    legend = Legend.from_dict({"classes": [{"code": 1, "name": "a", "colour": "#000000"}]})
    assert legend.no_data is None
    assert legend.no_data_code == 255


@pytest.mark.parametrize(
    ("classes", "finding"),
    [
        ([{"code": 1, "name": "a"}], "is no legend"),
        ([{"code": 1, "name": "a", "colour": "green"}], "is no legend"),
        ([{"code": "one", "name": "a", "colour": "#000000"}], "is no legend"),
        ([{"code": 1, "name": n, "colour": "#000000"} for n in "ab"], "twice"),
        ([{"code": c, "name": "a", "colour": "#000000"} for c in (1, 2)], "twice"),
        ([{"code": 256, "name": "a", "colour": "#000000"}], "outside 0 to 255"),
        ([{"code": 0, "name": "a", "colour": "#000000", "is_label": False}], "no class to learn"),
    ],
)
def test_a_wrong_legend_is_told(classes: list[dict[str, Any]], finding: str) -> None:
    with pytest.raises(LandcoverError, match=f"^own.toml: .*{finding}"):
        Legend.from_dict({"classes": classes}, "own.toml")


@pytest.mark.parametrize("text", ["classes = [", None])
def test_an_unreadable_legend_is_told(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "legend.toml").write_text(text)
    with pytest.raises(LandcoverError, match=r"legend\.toml: can't be read"):
        Legend.from_toml(tmp_path / "legend.toml")


MATRICES = {  # Machado, Oliveira and Fernandes (2009), severity 1
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@pytest.mark.parametrize("sight", MATRICES)
def test_colours_are_told_apart_by_colour_blind_people(sight: str) -> None:
    """Any two classes differ by at least 14 in CIE 1976 ΔE, which is plain to see side by side."""
    rgb = np.array([c.rgb for c in S2GLC.labels]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = (linear @ np.array(MATRICES[sight]).T).clip(0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt((seen @ to_xyz.T / [0.9505, 1, 1.089]).clip(1e-3)).T
    lab = np.column_stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=2)[np.triu_indices(len(lab), 1)]
    assert apart.min() > 14
