"""What the machine can do: one memcpy of everything, and process_vm_writev of the random pages.

On GPUs (--memory cuda), by one process that reaches both: one copy from GPU to GPU of everything
(peer_copy); the random pages with one call of cuMemcpyBatchAsync (batch_copy), which needs about
1 us a page; and with one kernel (fused_copy.cu) on the source's GPU, which writes to the target's
(fused_push), or on the target's, which reads (fused_pull). Which pages, the kernel knows before.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import gpu
import numpy as np
from fused_copy import FusedCopy
from numpy.typing import NDArray
from workload import (
    SINK_GPU,
    SOURCE_GPU,
    Options,
    Pages,
    Pool,
    Times,
    Workload,
    arrived,
    libc,
    parse_options,
    report,
)

VECTORS_PER_CALL = 1024  # IOV_MAX
DEADLINE_S = 60.0


def memcpy(workload: Workload, iterations: int, warmup: int) -> tuple[Times, bool]:
    """One piece as long as all pages, from one random place to another."""
    source, sink = Pool(workload.pool_bytes), Pool(workload.pool_bytes)
    source.store(workload.content())
    random = np.random.default_rng(workload.seed)
    copy = libc().memcpy
    copy.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    copy.restype = ctypes.c_void_p
    times = Times()
    right = True
    for i in range(warmup + iterations):
        places = random.integers(0, workload.pool_bytes - workload.total, 2) // 64 * 64
        begin, to = int(places[0]), int(places[1])
        started = time.monotonic_ns()
        copy(sink.address + to, source.address + begin, workload.total)
        took_us = (time.monotonic_ns() - started) / 1e3
        if i >= warmup:
            times.total_us.append(took_us)
            times.target_us.append(took_us)
        end = workload.total
        right = bool(np.array_equal(sink.bytes[to:][:end], source.bytes[begin:][:end]))
    return times, right


def vectors(address: int, pages: Pages, page: int) -> NDArray[np.uint64]:
    """An array of iovec."""
    rows = np.empty((len(pages), 2), dtype=np.uint64)
    rows[:, 0] = address + pages.astype(np.uint64) * page
    rows[:, 1] = page
    return rows


def serve(pipe: Connection, workload: Workload) -> None:
    pool = Pool(workload.pool_bytes)
    pipe.send((os.getpid(), pool.address))
    while (command := pipe.recv()) != "quit":
        pipe.send(arrived(workload, pool, *command))


def write_all(write: Any, pid: int, own: NDArray[np.uint64], peer: NDArray[np.uint64]) -> None:
    for first in range(0, len(own), VECTORS_PER_CALL):
        count = min(VECTORS_PER_CALL, len(own) - first)
        wanted = int(own[first : first + count, 1].sum())
        here, there = own[first:].ctypes.data, peer[first:].ctypes.data
        if write(pid, here, count, there, count, 0) != wanted:
            raise OSError(ctypes.get_errno(), "process_vm_writev")


def process_vm_writev(workload: Workload, iterations: int, warmup: int) -> tuple[Times, bool]:
    pipe, other = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=serve, args=(other, workload), daemon=True)
    process.start()
    pool = Pool(workload.pool_bytes)
    pool.store(workload.content())
    pid, address = pipe.recv()
    write = libc().process_vm_writev
    write.argtypes = [
        ctypes.c_int,
        *[ctypes.c_void_p, ctypes.c_ulong] * 2,
        ctypes.c_ulong,
    ]
    write.restype = ctypes.c_ssize_t
    picks = zip(workload.picks(0), workload.picks(1), strict=False)
    times = Times()
    for i, (source, sink) in enumerate(picks):
        own = vectors(pool.address, source, workload.page)
        peer = vectors(address, sink, workload.page)
        started = time.monotonic_ns()
        write_all(write, pid, own, peer)
        took_us = (time.monotonic_ns() - started) / 1e3
        if i >= warmup:
            times.total_us.append(took_us)
            times.target_us.append(took_us)
        if i + 1 == warmup + iterations:
            pipe.send((source, sink))
            break
    right = bool(pipe.recv())
    pipe.send("quit")
    process.join(10)
    return times, right


def gpu_pools(workload: Workload) -> tuple[gpu.Memory, gpu.Memory]:
    gpu.use(SINK_GPU)
    sink = gpu.Memory(workload.pool_bytes)
    gpu.use(SOURCE_GPU)
    gpu.reach(SINK_GPU)
    source = gpu.Memory(workload.pool_bytes)
    source.store(workload.content())
    return source, sink


def peer_copy(workload: Workload, iterations: int, warmup: int) -> tuple[Times, bool]:
    source, sink = gpu_pools(workload)
    stream = gpu.Stream()
    times = Times()
    for i in range(warmup + iterations):
        started = time.monotonic_ns()
        stream.copy(sink.address, source.address, workload.total)
        stream.wait()
        took_us = (time.monotonic_ns() - started) / 1e3
        if i >= warmup:
            times.total_us.append(took_us)
            times.target_us.append(took_us)
    end = workload.total
    return times, bool(np.array_equal(sink.load(end), source.load(end)))


def random_pages(
    workload: Workload,
    iterations: int,
    warmup: int,
    pools: tuple[gpu.Memory, gpu.Memory],
    prepare: Callable[[Pages, Pages], Callable[[], None]],
) -> tuple[Times, bool]:
    """Times what `prepare` returns for each transfer's pages; one more is compared."""
    source, sink = pools
    times = Times()
    picks = zip(workload.picks(0), workload.picks(1), strict=False)
    for i, (read, written) in enumerate(picks):
        last = i == warmup + iterations
        if last:
            sink.clear()
        move = prepare(read, written)
        started = time.monotonic_ns()
        move()
        took_us = (time.monotonic_ns() - started) / 1e3
        if last:
            break
        if i >= warmup:
            times.total_us.append(took_us)
            times.target_us.append(took_us)
    return times, arrived(workload, sink, read, written)


