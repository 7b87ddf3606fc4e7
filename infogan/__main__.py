"""`python -m infogan`."""

from infogan.cli import main

main()
