"""The addresses of a served model: which one is asked next, which one rests, and when patience ends.

Used by openai_client.py, within one event loop. An address that cannot be connected to is down: it rests, then one
request tries it, then it rests for longer, until a connection is made. Where nothing can be reached all requests wait.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from isothink.domain.teacher_settings import Requests
from isothink.errors import StepError, StudyError, UsageError

LONGEST_REST_SECONDS = 10.0
"""Trying an address costs next to nothing, and a server that returns must not be kept waiting."""
FIRST_PATIENCE_SECONDS = 10.0
"""An address that was never reached is more likely wrong than down."""
_SHOWN_ADDRESSES = 3


@dataclass(kw_only=True, eq=False)
class Address:
    """One base URL and its state."""

    base_url: str
    endpoint: URL
    proxy: str | None
    in_flight: int = 0
    connected_at: float = float("-inf")
    """When a connection was last known to stand."""
    failed_at: float = float("-inf")
    """When it was last found that none can be made."""
    down_since: float | None = None
    down_reason: str = ""
    rest_seconds: float = 0.0
    rest_until: float = 0.0
    tried_by: object = None
    """The request that is finding out whether it is still down."""

    def is_open(self, now: float) -> bool:
        """Whether the next request may go here."""
        return self.down_since is None or (self.tried_by is None and now >= self.rest_until)


class Addresses:
    """All addresses of one model while it answers; `key` is where the study file names it."""

    def __init__(self, addresses: Sequence[Address], requests: Requests, *, name: str, key: str) -> None:
        self._addresses = addresses
        self._requests = requests
        self._name = name
        self._key = key
        self._ever_connected = False
        self._changed = asyncio.Event()

    async def take(self, asker: object, *, avoided: Address | None = None) -> Address:
        """The address with the fewest requests in flight, `avoided` only for want of another; `asker` gives it back.

        Raises:
            StepError: no address could be reached for too long.
        """
        while True:
            now = time.monotonic()
            candidates = [address for address in self._addresses if address.is_open(now)]
            if candidates:
                chosen = min(candidates, key=lambda address: (address is avoided, address.in_flight))
                chosen.in_flight += 1
                if chosen.down_since is not None:
                    chosen.tried_by = asker
                return chosen
            await self._wait(now)

    def give_back(self, address: Address, asker: object) -> None:
        """A request to this address has ended, however it did."""
        address.in_flight -= 1
        if address.tried_by is asker:
            address.tried_by = None
            self._wake()

    def connected(self, address: Address) -> None:
        """A connection to this address stands."""
        self._ever_connected = True
        address.connected_at = time.monotonic()
        if address.down_since is not None:
            address.down_since, address.rest_seconds, address.tried_by = None, 0.0, None
            self._wake()

    def failed(self, address: Address, *, started: float, reason: str) -> None:
        """A connection that was begun at `started` was not made."""
        if started <= max(address.connected_at, address.failed_at):
            return  # something newer is known
        address.failed_at = time.monotonic()
        address.down_reason = reason
        if address.down_since is None:
            address.down_since, address.rest_seconds = started, self._requests.first_wait_seconds
        else:
            address.rest_seconds *= 2
        longest = min(LONGEST_REST_SECONDS, self._requests.longest_wait_seconds)
        address.rest_seconds = min(address.rest_seconds, longest)
        address.rest_until = address.failed_at + address.rest_seconds * random.uniform(0.75, 1.0)
        self._wake()

    async def _wait(self, now: float) -> None:
        """Until an address may be tried, or something changes. No address is open: all are down."""
        patience = self._requests.patience_seconds
        if not self._ever_connected:
            patience = min(patience, FIRST_PATIENCE_SECONDS)
        down_since = max(address.down_since or now for address in self._addresses)
        if now >= down_since + patience:
            raise self._outage(now - down_since)
        rests = [address.rest_until for address in self._addresses if address.tried_by is None]
        changed = self._changed
        try:
            async with asyncio.timeout(min([*rests, down_since + patience]) - now):
                await changed.wait()
        except TimeoutError:
            pass

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _outage(self, seconds: float) -> StepError:
        shown = [f"{address.base_url} ({address.down_reason})" for address in self._addresses[:_SHOWN_ADDRESSES]]
        more = f" and {len(self._addresses) - len(shown)} more" if len(self._addresses) > len(shown) else ""
        return StepError(
            f"{self._name} could not be reached for {seconds:.0f} s: {', '.join(shown)}{more};"
            " nothing that was answered is lost, and the same command goes on",
            hint=f"start the server, or correct {self._key}.base_urls",
        )


def read_address(base_url: str, *, key: str, endpoint: str) -> Address:
    """An address of the study file, named there under `key`, with the path of what is asked, and the proxy
    that the environment names for it.

    Raises:
        StudyError: it is no address.
        UsageError: the proxy is of a kind that is not supported.
    """
    try:
        url = URL(f"{base_url}{endpoint}")
        host = url.host or ""
        host.encode("idna")
        if len(host.split()) != 1:
            raise ValueError(host)
    except ValueError:
        raise StudyError(
            f"{key}.base_urls: {base_url!r} is no address; allowed are such as http://127.0.0.1:8000/v1"
        ) from None
    return Address(base_url=base_url, endpoint=url, proxy=_proxy(url.scheme, host))


def _proxy(scheme: str, host: str) -> str | None:
    """Looked up once: a library that trusts the environment at every request also reads credentials from ~/.netrc."""
    proxy = getproxies().get(scheme)
    if not proxy or host in ("localhost", "127.0.0.1", "::1") or proxy_bypass(host):
        return None
    if URL(proxy).scheme not in ("http", "https") or URL(proxy).user:
        raise UsageError(
            f"the environment's {scheme} proxy cannot be used for {host}: allowed is http://HOST:PORT",
            hint=f"name {host} in NO_PROXY to reach it without a proxy",
        )
    return proxy
