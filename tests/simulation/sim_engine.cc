#include "tests/simulation/sim_engine.h"

#include "base/check.h"
#include "tests/simulation/sim_agent.h"

namespace pegaflow::simulation {

KvShape SimEngine::shape() const {
  KvGroupShape group;
  group.stage_bounds = {0, 4};
  group.heads_total = 2;
  group.parts = 1;
  group.part_bytes = {32, 0};
  group.element_bytes = 2;
  group.block_tokens = 16;
  KvShape shape;
  shape.rank = rank;
  shape.groups.push_back(group);
  shape.incarnation = incarnation;
  return shape;
}

void SimEngine::tell(const wire::ClientMessage& message) {
  if (connected()) session->outbox.push_back(message);
}

void SimEngine::offer(const Key& key, std::uint32_t n_tokens) {
  offers[key];
  tell(wire::RingOffer{key, session->pool().id, n_tokens, {}, 0});
}

std::uint32_t SimEngine::ready_chunks(const SourceStream& stream) const {
  const auto at = offers.find(stream.start.key);
  const std::uint32_t progress = at == offers.end() ? 0 : at->second.progress;
  return std::max(stream.begun, stream.plan.n_chunks * progress / kFullProgress);
}

void SimEngine::compute(const Key& key, std::uint32_t progress) {
  OfferView& offer = offers.at(key);
  const bool rewind = progress < offer.progress;
  offer.progress = progress;
  for (auto& [id, stream] : sources) {
    if (stream.start.key != key) continue;
    const std::uint32_t ready = ready_chunks(stream);
    if (ready == stream.ready) continue;
    stream.ready = ready;
    if (rewind) {
      tell(wire::RingRewound{id, ready});
    } else {
      tell(wire::RingReady{id, ready});
    }
  }
}

void SimEngine::finish(const Key& key) {
  offers.at(key).finished = true;
  tell(wire::RingFinish{key});
}

void SimEngine::withdraw(const Key& key) {
  offers.at(key).withdrawn = true;
  tell(wire::RingWithdraw{key, Reason::kWithdrawn});
}

std::uint64_t SimEngine::receive(const Key& key, const std::string& from, std::uint32_t n_tokens) {
  wire::RingReceive request;
  request.key = key;
  request.handle = next_handle_++;
  request.pool = session->pool().id;
  request.source = {from, 0};
  request.n_tokens = n_tokens;
  request.tokens.push_back({0, n_tokens});
  receives[request.handle].key = key;
  receives[request.handle].source = from;
  tell(request);
  return request.handle;
}

bool SimEngine::take_message() {
  if (!connected() || session->inbox.empty()) return false;
  const wire::AgentMessage message = session->inbox.front();
  session->inbox.pop_front();
  if (const auto* start = std::get_if<wire::RingStream>(&message)) {
    on_stream(*start);
  } else if (const auto* credit = std::get_if<wire::RingCredit>(&message)) {
    on_credit(*credit);
  } else if (const auto* scatter = std::get_if<wire::RingScatter>(&message)) {
    on_scatter(*scatter);
  } else if (const auto* lends = std::get_if<wire::RingLent>(&message)) {
    on_lent(*lends);
  } else if (const auto* stop = std::get_if<wire::RingStop>(&message)) {
    on_stop(*stop);
  } else {
    on_result(std::get<wire::RingResult>(message));
  }
  return true;
}

void SimEngine::on_stream(const wire::RingStream& start) {
  const KvShape& peer = session->peer_shape(start.peer_pool);
  const core::TokenRange tokens[] = {{start.tokens[0].begin, start.tokens[0].end}};
  const auto plan = source ? core::plan_stream(shape(), peer, tokens, start.chunk_bytes)
                           : core::plan_stream(peer, shape(), tokens, start.chunk_bytes);
  PEGAFLOW_CHECK(plan.ok() && plan->hash == start.plan_hash);
  if (!source) {
    ReceiveView& receive = receives.at(start.handle);
    receive.streams = start.streams;
    receive.missing[start.stream] = plan->n_chunks;
    sinks[start.stream] = {start, *plan, peer.rank.tp, {}, {}};
    return;
  }
  OfferView& offer = offers.at(start.key);
  offer.consumers = start.streams;
  SourceStream& stream = sources[start.stream];
  stream.start = start;
  stream.plan = *plan;
  for (std::uint32_t chunk = 0; chunk < plan->n_chunks; ++chunk) stream.todo.push_back(chunk);
  dice_.shuffle(stream.todo);
  stream.ready = ready_chunks(stream);
  tell(wire::RingReady{start.stream, stream.ready});
}

void SimEngine::on_credit(const wire::RingCredit& credit) {
  for (const wire::SlotRef& slot : credit.slots) {
    const ClientRegion target = session->region(slot.region);
    if (slot.region.value == 1)
      ledger_.credit(*target.region, slot.slot, slot.generation, "client");
    const auto at = sources.find(credit.stream);
    if (at != sources.end()) at->second.credits.push_back(slot);
  }
}

void SimEngine::on_stop(const wire::RingStop& stop) {
  sources.erase(stop.stream);
  sinks.erase(stop.stream);
  const auto stopped_one = [&](const auto& one) { return one.stream == stop.stream; };
  std::erase_if(scatters, stopped_one);
  std::erase_if(lent, stopped_one);
  std::erase_if(early, stopped_one);
  tell(wire::RingStopped{stop.stream, {}});
}

bool SimEngine::can_claim() const {
  for (const auto& [id, stream] : sources) {
    if (!stream.credits.empty() && stream.begun < stream.ready) return true;
  }
  return false;
}

bool SimEngine::claim_one() {
  std::vector<StreamKey> able;
  for (const auto& [id, stream] : sources) {
    if (!stream.credits.empty() && stream.begun < stream.ready) able.push_back(id);
  }
  if (able.empty()) return false;
  const StreamKey id = able[dice_.below(able.size())];
  SourceStream& stream = sources.at(id);
  Claim claim;
  claim.stream = id;
  claim.ref = dice_.take(stream.credits);
  claim.target = session->region(claim.ref.region);
  claim.session = session;
  std::atomic<std::uint64_t>& word = claim.target.region->word(claim.ref.slot);
  const WriterId writer = claim.target.writer;
  std::uint64_t expected = core::loaned_word(claim.ref.generation, writer);
  const std::uint64_t claimed = core::claimed_word(claim.ref.generation, writer);
  if (!word.compare_exchange_strong(expected, claimed)) return true;  // the owner took it back
  claim.chunk = ChunkIndex{stream.todo.back()};
  stream.todo.pop_back();
  ++stream.begun;
  claim.bytes = static_cast<std::uint32_t>(core::cell(stream.plan, claim.chunk).bytes);
  claim.seed = truth(stream.start.key, rank.tp, stream.plan.hash, claim.chunk);
  ledger_.write_begins({claim.target.region, claim.ref.slot, claimed, name()});
  write_first_half(claim.target.region->bytes(claim.ref.slot).first(claim.bytes), claim.seed);
  claims.push_back(claim);
  return true;
}

bool SimEngine::fill_one() {
  if (claims.empty()) return false;
  const Claim claim = dice_.take(claims);
  if (dice_.one_in(24)) {
    give_up(claim);
  } else {
    fill(claim);
  }
  return true;
}

void SimEngine::fill(const Claim& claim) {
  SimRegion& region = *claim.target.region;
  write_second_half(region.bytes(claim.ref.slot).first(claim.bytes), claim.seed);
  *region.mapped.control().header(claim.ref.slot) = {claim.stream.xfer.value,
                                                     claim.session->pool().id.value,
                                                     claim.stream.stream.value,
                                                     claim.chunk.value,
                                                     claim.bytes,
                                                     0,
                                                     1,
                                                     2,
                                                     3,
                                                     0};
  ledger_.write_ends(region, claim.ref.slot);
  region.word(claim.ref.slot) = core::filled_word(claim.ref.generation, claim.target.writer);
  finished(claim, false);
}

void SimEngine::give_up(const Claim& claim) {
  ledger_.write_ends(*claim.target.region, claim.ref.slot);
  claim.target.region->word(claim.ref.slot) =
      core::free_word(Generation{claim.ref.generation.value + 1});
  finished(claim, true);
}

void SimEngine::finished(const Claim& claim, bool voided) {
  if (claim.session != session || !connected()) return;
  const auto at = sources.find(claim.stream);
  if (at == sources.end()) return;  // stopped meanwhile; the word alone tells
  SourceStream& stream = at->second;
  if (voided) {
    stream.todo.push_back(claim.chunk.value);
    --stream.begun;
  } else {
    ++stream.gathered;
  }
  tell(wire::RingGathered{claim.stream, {{claim.ref, claim.chunk, voided}}});
  if (stream.gathered == stream.plan.n_chunks) tell(wire::RingLeft{claim.stream});
}

bool SimEngine::scatter_one() {
  if (!connected() || scatters.empty()) return false;
  const Scatter work = dice_.take(scatters);
  const auto at = sinks.find(work.stream);
  PEGAFLOW_CHECK(at != sinks.end());
  SinkStream& stream = at->second;
  ReceiveView& receive = receives.at(stream.start.handle);
  const ClientRegion from = session->region(work.slot.slot.region);
  const auto bytes = from.region->bytes(work.slot.slot.slot).first(work.slot.bytes);
  const auto word = core::unpack(from.region->word(work.slot.slot.slot).load());
  const bool current = word && word->generation == work.slot.slot.generation;
  const std::uint64_t seed =
      truth(stream.start.key, stream.source_rank, stream.plan.hash, work.slot.chunk);
  if (current && !holds(bytes, seed)) {
    ledger_.broken(name() + " sees bytes in chunk " + std::to_string(work.slot.chunk.value) +
                   " that its source never had there");
  }
  if (current && !stream.seen.insert(work.slot.chunk.value).second) {
    ledger_.broken(name() + " got chunk " + std::to_string(work.slot.chunk.value) + " twice");
  }
  const bool told = !work.early || told_early(work, current);
  if (!current && !told) {  // the agent knows why
    stream.accepted.erase(work.slot.chunk.value);
    return true;
  }
  tell(wire::RingScattered{work.stream, {{work.slot.slot, work.slot.chunk, current, 1}}});
  if (!current) return true;  // the agent took the slot back: that receive has failed
  if (--receive.missing[work.stream] > 0) return true;
  ledger_.stream_complete(stream.start.key, stream.source_rank, rank.tp);
  bool all = receive.missing.size() == receive.streams;
  for (const auto& [id, missing] : receive.missing) all = all && missing == 0;
  if (all && !receive.ended()) end(receive, EventKind::kDone, Reason::kNone);
  return true;
}

void SimEngine::on_session_ended() {
  sources.clear();
  sinks.clear();
  scatters.clear();
  lent.clear();
  early.clear();
  offers.clear();
  for (auto& [handle, receive] : receives) {
    if (!receive.ended()) end(receive, EventKind::kFailed, Reason::kAgentLost);
  }
  session = nullptr;
}

void SimEngine::kill() {
  alive = false;
  stopped = false;
  on_session_ended();
  receives.clear();
}

void SimEngine::bury() {
  for (const Claim& claim : claims) {
    SimRegion& region = *claim.target.region;
    write_second_half(region.bytes(claim.ref.slot).first(claim.bytes), claim.seed);
    ledger_.write_ends(region, claim.ref.slot);
  }
  claims.clear();
}

}  // namespace pegaflow::simulation
