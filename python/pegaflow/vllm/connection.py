"""A connection to the agent that is made anew, in the background, after the agent died."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from .._core import Code, PegaflowError

log = logging.getLogger("vllm.pegaflow")
RETRY_SECONDS = 0.5


class Connected(Protocol):
    """What a connection is made of; both kinds of session fit."""

    @property
    def alive(self) -> bool: ...

    def close(self) -> None: ...


S = TypeVar("S", bound=Connected)


class Connection(Generic[S]):
    """Holds one live session, or none while a thread of its own tries to get one.

    `connect` makes a session, pools included; it raises PegaflowError or OSError while there is no
    agent. All methods are for one thread, the engine's; the thread connects also while the engine
    is idle, so that the next request finds a session. It calls `renewed` with each session but the
    first, before the engine has it.
    """

    def __init__(
        self, connect: Callable[[], S], timeout: float, renewed: Callable[[S], None] | None = None
    ) -> None:
        """Waits up to `timeout` seconds for the agent; raises PegaflowError after that."""
        self._connect = connect
        self._renewed = renewed
        self._made: S | None = None
        self._closed = threading.Event()
        self._session = self._first(timeout)
        watcher = threading.Thread(target=self._watch, name="pegaflow-connect", daemon=True)
        watcher.start()

    def _first(self, timeout: float) -> S:
        deadline = time.monotonic() + timeout
        while True:
            try:
                return self._connect()
            except PegaflowError as error:
                absent = error.code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED)
                if not absent or time.monotonic() > deadline:
                    raise
                log.info("pegaflow: waiting for the agent: %s", error)
                time.sleep(RETRY_SECONDS)

    @property
    def session(self) -> S | None:
        """The live session; None while the agent is gone."""
        if self._session.alive:
            return self._session
        made = self._made
        if made is None:
            return None
        self._session.close()
        self._session, self._made = made, None
        return self._session

    def _watch(self) -> None:
        lost: S | None = None
        while not self._closed.wait(RETRY_SECONDS):
            session = self._session
            if session.alive or self._made is not None:
                continue
            if session is not lost:
                log.warning("pegaflow: the agent is gone; connecting again")
                lost = session
            try:
                made = self._connect()
                if self._renewed is not None:
                    self._renewed(made)
                self._made = made
                log.warning("pegaflow: connected to the agent again")
            except (PegaflowError, OSError) as error:
                log.debug("pegaflow: no agent yet: %s", error)

    def close(self) -> None:
        """Closes the session; nothing is reported any more."""
        self._closed.set()
        self._session.close()
