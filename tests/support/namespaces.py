"""Hosts as network namespaces: two of them joined by a veth pair, which can be cut."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import TypeVar

from tests.support.cluster import DEADLINE, wait_for

CLONE_NEWNET = 0x40000000
T = TypeVar("T")
_numbers = count()


def run(*command: str) -> None:
    """Runs a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"


def may_make_namespaces() -> bool:
    """Whether this process has the right, and the machine the tools."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"pf{os.getpid()}-try"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return done.returncode == 0


class Namespace:
    """A network namespace with one device, eth0, and the means to run things in it."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address
        run("ip", "netns", "add", name)
        self._inside = ThreadPoolExecutor(1, initializer=self._enter)

    def _enter(self) -> None:
        """Moves the calling thread, and it alone, into the namespace."""
        libc = ctypes.CDLL(None, use_errno=True)
        fd = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            if libc.setns(fd, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"setns({self.name}) in {threading.get_ident()}")
        finally:
            os.close(fd)

    def call(self, function: Callable[[], T]) -> T:
        """What the function returns inside the namespace (sockets that it makes belong there)."""
        return self._inside.submit(function).result()

    def command(self, command: list[str]) -> list[str]:
        """The command, to be run in the namespace; the process keeps its pid."""
        return ["ip", "netns", "exec", self.name, *command]

    def ip(self, *arguments: str) -> None:
        """Runs `ip` on the namespace."""
        run("ip", "-n", self.name, *arguments)

    def has_carrier(self) -> bool:
        """The kernel has noticed the other end; UCX leaves out devices that are not running."""
        command = ["ip", "-n", self.name, "-br", "link", "show", "eth0"]
        return " UP " in subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def close(self) -> None:
        self._inside.shutdown()
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)


def join(left: Namespace, right: Namespace) -> None:
    """Makes eth0 in both, the two ends of one cable, and waits until both are up."""
    pair = ("type", "veth", "peer", "name", "eth0", "netns", right.name)
    left.ip("link", "add", "eth0", *pair)
    for space in (left, right):
        space.ip("link", "set", "lo", "up")
        space.ip("addr", "add", f"{space.address}/24", "dev", "eth0")
        space.ip("link", "set", "eth0", "up")
    for space in (left, right):
        wait_for("eth0 is up", space.has_carrier)


@contextmanager
def two_namespaces(left: str, right: str) -> Iterator[tuple[Namespace, Namespace]]:
    """Two joined namespaces with these IPv4 addresses (of one /24)."""
    name = f"pf{os.getpid()}-{next(_numbers)}"
    spaces: list[Namespace] = []
    try:
        for suffix, address in (("a", left), ("b", right)):
            spaces.append(Namespace(name + suffix, address))
        join(*spaces)
        yield spaces[0], spaces[1]
    finally:
        for space in spaces:
            space.close()
