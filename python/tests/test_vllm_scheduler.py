"""vLLM connector, scheduler's part: plain requests in, steps out; no vLLM, no agent."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pegaflow = pytest.importorskip("pegaflow", reason="pegaflow is not installed")
from pegaflow.vllm import params, scheduler  # noqa: E402
from pegaflow.vllm.settings import Settings  # noqa: E402

KEY = bytes(range(32))
PROMPT = list(range(100))
FINGERPRINT = b"f" * 32
PRODUCE = {"do_remote_decode": True, "pegaflow": {"v": 1, "key": KEY.hex()}}
FETCH = {"do_remote_prefill": True, "pegaflow": {"v": 1, "key": KEY.hex(), "instance": "p"}}


class Control:
    """Records what a control session is asked; answers what the test says."""

    def __init__(self):
        self.asked, self.released, self.events, self.waits = [], [], [], []
        self.session = self

    def intend(self, key, source, n_tokens, **named):
        self.asked.append((key, source, n_tokens, named))

    def release(self, key, source, **named):
        self.released.append((key, source))

    def poll(self):
        events, self.events = self.events, []
        return events

    def wait(self, timeout):
        self.waits.append(timeout)
        return self.poll()

    def answer(self, kind, key=KEY):
        reason = pegaflow.Reason.NONE if kind == "OFFERED" else pegaflow.Reason.GONE
        kind = pegaflow.EventKind[kind]
        self.events.append(SimpleNamespace(kind=kind, key=key, reason=reason, detail=""))


@pytest.fixture
def control():
    return Control()


def make(
    control,
    groups=(scheduler.GroupView(16),),
    produces=True,
    consumes=True,
    clock=lambda: 0.0,
    **settings,
):
    identity = scheduler.Identity("me", 0, 1, 1, FINGERPRINT, produces, consumes)
    parsed = Settings.parse({"socket": "/s", "instance": "me", **settings})
    return scheduler.PdScheduler(parsed, identity, groups, control, clock)


def request(params, tokens=PROMPT, name="r"):
    return scheduler.RequestView(name, tokens, params)


def share(computed, scheduled, blocks=None, whole=False, name="r"):
    tables = None if blocks is None else [blocks]
    return scheduler.Scheduled(name, tables, computed, scheduled, whole)


# ---- prefill
def test_a_prefill_is_offered_when_it_is_scheduled(control):
    pd = make(control)
    pd.on_new_request(request(PRODUCE))
    assert pd.matched("r", 0) == (0, False)
    step = pd.build([share(32, 40, [5, 6, 7, 8, 9], whole=True)], ())
    assert [(o.key, o.n_tokens) for o in step.offers] == [(KEY, 100)]
    assert step.offers[0].content == params.content_hash(PROMPT)
    assert [(t.first, list(t.ids), t.replace) for t in step.tables] == [(0, [5, 6, 7, 8, 9], False)]
    assert step.spans == [(KEY, 0, 72)] and not step.completes
    step = pd.build([share(72, 29, [10, 11])], ())
    assert not step.offers
    assert [(t.first, list(t.ids)) for t in step.tables] == [(5, [10, 11])]
    assert step.spans == [(KEY, 72, 100)]  # the token that is sampled is not the prompt's
    assert step.completes


def test_a_cached_prefix_is_ready_with_the_step_that_found_it(control):
    """vLLM finds blocks that another request of the same step is still computing."""
    pd = make(control)
    pd.on_new_request(request(PRODUCE))
    pd.on_new_request(request({"do_remote_decode": True}, name="twin"))
    whole = share(0, 100, [1, 2, 3, 4, 5, 6, 7], whole=True)
    twin = share(96, 4, [1, 2, 3, 4, 5, 6, 8], whole=True, name="twin")
    step = pd.build([whole, twin], ())
    assert [(first, end) for _, first, end in step.spans] == [(0, 100), (0, 100)]


def test_a_prompt_that_is_all_cached_is_ready_with_a_step_of_its_answer(control):
    pd = make(control)
    pd.on_new_request(request(PRODUCE))
    pd.build([share(0, 100, [1, 2, 3, 4, 5, 6, 7], whole=True)], ())
    pd.build([], {"r"})
    step = pd.build([share(104, 1, [1, 2, 3, 4, 5, 6, 7], whole=True)], ())
    assert step.spans == [(KEY, 0, 100)] and step.completes


def test_a_step_that_completes_a_prompt_says_so(control):
    pd = make(control)
    pd.on_new_request(request(PRODUCE))
    assert pd.build([share(32, 69, [5, 6, 7, 8, 9], whole=True)], ()).completes
    assert not pd.build([share(101, 1)], ()).completes  # decode


def test_a_prefill_that_ended_well_keeps_its_blocks(control):
    pd = make(control)
    pd.update((), {0: 99})
    pd.on_new_request(request(PRODUCE))
    pd.build([share(0, 100, [1], whole=True)], ())
    keep, answer = pd.finished("r", complete=True)
    assert keep
    fetch = params.parse(answer)
    assert (fetch.key, fetch.source, fetch.reference) == (KEY, "me", 99)
    assert (fetch.n_tokens, fetch.fingerprint) == (100, FINGERPRINT)
    assert pd.build([], ()).finishes == [(KEY, "r")]


@pytest.mark.parametrize("computed, complete", [(100, False), (60, True)])
def test_a_prefill_that_was_cut_short_is_withdrawn(control, computed, complete):
    pd = make(control)
    pd.on_new_request(request(PRODUCE))
    pd.build([share(0, computed, [1], whole=True)], ())
    assert pd.finished("r", complete) == (False, None)
    assert pd.build([], ()).withdraws == [KEY]


def test_a_prefill_that_never_ran_leaves_nothing(control):
    pd = make(control)
    pd.on_new_request(request(PRODUCE))
    assert pd.finished("r", False) == (False, None)
    assert pd.build([], ()) == scheduler.Step(disowns=[KEY])  # decode may wait for it
    assert pd.build([], ()) == scheduler.Step()


def test_preemption_rewinds_and_places_anew(control):
    pd = make(control)
    pd.on_new_request(request(PRODUCE))
    pd.build([share(0, 64, [1, 2, 3, 4], whole=True)], ())
    assert pd.build([], {"r"}).rewinds == [KEY]
    step = pd.build([share(16, 84, [9, 8, 7], whole=True)], ())
    assert [(t.first, list(t.ids), t.replace) for t in step.tables] == [(0, [9, 8, 7], True)]
    assert step.spans == [(KEY, 0, 100)] and step.completes
    assert not step.offers


def test_one_key_serves_one_request(control):
    pd = make(control)
    pd.on_new_request(request(PRODUCE))
    pd.on_new_request(request(PRODUCE, name="second"))
    assert pd.wants("r") and not pd.wants("second")


def test_without_an_agent_prefill_hands_nothing_over(control):
    pd = make(control)
    control.session = None
    pd.on_new_request(request(PRODUCE))
    assert not pd.wants("r") and pd.finished("r", True) == (False, None)
    assert pd.build([], ()) == scheduler.Step(disowns=[KEY])


def test_roles_are_kept(control):
    pd = make(control, produces=False)
    pd.on_new_request(request(PRODUCE))
    assert not pd.wants("r")
    pd = make(control, consumes=False)
    pd.on_new_request(request(FETCH))
    assert pd.matched("r", 0) == (0, False) and not control.asked


# ---- decode
def test_blocks_are_reserved_once_prefill_has_offered(control):
    pd = make(control)
    pd.on_new_request(request(FETCH))
    pd.on_new_request(request(FETCH))
    (asked,) = control.asked
    assert asked[:3] == (KEY, "p", 100)
    assert asked[3]["fingerprint"] == FINGERPRINT
    assert pd.matched("r", 0) == (None, False)
    control.answer("OFFERED")
    assert pd.matched("r", 0) == (100, True)
    assert pd.matched("r", 32) == (68, True)
    pd.allocated("r", [[1, 2, 3, 4, 5, 6, 7]], 68)
    pd.allocated("r", [], 0)
    (receive,) = pd.build([], ()).receives
    assert (receive.req, receive.key, receive.source, receive.n_tokens) == ("r", KEY, "p", 100)
    (group,) = receive.groups
    assert (group.begin, group.end, list(group.ids)) == (32, 100, [3, 4, 5, 6, 7])
    assert not control.released


def test_reserving_at_once_does_not_wait(control):
    pd = make(control, reserve="at_once")
    pd.on_new_request(request(FETCH))
    assert pd.matched("r", 0) == (100, True)


def test_a_refusal_means_computing_locally(control):
    pd = make(control)
    pd.on_new_request(request(FETCH))
    control.answer("REFUSED")
    assert pd.matched("r", 0) == (0, False)


def test_a_load_is_tried_once(control):
    """A failed load under the policy `recompute` would be asked for for ever."""
    pd = make(control, reserve="at_once")
    pd.on_new_request(request(FETCH))
    assert pd.matched("r", 0) == (100, True)
    pd.allocated("r", [list(range(7))], 100)
    pd.update({"r"}, {})
    assert pd.matched("r", 0) == (0, False)


def test_a_full_local_hit_releases_the_source(control):
    pd = make(control)
    pd.on_new_request(request(FETCH))
    control.answer("OFFERED")
    assert pd.matched("r", 100) == (0, False)
    pd.allocated("r", [], 0)
    assert control.released == [(KEY, "p")]
    assert pd.finished("r", True) == (False, None)
    assert len(control.released) == 1


def test_aborts(control):
    pd = make(control, reserve="at_once")
    pd.on_new_request(request(FETCH))
    assert pd.finished("r", False) == (False, None)
    assert control.released == [(KEY, "p")]
    other = {**FETCH, "pegaflow": {**FETCH["pegaflow"], "key": bytes(32).hex()}}
    pd.on_new_request(request(other, name="parked"))
    pd.matched("parked", 0)
    pd.allocated("parked", [list(range(7))], 100)
    pd.build([], ())
    pd.finished("parked", False)
    assert pd.build([], ()).cancels == [bytes(32)]


@pytest.mark.parametrize(
    "change", [{"n_tokens": 99}, {"hash": bytes(16).hex()}, {"fp": bytes(32).hex()}]
)
def test_other_content_or_model_is_no_match(control, change):
    pd = make(control)
    good = {"n_tokens": 100, "hash": params.content_hash(PROMPT).hex(), "fp": FINGERPRINT.hex()}
    wrong = {**FETCH, "pegaflow": {**FETCH["pegaflow"], **good, **change}}
    pd.on_new_request(request(wrong))
    assert pd.matched("r", 0) == (0, False)
    assert not control.asked
    right = {**FETCH, "pegaflow": {**FETCH["pegaflow"], **good}}
    pd.on_new_request(request(right, name="right"))
    assert len(control.asked) == 1


def test_a_lost_agent_means_computing_locally(control):
    pd = make(control)
    pd.on_new_request(request(FETCH))
    assert pd.matched("r", 0) == (None, False)
    control.session = None
    assert pd.matched("r", 0) == (0, False)


WINDOWS = (scheduler.GroupView(16), scheduler.GroupView(16, window=20))


def test_sliding_windows_are_clipped(control):
    """Token 99 is decode's own work, and sees tokens from 80 on."""
    pd = make(control, groups=WINDOWS, reserve="at_once")
    assert not pd.on_new_request(request(FETCH))
    assert pd.matched("r", 0) == (99, True)
    pd.allocated("r", [list(range(1, 8)), [0, 0, 0, 0, 0, 8, 9]], 99)
    (receive,) = pd.build([], ()).receives
    full, window = receive.groups
    assert receive.n_tokens == 99
    assert (full.begin, full.end, len(full.ids)) == (0, 99, 7)
    assert (window.begin, window.end, list(window.ids)) == (80, 99, [8, 9])


