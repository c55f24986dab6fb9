"""Session: the extension's session, which also takes pools made of arrays."""

from __future__ import annotations

from . import _core
from .pools import Pool


class Session(_core.Session):
    """An engine process's connection to its node's agent. Thread safe; inert after fork().

    Every offer and every receive ends with exactly one event of `poll()` or `wait()`.
    """

    _pools: list[Pool]

    def __enter__(self) -> Session:
        return self

    def add_pool(self, pool: Pool | _core.KvLayout) -> int:
        """Registers the memory that offers and receives name by the returned number.

        The arrays of a `Pool` are kept alive as long as the session.
        """
        if isinstance(pool, _core.KvLayout):
            return super().add_pool(pool)
        handle = super().add_pool(pool.layout())
        if not hasattr(self, "_pools"):
            self._pools = []
        self._pools.append(pool)
        return handle
