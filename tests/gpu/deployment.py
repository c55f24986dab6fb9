"""A deployment whose slots and engines are on two GPUs of this machine."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.support.cluster import Cluster, Engine, Json, program

HERE = Path(__file__).resolve().parent
GPU_OF = {"prefill-0": 0, "decode-0": 1}
LAYERS = 8
DEADLINE = 60.0  # seconds; generous, several deployments may share the GPUs
# Which GPUs an engine's process sees decides who writes D's slots: P's kernels, or P's agent.
VISIBLE = ("both", "own")
# And as between hosts, by P's agent through UCX, whose cuda_ipc stands in for GPUDirect.
WAYS = (*VISIBLE, "ucx")
UCX_LINK: Json = {"path": "ucx", "transports": ["tcp", "cuda_ipc"]}
NO_CUDA_IPC = "the agents' UCX has no cuda_ipc (build with UCX_ROOT: that of the wheel libucx-cu13)"
UCX_SETTINGS: Json = {"tls": "tcp,cuda_copy,cuda_ipc"}
# Small deadlines: a transfer whose other end is gone must end within a test.
DEADLINES = {"scatter_ms": 5000, "progress_ms": 5000}


def installed_gpus() -> list[str]:
    """UUIDs of the GPUs here, as nvidia-smi lists them; none without a driver."""
    try:
        listed = subprocess.check_output(["nvidia-smi", "-L"], text=True).splitlines()
    except (OSError, subprocess.CalledProcessError):
        return []
    return [line.split("UUID: ")[1].strip(" )") for line in listed if "UUID: GPU" in line]


def gpu_uuids() -> list[str]:
    """Of those whose numbers are in CUDA_VISIBLE_DEVICES, or of all."""
    found = installed_gpus()
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [found[int(number)] for number in chosen.split(",")] if chosen else found


def ucx_has_cuda() -> bool:
    """Whether the UCX that the agents load has its module for CUDA beside it."""
    loaded = subprocess.check_output(["ldd", program("pegaflow-agent")], text=True)
    found = [line.split("=> ")[1].split(" ")[0] for line in loaded.splitlines() if "libucp" in line]
    return any((Path(path).parent / "ucx" / "libuct_cuda.so").exists() for path in found)


class GpuDeployment(Cluster):
    """P on GPU 0, D on GPU 1. Options as Cluster's, and `host_slots`: staging in host memory."""

    def __init__(self, folder: Path, way: str = "both", **options: Any) -> None:
        self.uuids = gpu_uuids()
        gpus = {name: {"index": gpu, "uuid": self.uuids[gpu]} for name, gpu in GPU_OF.items()}
        if options.pop("host_slots", False):
            gpus = {}
        defaults: Json = {"slots": 32, "slot_bytes": 1 << 20, "window": 12, "gpus": gpus}
        defaults["deadlines"] = DEADLINES
        link: Json = {"path": "auto"}
        if way == "ucx":
            link = UCX_LINK
            defaults["ucx"] = {name: UCX_SETTINGS for name in GPU_OF}
        super().__init__(folder, link, **{**defaults, **options})
        self.way = way
        self.numbers = itertools.count()

    def torch_engine(
        self,
        node: str,
        *,
        own: bool | None = None,
        script: Path = HERE / "torch_engine.py",
        environment: dict[str, str] | None = None,
        **config: Any,
    ) -> Engine:
        """`own`: it sees its own GPU only; as the deployment's way has it, if not told."""
        gpu = GPU_OF[node]
        own = self.way != "both" if own is None else own
        instance = "prefill" if node == "prefill-0" else "decode"
        settings: Json = {
            "socket": str(self.folder / f"{node}.sock"),
            "instance": instance,
            "layers": LAYERS,
            "block_tokens": 16,
            "n_blocks": 2048,
            "order": "bpthc",
            "ordinal": 0 if own else gpu,
            **config,
        }
        log = self.folder / f"engine-{node}-{next(self.numbers)}.log"
        visible = {"CUDA_VISIBLE_DEVICES": self.uuids[gpu]} if own else {}
        command = [sys.executable, str(script)]
        engine = Engine(settings, log, command, visible | (environment or {}))
        self.engines.append(engine)
        return engine

    def torch_engines(self, source: Json, sink: Json) -> tuple[Engine, Engine]:
        """P's and D's engine, started at the same time."""
        with ThreadPoolExecutor(2) as threads:
            p = threads.submit(self.torch_engine, "prefill-0", **source)
            d = threads.submit(self.torch_engine, "decode-0", **sink)
            return p.result(), d.result()
