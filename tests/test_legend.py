import json
from pathlib import Path
from typing import Any

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
