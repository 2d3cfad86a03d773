"""isothink answers "scale or reason?": distil reasoning traces, or instruction-tune a larger student, at equal compute.

`isothink.api` is the Python twin of the command line. Importing this package loads no heavy library.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("isothink")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
