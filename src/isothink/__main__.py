"""`python -m isothink` is the command line."""

from isothink.cli.main import main

main()
