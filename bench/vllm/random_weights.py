"""A vLLM plugin: `--load-format random` fills the weights with random values of real scale.

vLLM's own `dummy` makes them so small that attention hardly counts, and wrong KV would not be seen.
Here each matrix keeps the size of what goes through it, and queries are long enough for a token to
look at few others. Equal on all GPUs of a kind: a seed for each name.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

ENTRY_POINTS = "[vllm.general_plugins]\nrandom_weights = bench.vllm.random_weights:register\n"
METADATA = "Metadata-Version: 2.1\nName: pegaflow-bench-vllm\nVersion: 0\n"
SHARP = 4.0  # scale of normalised queries


def install(folder: Path) -> None:
    """Makes vLLM find the plugin in a folder that is on PYTHONPATH."""
    info = folder / "pegaflow_bench_vllm-0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (info / "METADATA").write_text(METADATA)


def register() -> None:
    """What vLLM calls in each of its processes."""
    from vllm.model_executor.model_loader import register_model_loader  # type: ignore
    from vllm.model_executor.model_loader.dummy_loader import DummyModelLoader  # type: ignore

    @register_model_loader("random")  # type: ignore[misc]
    class RandomWeights(DummyModelLoader):  # type: ignore[misc]
        """Random weights; nothing is read."""

        def load_weights(self, model: Any, model_config: Any) -> None:
            fill(model)


def fill(model: Any) -> None:
    """Fills a module's parameters."""
    import torch

    for name, values in model.named_parameters():
        generator = torch.Generator(device=values.device).manual_seed(zlib.crc32(name.encode()))
        if values.dim() < 2:
            values.data.fill_(SHARP if "q_norm" in name else 0.0 if "bias" in name else 1.0)
            continue
        scale = 1.0 if "embed" in name else values.shape[-1] ** -0.5
        values.data.normal_(0.0, scale, generator=generator)
