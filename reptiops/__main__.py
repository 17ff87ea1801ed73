"""`python -m reptiops`."""

from reptiops.cli import main

main()