def test_a_window_leaves_out_what_vllm_has_no_block_for(control):
    """After 99 tokens vLLM has given up all before token 80, the first of a block."""
    pd = make(control, groups=WINDOWS, reserve="at_once")
    pd.on_new_request(request(FETCH, tokens=PROMPT[:99]))
    assert pd.matched("r", 0) == (98, True)
    pd.allocated("r", [list(range(1, 8)), [0, 0, 0, 0, 7, 8, 9]], 98)
    assert pd.build([], ()).receives[0].groups[1].begin == 64  # token 79 is needed
    pd = make(control, groups=(scheduler.GroupView(16, window=20),), reserve="at_once")
    pd.on_new_request(request(FETCH))
    pd.matched("r", 98)
    pd.allocated("r", [[0, 0, 0, 0, 0, 8, 9]], 1)
    assert list(pd.build([], ()).receives[0].groups[0].ids) == [9]


@pytest.mark.parametrize(
    ("tokens", "counted"),
    [(97, 97), (1, 1), (98, 97), (96, 95), (99, 98)],
)
def test_a_last_token_alone_in_its_block_is_reserved_with_the_load(control, tokens, counted):
    pd = make(control, groups=WINDOWS, reserve="at_once")
    pd.on_new_request(request(FETCH, tokens=PROMPT[:tokens]))
    assert pd.matched("r", 0) == (counted, True)
    pd.allocated("r", [list(range(1, 8)), list(range(11, 18))], counted)
    (receive,) = pd.build([], ()).receives
    handed_over = max(1, tokens - 1)
    assert receive.n_tokens == handed_over
    assert [group.end for group in receive.groups] == [handed_over] * 2
    assert [group.ids[-1] for group in receive.groups] == [
        first + (handed_over - 1) // 16 for first in (1, 11)
    ]


