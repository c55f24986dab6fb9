"""A decode engine whose KV is wrong, to prove that the tests would see it."""

from __future__ import annotations

from typing import Any

from pegaflow.vllm.connector import PegaPdConnector


class WrongKv(PegaPdConnector):
    """Shifts what was loaded by one block, in every layer, once all of it has arrived."""

    def get_transfer_results(self, finished_req_ids: set[str]) -> Any:
        results = super().get_transfer_results(finished_req_ids)
        if results.finished_recving:
            for cache in self._kv_caches.values():
                cache[1:] = cache[:-1].clone()
        return results
