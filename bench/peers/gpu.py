"""GPU memory for the peers, by the driver's own interface: no framework is needed.

A process uses the GPU's primary context, as every CUDA program does unless it asks for another.
"""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np
from numpy.typing import NDArray

_SOURCE_ORDER_STREAM = 1  # CU_MEMCPY_SRC_ACCESS_ORDER_STREAM
_NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING
Addresses = NDArray[np.uint64]


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


def _call(name: str, *arguments: object) -> None:
    _check(getattr(_driver(), name)(*arguments), name)


def use(gpu: int) -> None:
    """Makes the GPU's primary context current in this thread."""
    context = ctypes.c_void_p()
    _call("cuDevicePrimaryCtxRetain", ctypes.byref(context), gpu)
    _call("cuCtxSetCurrent", context)


@cache
def reach(gpu: int) -> None:
    """Lets the current context use the memory of another GPU."""
    here, there = ctypes.c_void_p(), ctypes.c_void_p()
    _call("cuCtxGetCurrent", ctypes.byref(here))
    _call("cuDevicePrimaryCtxRetain", ctypes.byref(there), gpu)
    _call("cuCtxEnablePeerAccess", there, 0)
    _call("cuCtxSetCurrent", here)


class Memory:
    """Bytes on the current GPU, until the process ends."""

    def __init__(self, size: int) -> None:
        address = ctypes.c_uint64()
        _call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        self.address = int(address.value)
        self.size = size
        self.clear()

    def clear(self) -> None:
        _call(
            "cuMemsetD8_v2",
            ctypes.c_uint64(self.address),
            0,
            ctypes.c_size_t(self.size),
        )
        _call("cuCtxSynchronize")

    def store(self, data: NDArray[np.uint64]) -> None:
        source = ctypes.c_void_p(data.ctypes.data)
        size = ctypes.c_size_t(data.nbytes)
        _call("cuMemcpyHtoD_v2", ctypes.c_uint64(self.address), source, size)
        _call("cuCtxSynchronize")

    def load(self) -> NDArray[np.uint64]:
        data = np.empty(self.size // 8, dtype=np.uint64)
        into = ctypes.c_void_p(data.ctypes.data)
        _call(
            "cuMemcpyDtoH_v2",
            into,
            ctypes.c_uint64(self.address),
            ctypes.c_size_t(self.size),
        )
        return data


class Stream:
    """Copies between addresses of GPUs that reach each other."""

    def __init__(self) -> None:
        self._handle = ctypes.c_void_p()
        _call("cuStreamCreate", ctypes.byref(self._handle), _NON_BLOCKING)

    def copy(self, to: int, source: int, size: int) -> None:
        addresses = ctypes.c_uint64(to), ctypes.c_uint64(source)
        _call("cuMemcpyDtoDAsync_v2", *addresses, ctypes.c_size_t(size), self._handle)

    def copy_pages(self, to: Addresses, source: Addresses, page: int) -> None:
        """One call of cuMemcpyBatchAsync for all pages."""
        sizes = np.full(len(to), page, dtype=np.uint64)
        attributes, first = _Attributes(order=_SOURCE_ORDER_STREAM), ctypes.c_size_t(0)
        arrays = [ctypes.c_void_p(array.ctypes.data) for array in (to, source, sizes)]
        _call(
            "cuMemcpyBatchAsync_v2",
            *arrays,
            ctypes.c_size_t(len(to)),
            ctypes.byref(attributes),
            ctypes.byref(first),
            ctypes.c_size_t(1),
            self._handle,
        )

    def wait(self) -> None:
        _call("cuStreamSynchronize", self._handle)
