"""A connector that signals and reports but moves nothing: the floor of a dispatch mode.

Scheduler, worker and router are the product's, and so is all that they cost; in place of client
and agents there are sessions (dry_sessions.py) that say "offered" at once, and "done" when the
source's GPU has finished the last step of the prompt. The sign is a link in the folder
$PEGAFLOW_BENCH_SIGNS, which should be in memory; it points to the time, so that both are there at
once. Decode goes on with blocks that hold something else: its tokens are wrong.
"""

from __future__ import annotations

from typing import Any

from bench.vllm.dry_sessions import DryControl, DryWorker
from bench.vllm.traced import NotedWorker, Traced


class DryRun(Traced):
    """The floor."""

    def _open_control(self) -> Any:
        return DryControl()

    def _open_worker(self, pool: Any, rank: Any) -> Any:
        return NotedWorker(DryWorker(), self._notes)