def test_what_is_there_but_for_the_last_token_is_not_fetched(control):
    pd = make(control, groups=WINDOWS, reserve="at_once")
    pd.on_new_request(request(FETCH, tokens=PROMPT[:97]))
    assert pd.matched("r", 96) == (0, False)


def test_a_last_token_is_not_counted_where_a_window_loses_a_block_by_it(control):
    """Windows of 18 tokens: after 97 of them, vLLM keeps what is from token 80 on, not token 79."""
    groups = (scheduler.GroupView(16, window=18),)
    pd = make(control, groups=groups, reserve="at_once")
    pd.on_new_request(request(FETCH, tokens=PROMPT[:97]))
    assert pd.matched("r", 0) == (96, True)


def test_with_windows_prefill_leaves_the_last_token_to_decode(control):
    pd = make(control, groups=WINDOWS)
    assert pd.on_new_request(request(PRODUCE))
    assert not pd.on_new_request(request(PRODUCE))  # seen before
    assert not pd.on_new_request(request({"do_remote_decode": True}, tokens=[7], name="one"))
    tables = [[1, 2, 3, 4, 5, 6, 7]] * 2
    step = pd.build([scheduler.Scheduled("r", tables, 0, 99, True)], ())
    assert step.offers[0].n_tokens == 99 and step.offers[0].content == params.content_hash(PROMPT)
    assert step.spans == [(KEY, 0, 99)] and step.completes
    keep, answer = pd.finished("r", complete=True)
    assert keep and params.parse(answer).n_tokens == 99
    assert not make(control).on_new_request(request(PRODUCE))


