"""The vLLM servers that are compared, their routers, and PegaFlow's daemons beside them.

On a machine with two GPUs prefill runs on the first and decode on the second, several engines to a
GPU; they rest while another is measured. Without GPUs the same runs with a tiny model on the CPU:
to rehearse, not to measure.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.gpu.deployment import installed_gpus
from tests.support.cluster import ROOT, Cluster, Process, free_port, http_json, wait_for
from tests.vllm.deployment import ENVIRONMENT as CPU_ENVIRONMENT

from bench.vllm import model, random_weights

CONTEXT = 20480
KV_BYTES = 8 << 30
HERE = Path(__file__).resolve().parent
GPU_OPTIONS = (
    f"--dtype bfloat16 --gpu-memory-utilization 0.1 --kv-cache-memory-bytes {KV_BYTES}"
    " -cc.mode 0 -cc.cudagraph_mode FULL_DECODE_ONLY --cudagraph-capture-sizes 1 2 4 8"
)
CPU_OPTIONS = "--dtype float32 --enforce-eager --block-size 32"
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_HOST_IP": "127.0.0.1",
}
GPU_ENVIRONMENT = {
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    "GLOO_SOCKET_IFNAME": "lo",
    "NCCL_SOCKET_IFNAME": "lo",
    "VLLM_USE_FLASHINFER_SAMPLER": "0",
    "OMP_NUM_THREADS": "4",
}
NIXL_ENVIRONMENT = {
    "UCX_TLS": "cuda_ipc,cuda_copy,sm,tcp,self",
    "UCX_NET_DEVICES": "all",
    "VLLM_NIXL_SIDE_CHANNEL_HOST": "127.0.0.1",
}
Json = dict[str, Any]


@dataclass(frozen=True)
class Engine:
    """A vLLM server: on which GPU, with which connector, and what is special about it."""

    gpu: int
    connector: str = ""
    extra: Json = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


CROSS_LAYER = {"enable_cross_layers_blocks": "True"}
# Cross-layer blocks: only the older runner has them.
OLDER = {"VLLM_USE_V2_MODEL_RUNNER": "0"}
ENGINES = {
    "alone": Engine(1),
    "auto-prefill": Engine(0, "Traced"),
    "layer-prefill": Engine(0, "Traced", {"push": "layer"}),
    "decode": Engine(1, "Traced"),
    "step-prefill": Engine(0, "Traced", {"push": "step"}),
    "dry-prefill": Engine(0, "DryRun"),
    "dry-decode": Engine(1, "DryRun"),
    "nixl-prefill": Engine(0, "NixlConnector"),
    "nixl-decode": Engine(1, "NixlConnector"),
    "nixl-xl-prefill": Engine(0, "NixlConnector", CROSS_LAYER, OLDER),
    "nixl-xl-decode": Engine(1, "NixlConnector", CROSS_LAYER, OLDER),
}
MODULES = {"Traced": "bench.vllm.traced", "DryRun": "bench.vllm.dry_run"}


@dataclass(frozen=True)
class Target:
    """Where requests go: how they are dispatched, and to whom."""

    dispatch: str  # direct, proxy (pegaflow-proxy) or serial
    decode: str
    prefill: str = ""


TARGETS = {
    "alone": Target("direct", "alone"),
    "alone-proxy": Target("proxy", "alone"),
    "auto-concurrent": Target("proxy", "decode", "auto-prefill"),
    "auto-serial": Target("serial", "decode", "auto-prefill"),
    "layer-concurrent": Target("proxy", "decode", "layer-prefill"),
    "layer-serial": Target("serial", "decode", "layer-prefill"),
    "dry-concurrent": Target("proxy", "dry-decode", "dry-prefill"),
    "dry-serial": Target("serial", "dry-decode", "dry-prefill"),
    "nixl": Target("serial", "nixl-decode", "nixl-prefill"),
    "nixl-xl": Target("serial", "nixl-xl-decode", "nixl-xl-prefill"),
    "step-concurrent": Target("proxy", "decode", "step-prefill"),
    "step-serial": Target("serial", "decode", "step-prefill"),
}


def serve_options(*, load_format: str, gpus: bool, detokenize: bool) -> list[str]:
    """What all engines are served with."""
    options = GPU_OPTIONS if gpus else CPU_OPTIONS
    options += f" --load-format {load_format} --max-model-len {CONTEXT} --max-num-seqs 32"
    options += " --generation-config vllm --disable-uvicorn-access-log"
    if not detokenize:
        options += " --skip-tokenizer-init"
    return options.split()


class Servers:
    """All processes of a comparison."""

    def __init__(
        self, folder: Path, names: list[str], shape: str, load_format: str, *, detokenize: bool
    ) -> None:
        self.folder, self.shape, self.load_format = folder, shape, load_format
        self.detokenize = detokenize
        self.gpus = installed_gpus()
        self.ready_seconds = 150.0 if self.gpus else 1200.0
        wanted = [TARGETS[name] for name in names]
        needed = {engine for target in wanted for engine in (target.decode, target.prefill)}
        self.engines = [name for name in ENGINES if name in needed]
        self.ports = {name: free_port() for name in (*self.engines, *names)}
        self.targets = {name: TARGETS[name] for name in names}
        self.processes: dict[str, Process] = {}
        self.cluster = self._cluster()
        for name in ("notes", "signs"):
            (folder / name).mkdir(parents=True)
        model.write(folder / "model", shape)
        random_weights.install(folder / "plugin")

    def _cluster(self) -> Cluster:
        options: Json = {"slots": 64, "slot_bytes": 4 << 20, "window": 32}
        if self.gpus:
            pairs = zip(("prefill-0", "decode-0"), self.gpus)
            options["gpus"] = {
                node: {"index": index, "uuid": uuid} for index, (node, uuid) in enumerate(pairs)
            }
        return Cluster(self.folder, {"path": "auto"}, **options)

    # ---- start
    def start(self) -> None:
        """Returns when all that lives serves. Targets whose engine died are left out, loudly."""
        self.cluster.start()
        for name in self.engines:
            self._start_engine(name)
        end = time.monotonic() + self.ready_seconds
        dead = {name for name in self.engines if not self._serves(name, end)}
        for name, target in list(self.targets.items()):
            if dead & {target.decode, target.prefill}:
                del self.targets[name]
            else:
                self._start_router(name, target)
        for name, target in self.targets.items():
            if target.dispatch != "direct":
                wait_for(f"router {name}", lambda name=name: self._routes(name), 60)

    def _spawn(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        log = self.folder / f"{name}.log"
        self.processes[name] = Process(
            name, command, log, env=os.environ | environment, start_new_session=True
        )

    def _start_engine(self, name: str) -> None:
        engine = ENGINES[name]
        command = [sys.executable, "-m", "vllm.entrypoints.cli.main", "serve"]
        command += [str(self.folder / "model"), "--served-model-name", "m", "--host", "127.0.0.1"]
        command += ["--port", str(self.ports[name])]
        command += serve_options(
            load_format=self.load_format, gpus=bool(self.gpus), detokenize=self.detokenize
        )
        if engine.connector:
            command += ["--kv-transfer-config", json.dumps(self._transfer(name, engine))]
        self._spawn(name, command, self._environment(engine))

    def _transfer(self, name: str, engine: Engine) -> Json:
        config: Json = {"kv_connector": engine.connector, "kv_role": "kv_both"}
        if engine.connector not in MODULES:
            role = "kv_producer" if engine.gpu == 0 else "kv_consumer"
            return {**config, "kv_role": role, "kv_connector_extra_config": engine.extra}
        node = "prefill-0" if engine.gpu == 0 else "decode-0"
        extra = {"socket": str(self.folder / f"{node}.sock"), "instance": name, **engine.extra}
        config["kv_connector_module_path"] = MODULES[engine.connector]
        return {**config, "kv_connector_extra_config": extra}

    def _environment(self, engine: Engine) -> dict[str, str]:
        paths = [str(self.folder / "plugin"), str(ROOT), os.environ.get("PYTHONPATH", "")]
        made = {
            **OFFLINE,
            **(GPU_ENVIRONMENT if self.gpus else CPU_ENVIRONMENT),
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "PEGAFLOW_BENCH_NOTES": str(self.folder / "notes"),
            "PEGAFLOW_BENCH_SIGNS": str(self.folder / "signs"),
        }
        if self.gpus:  # both are visible, its own first
            made["CUDA_VISIBLE_DEVICES"] = "0,1" if engine.gpu == 0 else "1,0"
        if engine.connector == "NixlConnector":
            made |= NIXL_ENVIRONMENT
            made["VLLM_NIXL_SIDE_CHANNEL_PORT"] = str(free_port())
        return made | engine.environment

    def _start_router(self, name: str, target: Target) -> None:
        if target.dispatch == "direct":
            return
        legs = [target.decode] + ([target.prefill] if target.prefill else [])
        port = str(self.ports[name])
        if target.dispatch == "serial":
            command = [sys.executable, str(HERE / "serial_router.py"), port]
            command += [self.url(target.prefill), self.url(target.decode)]
        else:
            command = [sys.executable, "-m", "pegaflow.proxy.main", "--port", port]
            command += ["--topology", str(self.cluster.topology_file)]
            for leg in legs:
                node = "prefill-0" if leg == target.prefill else "decode-0"
                command += ["--engine", f"{node}/{leg}={self.url(leg)}"]
        self._spawn(name, command, {})

    def _serves(self, name: str, end: float) -> bool:
        process, health = self.processes[name], self.url(name) + "/health"
        while process.alive() and time.monotonic() < end:
            if http_json(health) is not None:
                return True
            time.sleep(0.2)  # poll interval
        text = process.log.read_text(errors="replace")[-3000:]
        print(f"{name} does not serve:\n{text}", flush=True)
        return False

    def _routes(self, name: str) -> bool:
        health = http_json(f"http://127.0.0.1:{self.ports[name]}/health")
        return health is not None and (not health or all(health["engines"].values()))

    # ---- use
    def url(self, name: str) -> str:
        """Of an engine, or of a target: its router, or its only engine."""
        target = self.targets.get(name)
        direct = target is not None and target.dispatch == "direct"
        return f"http://127.0.0.1:{self.ports[target.decode if target and direct else name]}"

    def close(self) -> None:
        for process in self.processes.values():
            try:
                os.killpg(process.popen.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.close()
        self.cluster.close()
