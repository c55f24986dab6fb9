"""vLLM connector, worker's part: steps in, calls and reports out; no vLLM, no agent."""

from __future__ import annotations

from array import array
from types import SimpleNamespace

import pytest

pegaflow = pytest.importorskip("pegaflow", reason="pegaflow is not installed")
from pegaflow.vllm import worker as module  # noqa: E402
from pegaflow.vllm.settings import Settings  # noqa: E402
from pegaflow.vllm.steps import Offer, Receive, ReceiveGroup, Step, Table  # noqa: E402

KEY, OTHER = bytes(range(32)), bytes(32)
STREAM = 42
OFFER = Offer(KEY, 100, b"c" * 16)
TABLE = Table(KEY, 0, 2, array("i", [7, 8]), True)
RECEIVE = Receive("r", KEY, "p", 1, 99, 100, b"c" * 16, [ReceiveGroup(0, 100, array("i", [3, 4]))])


class Session:
    """Records calls; refuses those that the test names; answers the events the test adds."""

    def __init__(self, reference=5):
        self.calls, self.events, self.refuse = [], [], set()
        self.reference = reference
        self.closed = False

    def poll(self):
        if self.closed:
            raise pegaflow.PegaflowError("closed")
        events, self.events = self.events, []
        return events

    def end(self, kind, key=KEY, receive=False, reason="NONE"):
        self.events.append(
            SimpleNamespace(
                kind=pegaflow.EventKind[kind],
                key=key,
                receive=receive,
                reason=pegaflow.Reason[reason],
                stats=SimpleNamespace(bytes=10, total_ns=1_000_000),
            )
        )

    def __getattr__(self, name):
        def call(*arguments, **named):
            if name in self.refuse:
                error = pegaflow.PegaflowError(name)
                error.code = pegaflow.Code.RESOURCE_EXHAUSTED
                raise error
            self.calls.append((name, arguments, named))

        return call

    def names(self):
        return [name for name, _, _ in self.calls]


class Workers:
    """A connection whose session the test takes away and gives back."""

    def __init__(self):
        self.session = SimpleNamespace(session=Session(), pool=3)


@pytest.fixture
def workers():
    return Workers()


def make(workers, ratios=(), **settings):
    parsed = Settings.parse({"socket": "/s", "instance": "i", **settings})
    layers = {"l0": (0, 0), "l1": (0, 1)}
    return module.PdWorker(parsed, workers, layers, lambda: STREAM, ratios)


def test_a_prefill_step(workers):
    pd = make(workers, lease=7)
    spans = [(KEY, 0, 100)]
    pd.begin(Step(offers=[OFFER], tables=[TABLE], spans=spans, completes=True))
    pd.layer_done("l0")
    pd.layer_done("unknown")
    pd.end()
    pd.layer_done("l1")  # no step is open
    assert workers.session.session.calls == [
        ("offer", (KEY, 3, 100), {"content": b"c" * 16, "lease": 7}),
        ("table", (KEY, 0, 2, array("i", [7, 8]), True), {}),
        ("begin_step", ([(KEY, 0, 100)],), {}),
        ("layer_done", (0, 0, STREAM), {}),
        ("end_step", (STREAM,), {}),
    ]


@pytest.mark.parametrize(
    ("push", "completes", "by_layer"),
    [
        ("auto", True, True),
        ("auto", False, False),  # more of the prompt is to come
        ("layer", False, True),
        ("step", True, False),
    ],
)
def test_what_goes_by_layer(workers, push, completes, by_layer):
    pd = make(workers, push=push)
    pd.begin(Step(spans=[(KEY, 0, 100)], completes=completes))
    pd.layer_done("l0")
    pd.end()
    pd.layer_done("l1")  # the step is over
    hooks = ["layer_done"] if by_layer else []
    assert workers.session.session.names() == ["begin_step", *hooks, "end_step"]


def test_one_step_says_nothing_about_the_next(workers):
    pd = make(workers)
    for completes in (True, False):
        pd.begin(Step(spans=[(KEY, 0, 100)], completes=completes))
        pd.layer_done("l0")
        pd.end()
    names = workers.session.session.names()
    assert names == ["begin_step", "layer_done", "end_step", "begin_step", "end_step"]


def test_empty_steps_cost_nothing(workers):
    pd = make(workers)
    pd.begin(Step())
    pd.layer_done("l0")
    pd.end()
    assert workers.session.session.calls == []


def test_what_is_taken_back_goes_first(workers):
    pd = make(workers)
    pd.begin(Step(withdraws=[OTHER], rewinds=[KEY], tables=[TABLE]))
    assert workers.session.session.names() == ["withdraw", "rewind", "table"]


@pytest.mark.parametrize("kind", ["SENT", "DONE", "FAILED", "EXPIRED", "UNCONFIRMED"])
def test_blocks_are_kept_until_the_offer_is_sent_or_over(workers, kind):
    pd = make(workers)
    pd.begin(Step(offers=[OFFER]))
    pd.begin(Step(finishes=[(KEY, "r")]))
    assert pd.results() == module.Results()
    workers.session.session.end(kind)
    assert pd.results().sent == {"r"}
    workers.session.session.end("DONE")
    assert pd.results().sent == set()


