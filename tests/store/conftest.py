"""Lets the tests here import the example study."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "domain"))
