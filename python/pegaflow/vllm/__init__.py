"""vLLM's connector for prefill/decode disaggregation over PegaFlow.

    vllm serve MODEL --kv-transfer-config '{"kv_connector": "PegaPdConnector",
      "kv_connector_module_path": "pegaflow.vllm", "kv_role": "kv_both",
      "kv_connector_extra_config": {"socket": "/run/pegaflow/prefill-0.sock",
                                    "instance": "prefill-0"}}'

`connector.py` is the class that vLLM sees; `scheduler.py` and `worker.py` decide and know nothing
of vLLM; `compat.py` holds what differs between its releases. Nothing here imports vLLM before the
class is asked for.
"""

from __future__ import annotations

from typing import Any

__all__ = ["PegaPdConnector"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from . import connector

        return getattr(connector, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