def batch_copy(workload: Workload, iterations: int, warmup: int) -> tuple[Times, bool]:
    source, sink = pools = gpu_pools(workload)
    stream = gpu.Stream()

    def prepare(read: Pages, written: Pages) -> Callable[[], None]:
        begin = source.address + read.astype(np.uint64) * workload.page
        to = sink.address + written.astype(np.uint64) * workload.page

        def move() -> None:
            stream.copy_pages(to, begin, workload.page)
            stream.wait()

        return move

    return random_pages(workload, iterations, warmup, pools, prepare)


def fused(
    device: int, peer: int, workload: Workload, iterations: int, warmup: int
) -> tuple[Times, bool]:
    """One kernel on `device`, which reaches the other GPU's memory."""
    source, sink = pools = gpu_pools(workload)
    gpu.use(device)
    gpu.reach(peer)
    kernel = FusedCopy(device, sink.address, source.address, workload)

    def prepare(read: Pages, written: Pages) -> Callable[[], None]:
        kernel.prepare(read, written)
        return kernel.move

    result = random_pages(workload, iterations, warmup, pools, prepare)
    print(f"pages of {workload.page}: {kernel.shape} were the fastest", file=sys.stderr)
    return result


FLOORS: dict[str, Callable[[Workload, int, int], tuple[Times, bool]]] = {
    "memcpy": memcpy,
    "process_vm_writev": process_vm_writev,
    "peer_copy": peer_copy,
    "batch_copy": batch_copy,
    "fused_push": partial(fused, SOURCE_GPU, SINK_GPU),
    "fused_pull": partial(fused, SINK_GPU, SOURCE_GPU),
}


def measure(variant: str, workload: Workload, options: Options) -> None:
    times, right = FLOORS[variant](workload, options.iterations, options.warmup)
    report("floor", platform.release(), variant, "memory", workload, times, right)


def main() -> None:
    parse_options(str(__doc__), list(FLOORS)).measure_each(measure)


if __name__ == "__main__":
    main()
