"""A process dies in the middle of transfers between GPUs: the others live, their CUDA contexts can
be used, all slots come back, and a new process takes the dead one's place.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest

from tests.gpu.deployment import DEADLINE, LAYERS, WAYS, GpuDeployment
from tests.support.cluster import Engine, Json, new_key, wait_for

TOKENS = 4096  # 128 MiB: 128 chunks
MANY = 6
VICTIMS = ("prefill-engine", "decode-engine", "prefill-agent", "decode-agent")


class Stage:
    """A deployment with an engine at each end."""

    def __init__(self, deployment: GpuDeployment) -> None:
        self.deployment = deployment
        self.engines: dict[str, Engine] = {}
        self.engines["prefill-0"], self.engines["decode-0"] = deployment.torch_engines({}, {})

    @property
    def source(self) -> Engine:
        return self.engines["prefill-0"]

    @property
    def sink(self) -> Engine:
        return self.engines["decode-0"]

    def kill(self, victim: str) -> None:
        node, kind = victim.split("-")[0] + "-0", victim.split("-")[1]
        if kind == "engine":
            self.engines[node].kill()
        else:
            self.deployment.agent(node).kill()

    def contexts_work(self) -> None:
        for engine in self.engines.values():
            if engine.popen.poll() is None:
                assert engine.call("use_gpu") is True

    def replace(self, victim: str) -> None:
        node, kind = victim.split("-")[0] + "-0", victim.split("-")[1]
        if kind == "engine":
            self.engines[node] = self.deployment.torch_engine(node)
            return
        self.deployment.start_agent(node)
        assert self.engines[node].call("alive") is False
        assert self.engines[node].call("reconnect") is True

    def transfer(self) -> None:
        """A transfer that must work."""
        self.deployment.wait_linked(DEADLINE)
        key = new_key()
        self.source.offer(key, TOKENS)
        self.sink.receive(key, TOKENS)
        end = self.sink.wait_end(key, deadline=DEADLINE)
        assert end["event"] == "done", end
        assert self.sink.call("check", key) == 0
        self.give_back([key])

    def give_back(self, keys: list[str]) -> None:
        for engine in self.engines.values():
            for key in keys:
                engine.call("give_back", key)  # a new engine has never had them

    def half_way(self, key: str) -> bool:
        status = self.deployment.status("decode-0") or {"transfers": []}
        found: list[Json] = [entry for entry in status["transfers"] if entry["key"] == key]
        return bool(found) and 2 * found[0]["chunks_done"] == found[0]["chunks_total"]

    def sink_ends(self, keys: list[str]) -> list[Json]:
        return [self.sink.wait_end(key, deadline=DEADLINE) for key in keys]

    def recover(self, victim: str) -> None:
        self.contexts_work()
        self.replace(victim)
        self.contexts_work()
        self.transfer()
        self.deployment.wait_all_free(DEADLINE)


@pytest.fixture(params=WAYS)
def stage(request: pytest.FixtureRequest, deploy: Callable[..., GpuDeployment]) -> Stage:
    return Stage(deploy(request.param))


@pytest.mark.parametrize("victim", VICTIMS)
def test_killed_in_the_middle(stage: Stage, victim: str) -> None:
    # Half of it has arrived, the other half is not computed.
    key = new_key()
    stage.source.offer(key, TOKENS, ready=LAYERS // 2)
    stage.sink.receive(key, TOKENS)
    wait_for("half of it is there", lambda: stage.half_way(key), DEADLINE)
    stage.kill(victim)
    if victim != "decode-engine":
        assert stage.sink_ends([key])[0]["event"] == "failed"
    stage.recover(victim)
    stage.give_back([key])

    # Anywhere in six transfers, gathers, copies and scatters run.
    keys = [new_key() for _ in range(MANY)]
    for each in keys:
        stage.source.offer(each, TOKENS, ready=0)
        stage.sink.receive(each, TOKENS)
    for each in keys:
        assert stage.source.call("ready", each, layers=LAYERS) is True
    threading.Event().wait(random.uniform(0.0, 0.003))
    stage.kill(victim)
    if victim != "decode-engine":
        for each, end in zip(keys, stage.sink_ends(keys)):
            assert end["event"] in ("done", "failed"), end
            if end["event"] == "done":
                assert stage.sink.call("check", each) == 0
    stage.recover(victim)


def test_a_new_decode_engine_gets_what_the_dead_one_did_not(stage: Stage) -> None:
    key = new_key()
    stage.source.offer(key, TOKENS, ready=LAYERS // 2)
    stage.sink.receive(key, TOKENS)
    wait_for("half of it is there", lambda: stage.half_way(key), DEADLINE)
    stage.kill("decode-engine")
    stage.replace("decode-engine")
    stage.sink.receive(key, TOKENS)
    assert stage.source.call("ready", key, layers=LAYERS) is True
    assert stage.sink_ends([key])[0]["event"] == "done"
    assert stage.sink.call("check", key) == 0
