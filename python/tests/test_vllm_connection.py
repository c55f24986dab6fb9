"""vLLM connector: a connection that is made anew, in the background."""

from __future__ import annotations

import time

import pytest

pegaflow = pytest.importorskip("pegaflow", reason="pegaflow is not installed")
from pegaflow.vllm import connection  # noqa: E402

DEADLINE = 20.0


class Session:
    def __init__(self):
        self.alive = True
        self.closed = False

    def close(self):
        self.closed = True


class Agent:
    """Makes sessions, or is not there."""

    def __init__(self, code=None):
        self.code = code
        self.asked = 0
        self.made = []

    def connect(self):
        self.asked += 1
        if self.code is not None:
            error = pegaflow.PegaflowError("no agent")
            error.code = self.code
            raise error
        self.made.append(Session())
        return self.made[-1]


def until(condition):
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_no_agent_at_start_is_an_error():
    agent = Agent(pegaflow.Code.UNAVAILABLE)
    with pytest.raises(pegaflow.PegaflowError):
        connection.Connection(agent.connect, 0.0)


def test_what_waiting_cannot_mend_is_an_error_at_once():
    agent = Agent(pegaflow.Code.INVALID_ARGUMENT)
    with pytest.raises(pegaflow.PegaflowError):
        connection.Connection(agent.connect, DEADLINE)
    assert agent.asked == 1


def test_a_lost_session_is_made_anew_without_being_asked_for():
    agent, renewed = Agent(), []
    made = connection.Connection(agent.connect, 0.0, renewed.append)
    first = made.session
    agent.code = pegaflow.Code.UNAVAILABLE
    first.alive = False
    assert made.session is None
    until(lambda: agent.asked > 2)  # nobody asks for a session meanwhile
    assert not first.closed  # its last events can still be read
    agent.code = None
    until(lambda: len(agent.made) == 2)
    until(lambda: made.session is agent.made[1])
    assert first.closed
    assert renewed == agent.made[1:]
    made.close()
    assert agent.made[1].closed