def test_bad_parameters_and_embeddings_are_plain_requests(control):
    pd = make(control)
    pd.on_new_request(request({"do_remote_prefill": True}))
    pd.on_new_request(request(FETCH, tokens=None, name="e"))
    assert pd.matched("r", 0) == pd.matched("e", 0) == (0, False)


def test_an_offer_that_does_not_come_is_given_up(control):
    now = [100.0]
    pd = make(control, clock=lambda: now[0], offer_wait=0.5)
    pd.on_new_request(request(FETCH))
    now[0] += 0.4
    assert pd.matched("r", 0) == (None, False)
    now[0] += 0.2
    assert pd.matched("r", 0) == (0, False)
    assert control.released == [(KEY, "p")]
    control.answer("OFFERED")  # too late
    assert pd.matched("r", 0) == (0, False)


def test_only_an_offer_that_exists_is_waited_for_and_once(control):
    pd = make(control)
    pd.on_new_request(request(FETCH))  # both legs at once: prefill may not have begun
    assert pd.matched("r", 0) == (None, False) and control.waits == []
    told = {**FETCH["pegaflow"], "key": "ab" * 32, "hash": params.content_hash(PROMPT).hex()}
    pd.on_new_request(request({**FETCH, "pegaflow": told}, name="s"))
    assert pd.matched("s", 0) == (None, False) and pd.matched("s", 0) == (None, False)
    assert control.waits == [scheduler.ANSWER_SECONDS]
    control.answer("OFFERED", bytes.fromhex("ab" * 32))
    assert pd.matched("s", 0) == (100, True)
