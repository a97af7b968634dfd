"""`python -m landcover` is the command `landcover`."""

from landcover.cli import main

main()
