"""The one error that a user sees: which file, what was found, what was expected, what to do."""

from __future__ import annotations

from os import PathLike


class LandcoverError(Exception):
    """A mistake that the user can mend, told in one line.

    Parameters
    ----------
    subject : file, folder or setting that is at fault
    finding : what was found there
    expectation : what should have been there
    remedy : what the user can do

    Examples
    --------
    >>> print(LandcoverError("a.tif", "has 3 bands", "B02, B03, B04, B08", "choose them with --bands"))
    a.tif: has 3 bands; expected B02, B03, B04, B08. Choose them with --bands.
    """

    def __init__(self, subject: str | PathLike[str], finding: str, expectation: str, remedy: str) -> None:
        self.subject = str(subject)
        self.finding = finding
        self.expectation = expectation
        self.remedy = remedy
        text = f"{self.subject}: {finding}; expected {expectation}. {remedy[:1].upper()}{remedy[1:]}."
        super().__init__(" ".join(text.split()))
