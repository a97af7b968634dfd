from pathlib import Path

from landcover.errors import LandcoverError


def test_an_error_is_one_line_with_file_finding_expectation_and_remedy() -> None:
    error = LandcoverError(Path("a.tif"), "has\n 3 bands", "4 bands", "choose them with --bands")
    assert str(error) == "a.tif: has 3 bands; expected 4 bands. Choose them with --bands."
    assert (error.subject, error.expectation) == ("a.tif", "4 bands")
