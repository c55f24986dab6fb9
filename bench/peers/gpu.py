"""GPU memory for the peers, by the driver's own interface: no framework is needed.

A process uses the GPU's primary context, as every CUDA program does unless it asks for another.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SOURCE_ORDER_STREAM = 1  # CU_MEMCPY_SRC_ACCESS_ORDER_STREAM
_NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING
Addresses = NDArray[np.uint64]
# CUdevice_attribute: what a kernel is built for and how wide it is launched.
MULTIPROCESSORS, CAPABILITY_MAJOR, CAPABILITY_MINOR = 16, 75, 76


class _Attributes(ctypes.Structure):
    """CUmemcpyAttributes: access order, two location hints (type, id), flags."""

    _fields_ = [
        ("order", ctypes.c_int),
        ("hints", ctypes.c_int * 4),
        ("flags", ctypes.c_uint),
    ]


@cache
def _driver() -> ctypes.CDLL:
    library = ctypes.CDLL("libcuda.so.1")
    _check(library.cuInit(0), "cuInit")
    return library


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(f"{what}: CUDA error {result}")


def call(name: str, *arguments: object) -> None:
    """A function of the driver, in the current context; OSError if it fails."""
    _check(getattr(_driver(), name)(*arguments), name)


def use(gpu: int) -> None:
    """Makes the GPU's primary context current in this thread."""
    context = ctypes.c_void_p()
    call("cuDevicePrimaryCtxRetain", ctypes.byref(context), gpu)
    call("cuCtxSetCurrent", context)


def attribute(which: int, gpu: int) -> int:
    value = ctypes.c_int()
    call("cuDeviceGetAttribute", ctypes.byref(value), which, gpu)
    return value.value


@cache
def reach(gpu: int) -> None:
    """Lets the current context use the memory of another GPU."""
    here, there = ctypes.c_void_p(), ctypes.c_void_p()
    call("cuCtxGetCurrent", ctypes.byref(here))
    call("cuDevicePrimaryCtxRetain", ctypes.byref(there), gpu)
    call("cuCtxEnablePeerAccess", there, 0)
    call("cuCtxSetCurrent", here)


class Memory:
    """Bytes on the current GPU, until the process ends."""

    def __init__(self, size: int) -> None:
        address = ctypes.c_uint64()
        call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        self.address = int(address.value)
        self.size = size
        self.clear()

    def clear(self) -> None:
        call(
            "cuMemsetD8_v2",
            ctypes.c_uint64(self.address),
            0,
            ctypes.c_size_t(self.size),
        )
        call("cuCtxSynchronize")

    def store(self, data: NDArray[Any]) -> None:
        source = ctypes.c_void_p(data.ctypes.data)
        size = ctypes.c_size_t(data.nbytes)
        call("cuMemcpyHtoD_v2", ctypes.c_uint64(self.address), source, size)
        call("cuCtxSynchronize")

    def load(self, size: int | None = None) -> NDArray[np.uint64]:
        """The first `size` bytes, or all."""
        data = np.empty((size or self.size) // 8, dtype=np.uint64)
        into = ctypes.c_void_p(data.ctypes.data)
        length = ctypes.c_size_t(data.nbytes)
        call("cuMemcpyDtoH_v2", into, ctypes.c_uint64(self.address), length)
        return data


class Stream:
    """Copies between addresses of GPUs that reach each other."""

    def __init__(self) -> None:
        self.handle = ctypes.c_void_p()
        call("cuStreamCreate", ctypes.byref(self.handle), _NON_BLOCKING)

    def copy(self, to: int, source: int, size: int) -> None:
        addresses = ctypes.c_uint64(to), ctypes.c_uint64(source)
        call("cuMemcpyDtoDAsync_v2", *addresses, ctypes.c_size_t(size), self.handle)

    def copy_pages(self, to: Addresses, source: Addresses, page: int) -> None:
        """One call of cuMemcpyBatchAsync for all pages."""
        sizes = np.full(len(to), page, dtype=np.uint64)
        attributes, first = _Attributes(order=_SOURCE_ORDER_STREAM), ctypes.c_size_t(0)
        arrays = [ctypes.c_void_p(array.ctypes.data) for array in (to, source, sizes)]
        call(
            "cuMemcpyBatchAsync_v2",
            *arrays,
            ctypes.c_size_t(len(to)),
            ctypes.byref(attributes),
            ctypes.byref(first),
            ctypes.c_size_t(1),
            self.handle,
        )

    def wait(self) -> None:
        call("cuStreamSynchronize", self.handle)
