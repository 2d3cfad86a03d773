"""Lets the tests here import the example study and the small corpora."""

import sys
from pathlib import Path

for folder in ("domain", "corpus", "plan"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))
