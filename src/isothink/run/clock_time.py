"""Wall time as a clock would show it: for views that change while one looks. Used by run/."""


def clock_time(seconds: float) -> str:
    """For example `42 s`, `3:05 min`, `2:04 h`, `3.2 days`."""
    whole = int(seconds + 0.5)
    if whole < 100:
        return f"{whole} s"
    if whole < 6000:
        return f"{whole // 60}:{whole % 60:02} min"
    if whole < 72 * 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02} h"
    return f"{seconds / 86400:.1f} days"