def test_sent_before_the_request_ended(workers):
    pd = make(workers)
    pd.begin(Step(offers=[OFFER]))
    workers.session.session.end("SENT")
    assert pd.results().sent == set()
    pd.begin(Step(finishes=[(KEY, "r")]))
    assert pd.results().sent == {"r"}


def test_an_offer_that_was_refused_holds_no_blocks(workers):
    pd = make(workers)
    workers.session.session.refuse = {"offer"}
    pd.begin(Step(offers=[OFFER]))
    pd.begin(Step(finishes=[(KEY, "r")]))
    assert pd.results().sent == {"r"}


def test_a_load(workers):
    pd = make(workers, offer_wait=4, total=9)
    pd.begin(Step(receives=[RECEIVE]))
    (call,) = workers.session.session.calls
    assert call[1] == (KEY, 3, "p", 100, [(0, 100, array("i", [3, 4]))])
    assert call[2] == {
        "source_dp": 1,
        "content": b"c" * 16,
        "reference": 99,
        "after": STREAM,
        "offer_wait": 4,
        "total": 9,
    }
    workers.session.session.end("DONE", receive=True)
    assert pd.results() == module.Results(received={"r"})
    workers.session.session.end("DONE", receive=True)
    assert pd.results() == module.Results()
    assert pd.stats.take() == {"bytes": 10, "seconds": [0.001], "failures": {}, "offers": {}}
    assert pd.stats.take() is None


@pytest.mark.parametrize("kind", ["FAILED", "CANCELLED"])
def test_a_load_that_failed_is_reported_as_ended_and_failed(workers, kind):
    pd = make(workers)
    pd.begin(Step(receives=[RECEIVE]))
    workers.session.session.end(kind, receive=True, reason="LINK_LOST")
    assert pd.results() == module.Results(set(), {"r"}, {"r"}, {3, 4})
    counted = pd.stats.take()
    if kind == "FAILED":
        assert counted["failures"] == {"link_lost": 1}
    else:
        assert counted is None  # the client left: nothing is wrong


def test_a_load_that_could_not_start(workers):
    pd = make(workers)
    workers.session.session.refuse = {"receive"}
    pd.begin(Step(receives=[RECEIVE]))
    assert pd.results().failed == {"r"}


def test_when_the_agent_dies_everything_ends_once(workers):
    pd = make(workers)
    lost = workers.session.session
    pd.begin(Step(offers=[OFFER], receives=[RECEIVE], finishes=[(KEY, "p")]))
    lost.end("DONE", receive=True)  # its last words
    workers.session = None
    assert pd.results() == module.Results(sent={"p"}, received={"r"})
    pd.layer_done("l0")
    pd.end()
    later = Receive("late", OTHER, "p", 0, 0, 100, b"", RECEIVE.groups)
    pd.begin(Step(offers=[Offer(OTHER, 1, b"")], receives=[later]))
    pd.begin(Step(finishes=[(OTHER, "p2")]))
    assert pd.results() == module.Results({"p2"}, {"late"}, {"late"}, {3, 4})
    assert pd.results() == module.Results()


@pytest.mark.parametrize("engine_was_idle", [False, True])
def test_offers_that_were_lost_with_the_agent_are_disowned_at_the_next(workers, engine_was_idle):
    """Else decode waits for them until its deadline."""
    pd = make(workers)
    kept, refused, late, third = (bytes([number]) * 32 for number in range(1, 5))
    for key in (KEY, OTHER, kept):
        pd.begin(Step(offers=[Offer(key, 100, b"c" * 16)]))
    workers.session.session.end("SENT", kept)
    pd.results()
    workers.session.session.end("FAILED", OTHER, reason="AGENT_LOST")
    workers.session = None
    new = SimpleNamespace(session=Session(), pool=4)
    if engine_was_idle:
        pd.renewed(new)
    pd.begin(Step(offers=[Offer(late, 100, b"c" * 16)], disowns=[third]))
    if not engine_was_idle:
        pd.renewed(new)
    workers.session = new
    pd.results()
    calls = new.session.calls
    assert {name for name, _, _ in calls} == {"disown"}
    assert {arguments for _, arguments, _ in calls} == {(KEY,), (OTHER,), (late,), (third,)}
    calls.clear()
    workers.session.session.refuse.add("offer")
    pd.begin(Step(offers=[Offer(refused, 100, b"c" * 16)], disowns=[kept]))
    pd.results()
    assert calls == [("disown", (kept,), {}), ("disown", (refused,), {})]


def test_a_new_session_is_used_and_told(workers):
    pd = make(workers)
    assert (pd.new_reference(), pd.new_reference()) == (5, 0)
    pd.begin(Step(receives=[RECEIVE]))
    workers.session.session.closed = True
    workers.session = SimpleNamespace(session=Session(reference=6), pool=4)
    pd.begin(Step(offers=[Offer(OTHER, 1, b"")]))
    assert workers.session.session.names() == ["offer"]
    assert workers.session.session.calls[0][1][1] == 4
    assert pd.results().failed == {"r"}
    assert pd.new_reference() == 6


def test_kernel_blocks_smaller_than_the_managers(workers):
    pd = make(workers, ratios=[2])
    pd.begin(Step(tables=[TABLE], receives=[RECEIVE]))
    table, receive = workers.session.session.calls
    assert table[1] == (KEY, 0, 4, array("i", [14, 15, 16, 17]), True)
    assert receive[1][4] == [(0, 100, array("i", [6, 7, 8, 9]))]
