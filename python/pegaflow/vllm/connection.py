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
    """Holds one live session, or none while a thread tries to get one.

    `connect` makes a session, pools included; it raises PegaflowError or OSError while there is no
    agent. All methods are for one thread, the engine's.
    """

    def __init__(self, connect: Callable[[], S], timeout: float) -> None:
        """Waits up to `timeout` seconds for the agent; raises PegaflowError after that."""
        self._connect = connect
        self._made: S | None = None
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        self._session: S | None = self._first(timeout)

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
        """The live session. None: the agent is gone; asking starts and finishes reconnecting."""
        if self._session is not None and self._session.alive:
            return self._session
        self._lose()
        return self._session

    @property
    def last(self) -> S | None:
        """The session, though it may have died: its last events can still be read."""
        return self._session

    def _lose(self) -> None:
        if self._thread is None and not self._closed.is_set():
            log.warning("pegaflow: the agent is gone; connecting again in the background")
            self._thread = threading.Thread(
                target=self._retry, name="pegaflow-connect", daemon=True
            )
            self._thread.start()
        if self._made is not None:
            if self._session is not None:
                self._session.close()
            self._session, self._made, self._thread = self._made, None, None
            log.info("pegaflow: connected to the agent again")

    def _retry(self) -> None:
        complained = False
        while not self._closed.is_set():
            try:
                self._made = self._connect()
                return
            except (PegaflowError, OSError) as error:
                if not complained:
                    log.warning("pegaflow: no agent yet: %s", error)
                complained = True
            self._closed.wait(RETRY_SECONDS)

    def close(self) -> None:
        """Closes the session; nothing is reported any more."""
        self._closed.set()
        if self._session is not None:
            self._session.close()
