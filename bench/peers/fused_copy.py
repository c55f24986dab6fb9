"""Builds and launches fused_copy.cu: one kernel that moves all pages of a transfer.

Needs CUDA's compiler; everything else is the driver's own interface.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

import gpu
import numpy as np
from workload import Pages, Workload

SOURCE = Path(__file__).with_suffix(".cu")
THREADS = 256
VECTOR = 16  # bytes
LOADS_IN_FLIGHT = (2, 4, 8)  # the versions of the kernel
BLOCKS_PER_MULTIPROCESSOR = (1, 2, 4, 8)
TRIES = 3
COMPILER_LIMIT_S = 120


class _Pages(ctypes.Structure):
    """The kernel's only parameter."""

    _fields_ = [
        ("to", ctypes.c_uint64),
        ("source", ctypes.c_uint64),
        ("to_page", ctypes.c_uint64),
        ("source_page", ctypes.c_uint64),
        ("per_page", ctypes.c_uint32),
        ("count", ctypes.c_uint32),
    ]


def _compiler() -> str:
    usual = "/usr/local/cuda/bin/nvcc"
    found = shutil.which("nvcc") or shutil.which(usual)
    if found is None:
        raise OSError(f"the fused kernel: expected nvcc in the PATH or {usual}, found neither")
    return found


@cache
def build(architecture: str) -> bytes:
    """The machine code for sm_xx."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "fused_copy.cubin"
        command = [_compiler(), "-cubin", f"-arch={architecture}", "-std=c++17"]
        done = subprocess.run(
            [*command, "-o", str(result), str(SOURCE)],
            capture_output=True,
            text=True,
            timeout=COMPILER_LIMIT_S,
            check=False,
        )
        if done.returncode != 0:
            raise OSError(f"nvcc could not build the fused kernel: {done.stderr.strip()}")
        return result.read_bytes()


class FusedCopy:
    """Moves pages between two pools with one launch on the GPU whose context is current."""

    def __init__(self, device: int, to: int, source: int, workload: Workload) -> None:
        if workload.page % VECTOR != 0 or workload.total // VECTOR >= 1 << 32:
            expected = f"pages of a multiple of {VECTOR} bytes and less than {VECTOR << 32} in all"
            raise OSError(f"the fused kernel: expected {expected}")
        major = gpu.attribute(gpu.CAPABILITY_MAJOR, device)
        minor = gpu.attribute(gpu.CAPABILITY_MINOR, device)
        self._code = build(f"sm_{major}{minor}")
        module = ctypes.c_void_p()
        gpu.call("cuModuleLoadData", ctypes.byref(module), self._code)
        self._kernels = {loads: ctypes.c_void_p() for loads in LOADS_IN_FLIGHT}
        for loads, kernel in self._kernels.items():
            name = b"fused_copy_%d" % loads
            gpu.call("cuModuleGetFunction", ctypes.byref(kernel), module, name)
        self._multiprocessors = gpu.attribute(gpu.MULTIPROCESSORS, device)
        self._stream = gpu.Stream()
        self._tables = [gpu.Memory(4 * workload.fragments) for _ in range(2)]
        self._pages = _Pages(to, source, self._tables[0].address, self._tables[1].address)
        self._pages.per_page = workload.page // VECTOR
        self._pages.count = workload.total // VECTOR
        self._shape: tuple[int, int] | None = None

    @property
    def shape(self) -> str:
        assert self._shape is not None
        return f"{self._shape[0]} loads in flight, {self._shape[1]} blocks of {THREADS} threads"

    def prepare(self, read: Pages, written: Pages) -> None:
        """Says which pages; the first time, finds the fastest way to launch."""
        self._tables[0].store(written.astype(np.uint32))
        self._tables[1].store(read.astype(np.uint32))
        if self._shape is None:
            shapes = [
                (loads, per * self._multiprocessors)
                for loads in LOADS_IN_FLIGHT
                for per in BLOCKS_PER_MULTIPROCESSOR
            ]
            self._shape = min(shapes, key=self._time)

    def _time(self, shape: tuple[int, int]) -> float:
        took = []
        for _ in range(TRIES):
            started = time.monotonic()
            self._launch(*shape)
            took.append(time.monotonic() - started)
        return min(took)

    def move(self) -> None:
        assert self._shape is not None
        self._launch(*self._shape)

    def _launch(self, loads: int, blocks: int) -> None:
        parameters = (ctypes.c_void_p * 1)(ctypes.addressof(self._pages))
        kernel, stream = self._kernels[loads], self._stream
        shape, shared = (blocks, 1, 1, THREADS, 1, 1), 0
        gpu.call("cuLaunchKernel", kernel, *shape, shared, stream.handle, parameters, None)
        stream.wait()
