"""The processes of a peer: one for each case, and the target's."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

from workload import Times

CASE_LIMIT_S = 300.0


def isolated(measure: Callable[..., None], *arguments: object) -> None:
    """Runs it in a process of its own, which has its own environment and may crash."""
    child = multiprocessing.get_context("spawn").Process(target=measure, args=arguments)
    child.start()
    child.join(CASE_LIMIT_S)
    if child.exitcode is None:
        child.kill()
        child.join()
        raise TimeoutError(f"more than {CASE_LIMIT_S:.0f} s")
    if child.exitcode != 0:
        raise RuntimeError(f"its process ended with {child.exitcode}")


class Driver:
    """The initiator's side of a peer that has a target process, which it owns.

    The target answers `clear` and a question for its verdict over the pipe, and ends with `quit`.
    """

    DEADLINE_S = 60.0

    def __init__(self, serve: Callable[..., None], *arguments: object) -> None:
        self._pipe, other = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=serve, args=(other, *arguments), daemon=True)
        self._process.start()
        other.close()  # so that the target's death ends this side's waits

    def transfer(self, times: Times | None) -> object:
        """Moves new pages, noting the times; returns the question for the verdict about them."""
        raise NotImplementedError

    def run(self, iterations: int, warmup: int) -> tuple[Times, bool]:
        times = Times()
        for _ in range(warmup):
            self.transfer(None)
        for _ in range(iterations):
            self.transfer(times)
        self.ask("clear")
        right = self.ask(self.transfer(None))
        self._pipe.send("quit")
        self._process.join(10)
        return times, bool(right)

    def ask(self, question: object) -> Any:
        self._pipe.send(question)
        return self.hear(f"the target's answer to {question!r}")

    def hear(self, what: str) -> Any:
        if not self._pipe.poll(self.DEADLINE_S):
            raise TimeoutError(f"{what} did not come")
        try:
            return self._pipe.recv()
        except EOFError:
            raise RuntimeError(f"the target ended before {what} came") from None
