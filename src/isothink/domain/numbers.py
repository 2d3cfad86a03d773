"""One spelling of large numbers, for reasons, tables, figures and the terminal. Used by evidence/, report/ and cli/."""


def scientific(value: float) -> str:
    """A large number in at most three digits, for example `5e11` or `1.25e11`; 0 stays `0`."""
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def flops(value: float) -> str:
    """For example `5e11 FLOPs`."""
    return f"{scientific(value)} FLOPs"


def short(value: float) -> str:
    """Three digits: plain from a thousandth to ten thousand, else in powers of ten; numbers.js spells the same."""
    if value >= 1e4 or 0 < value < 1e-3:
        return scientific(value)
    return f"{float(f'{value:.3g}'):g}"
