"""A thread that captures CUDA graphs of torch and replays them, as an engine does while its KV is
moved."""

from __future__ import annotations

import threading
import traceback
from typing import Any


class Graphs:
    """A thread that captures graphs and replays them, and compares what they compute."""

    def __init__(self, torch: Any, device: Any) -> None:
        self.torch, self.device = torch, device
        self.captured = 0
        self.error = ""
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._warm_up()
            while not self.stopping.is_set():
                self._capture_and_replay()
                self.captured += 1
        except Exception:  # whatever it is, the test must hear of it
            self.error = f"after {self.captured} graphs: {traceback.format_exc()}"

    def _warm_up(self) -> None:
        """What libraries set up when they are used first cannot be captured."""
        stream = self.torch.cuda.Stream(self.device)
        with self.torch.cuda.stream(stream):
            self._computed(self.torch.rand(1024, 1024, device=self.device))
        stream.synchronize()

    def _capture_and_replay(self) -> None:
        torch = self.torch
        with torch.cuda.device(self.device):
            matrix = torch.rand(1024, 1024, device=self.device)
            graph = torch.cuda.CUDAGraph()
            # The strictest mode: any call that a capture forbids, by any thread, breaks it.
            with torch.cuda.graph(graph, capture_error_mode="global"):
                result = self._computed(matrix)
            for _ in range(10):
                graph.replay()
            if not torch.equal(result, self._computed(matrix)):
                raise AssertionError("a replayed graph computed something else")

    def _computed(self, matrix: Any) -> Any:
        result = matrix
        for _ in range(8):
            result = self.torch.sin(result @ matrix)
        return result

    def stop(self) -> dict[str, Any]:
        self.stopping.set()
        self.thread.join()
        return self.state()

    def state(self) -> dict[str, Any]:
        return {"error": self.error} if self.error else {"ok": self.captured}
