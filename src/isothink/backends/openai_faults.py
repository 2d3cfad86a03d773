"""What can go wrong with one request to a server; raised and caught within openai_client.py and its siblings.

A `TryError` may pass, a `RefusalError` concerns one prompt for good, an `UnreachableError` is no try at all; a
`StepError` (errors.py) ends the work. Their texts hold no credentials: whoever raises them has redacted them.
"""


class TryError(Exception):
    """One try failed, another may not; `retry_after` is how many seconds the server asks to wait."""

    def __init__(self, error: str, *, retry_after: float | None = None) -> None:
        super().__init__(error)
        self.retry_after = retry_after


class RefusalError(Exception):
    """The server refuses this prompt, now and later."""


class UnreachableError(Exception):
    """No connection was made, so that nothing was asked."""
