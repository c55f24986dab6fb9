"""The rules that mutants.py breaks, one by one."""

from __future__ import annotations

from dataclasses import dataclass

AGENT = "src/agent/transfer/"


@dataclass(frozen=True)
class Mutant:
    """One text of one file replaced by another."""

    name: str
    what: str
    file: str
    old: str
    new: str
    # No schedule shows it, a unit test does: docs/adr/0055.
    unseen: bool = False


def _agent(name: str, what: str, file: str, old: str, new: str) -> Mutant:
    return Mutant(name, what, AGENT + file, old, new)


MUTANTS = [
    Mutant(
        "generation_stays",
        "a freed slot keeps its generation",
        "src/core/slot_table.cc",
        "  ++slot.generation.value;\n",
        "",
    ),
    Mutant(
        "revoke_without_winning",
        "a slot is freed although the compare-and-swap lost",
        "src/core/slot_table.cc",
        "    return false;\n  }\n  make_free(index);",
        "  }\n  make_free(index);",
    ),
    Mutant(
        "sweep_frees_claimed",
        "a quarantined slot is freed while its writer is at work",
        "src/core/slot_table.cc",
        "    if (seen == Observed::kFilled || seen == Observed::kVoided) {",
        "    if (seen == Observed::kFilled || seen == Observed::kVoided ||\n"
        "        seen == Observed::kClaimed) {",
    ),
    Mutant(
        "sequence_ignored",
        "a gap or a repeat of control messages is let through",
        "src/agent/control_channel.cc",
        "  if (header.sequence != received_ + 1) {",
        "  if (header.sequence == 0) {",
    ),
    Mutant(
        "incarnation_ignored",
        "a message of a former incarnation of the link is let through",
        "src/agent/control_channel.cc",
        "  if (header.incarnation != identity_.incarnation) {",
        "  if (header.incarnation.value == 0) {",
    ),
    _agent(
        "freed_without_quiesced",
        "a slot is freed on abort, without QUIESCED",
        "sink_ends.cc",
        "      table.quarantine(lent.slot, now);",
        "      table.release(lent.slot);",
    ),
    _agent(
        "failed_stream_keeps_credits",
        "a failed stream is still lent slots",
        "sink_ends.cc",
        "  leave_credits(stream);  // it may wait",
        "  // it may wait",
    ),
    _agent(
        "abort_not_told",
        "a failed receive sends no ABORT",
        "sink_ends.cc",
        "    stream.link->send(wire::Abort{stream.key, reason});\n",
        "",
    ),
    _agent(
        "failure_not_told",
        "a failed receive sends no result",
        "sink_ends.cc",
        "  if (receive.client != nullptr) {\n    const bool cancelled",
        "  if (receive.client != nullptr && reason == Reason::kCancelled) {\n"
        "    const bool cancelled",
    ),
    _agent(
        "credit_told_twice",
        "a credit is handed out twice",
        "sink_credits.cc",
        "    lent.told = true;\n    message.slots",
        "    message.slots",
    ),
    _agent(
        "done_before_the_last",
        "DONE is sent when the last chunk has arrived, not when it is verified",
        "sink_credits.cc",
        "  if (stream.offered && stream.scattered.complete()) return verified(stream);",
        "  if (stream.offered && stream.arrived.complete()) return verified(stream);",
    ),
    _agent(
        "recalled_under_the_source",
        "an eager credit is taken from a source agent that may have gathered for it",
        "sink_credits.cc",
        "  const bool direct = stream.link->engine_writes(stream.source_pool);",
        "  const bool direct = stream.mapped();",
    ),
    _agent(
        "starved_sinks_forgotten",
        "a slot that came free reaches no sink stream that missed one",
        "sink_credits.cc",
        "    if (region->lendable() > 0 && region->was_starved()) distribute(*region);",
        "    region->was_starved();",
    ),
    _agent(
        "chunk_after_abort",
        "a CHUNK of an aborted stream is taken",
        "sink_data.cc",
        "  if (stream == nullptr || stream->receive == nullptr) {\n    const auto at",
        "  if (stream == nullptr) {\n    const auto at",
    ),
    _agent(
        "any_slot_for_a_chunk",
        "a CHUNK for a slot that is not lent is taken for one that is",
        "sink_data.cc",
        "        return lent.is(record.slot.slot, record.slot.generation);",
        "        return lent.generation.value > 0;",
    ),
    _agent(
        "late_chunk_frees_anything",
        "a late CHUNK frees a slot of another stream",
        "sink_data.cc",
        "  if (table.is(slot.slot, slot.generation, stream.serial)) table.prove(slot.slot);",
        "  table.release(slot.slot);",
    ),
    _agent(
        "offer_timer_off",
        "nothing happens when an offer does not come in time",
        "sink_time.cc",
        "  if (past(s.offer_deadline)) return",
        "  if (false) return",
    ),
    _agent(
        "total_timer_off",
        "nothing happens when a receive takes too long",
        "sink_time.cc",
        "    if (receive->total_deadline <= now) over",
        "    if (false) over",
    ),
    _agent(
        "peer_timer_off",
        "nothing happens when a source's agent does not come in time",
        "sink_time.cc",
        "    if (receive->peer_deadline && *receive->peer_deadline <= now) {",
        "    if (false) {",
    ),
    _agent(
        "lease_off",
        "an offer that nobody reads does not expire",
        "source_side.cc",
        "    if (offer.lease_ends && *offer.lease_ends <= now) expired.push_back(&offer);",
        "    (void)offer;",
    ),
    _agent(
        "quiesced_too_early",
        "QUIESCED is sent while puts are on their way",
        "source_side.cc",
        "  if (stream.state != core::SourceState::kEnding || stream.in_flight != 0) return;",
        "  if (stream.state != core::SourceState::kEnding) return;",
    ),
    Mutant(
        "unknown_abort_unanswered",
        "ABORT for a stream that the source does not know gets no QUIESCED",
        AGENT + "source_side.cc",
        "  link.send(wire::Quiesced{message.stream, {}});",
        "  (void)link;",
        unseen=True,
    ),
    _agent(
        "copies_forgotten",
        "a copy's source slot is freed when the link ends, not when the copy does",
        "source_side.cc",
        "  if (link.path() == DataPath::kUcx) {\n    for (const Batch& batch",
        "  {\n    for (const Batch& batch",
    ),
    Mutant(
        "consumer_counts_twice",
        "a consumer that reads twice counts as two",
        AGENT + "source_side.cc",
        "      std::erase(*list, consumer);\n",
        "",
        unseen=True,
    ),
    _agent(
        "dead_writer_unnoticed",
        "streams of a dead engine keep the slots that its death has freed",
        "transfer_service.cc",
        "  source_.on_writer_gone(writer);\n",
        "",
    ),
    _agent(
        "starved_sources_forgotten",
        "a slot that came free reaches no source stream that missed one",
        "source_data.cc",
        "  if (!starved_) return;",
        "  if (starved_ || !starved_) return;",
    ),
    _agent(
        "slot_freed_before_the_flush",
        "the source's slot is freed when the put is posted",
        "source_out.cc",
        "                                  item.remote));\n",
        "                                  item.remote));\n"
        "    stream.region->table().release(item.out.own.slot);\n"
        "    stream.region->table().loan(WriterId{1}, 1);\n",
    ),
    _agent(
        "withdrawn_but_read",
        "a withdrawn offer's streams go on",
        "source_offers.cc",
        "    abort_all(reads, Reason::kWithdrawn, true);",
        "    (void)reads;",
    ),
    _agent(
        "offer_ends_twice",
        "an offer's end is reported and the offer is kept",
        "source_offers.cc",
        "  offers_.close(id, context_.now());\n"
        "  const auto reads = [&id](const SourceStream& s) {\n    return",
        "  const auto reads = [&id](const SourceStream& s) {\n    return",
    ),
    Mutant(
        "released_again",
        "an offer that was sent is granted again",
        AGENT + "source_offers.cc",
        "  if (offer.sent()) reason = Reason::kReleased;\n",
        "",
        unseen=True,
    ),
    _agent(
        "gathers_of_others",
        "a client speaks for another client's streams at the source",
        "source_side.cc",
        "  if (at == streams_.end() || at->second->client != &client) return nullptr;",
        "  (void)client;\n"
        "  if (at == streams_.end() || at->second->client == nullptr) return nullptr;",
    ),
    _agent(
        "scatters_of_others",
        "a client speaks for another client's streams at the sink",
        "sink_data.cc",
        "  if (stream == nullptr || stream->receive == nullptr || "
        "stream->receive->client != &client) return;\n  for",
        "  (void)client;\n  if (stream == nullptr || stream->receive == nullptr) return;\n  for",
    ),
    _agent(
        "sent_dies_with_its_engine",
        "a stream of which all has left ends with its engine",
        "source_side.cc",
        "  if (stream.state == core::SourceState::kSent) return take_back(stream);\n",
        "",
    ),
    _agent(
        "sent_dies_with_its_offer",
        "a stream of which all has left ends with its offer",
        "source_offers.cc",
        "    return s.offer() == id && s.state != core::SourceState::kSent;",
        "    return s.offer() == id;",
    ),
    _agent(
        "arrived_dies_with_its_writer",
        "a stream of which all has arrived ends with its writer",
        "sink_side.cc",
        "return written(s) && !s.arrived.complete(); };",
        "return written(s); };",
    ),
    _agent(
        "filled_is_not_looked_at",
        "what a writer had filled before its end is not looked at",
        "sink_side.cc",
        "  poll();  // what",
        "  // what",
    ),
]
