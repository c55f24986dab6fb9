// FakeClient (world.h): what an engine's client does.
#include <algorithm>

#include "base/check.h"
#include "core/plan.h"
#include "tests/agent/transfer/world.h"

namespace pegaflow::agent {
namespace {

KvShape shape(const WorldOptions& options, std::uint64_t incarnation) {
  KvGroupShape group;
  group.stage_bounds = {0, options.layers};
  group.heads_total = 1;
  group.parts = 1;
  group.part_bytes = {64, 0};
  group.element_bytes = 2;
  group.block_tokens = 16;
  KvShape result;
  result.groups.push_back(group);
  result.incarnation = incarnation;
  return result;
}

template <typename T>
T take(std::vector<T>& from, std::size_t at = 0) {
  T item = from[at];
  from.erase(from.begin() + static_cast<std::ptrdiff_t>(at));
  return item;
}

}  // namespace

FakeClient::FakeClient(World& world, SessionId id, bool source)
    : world_(world), id_(id), source_(source) {
  pool = {PoolId{id.value}, source ? "prefill" : "decode", shape(world.options, 1000U + id.value),
          77};
  if (!source) pool.shape.rank.tp_size = world.options.sink_ranks;
}

memory::RegionMemory& FakeClient::region(RegionId id) {
  if (id.value == 2) return world_.d_mapped;
  if (source_) return world_.p_region;
  return world_.d_region;
}

void FakeClient::tell(const wire::ClientMessage& message) {
  (source_ ? world_.p : world_.d)->on_client_message(*this, message);
}

void FakeClient::offer(const Key& key, std::uint32_t n_tokens, ContentHash content) {
  tell(wire::RingOffer{key, pool.id, n_tokens, content, 0});
}

void FakeClient::set_ready(std::uint32_t chunks) {
  ready = chunks;
  for (auto& [key, stream] : streams) {
    const std::uint32_t now = std::min(chunks, stream.total);
    if (now == stream.ready) continue;
    stream.ready = now;
    tell(wire::RingReady{key, now});
  }
}

std::uint64_t FakeClient::receive(const Key& key, std::uint32_t n_tokens, ContentHash content) {
  wire::RingReceive request;
  request.key = key;
  request.handle = next_handle_++;
  request.pool = pool.id;
  request.source = {"prefill", 0};
  request.content = content;
  request.n_tokens = n_tokens;
  request.tokens.push_back({0, n_tokens});
  request.compute_ms = compute_ms;
  tell(request);
  return request.handle;
}

void FakeClient::intend(const Key& key, std::uint32_t n_tokens, ContentHash content) {
  tell(wire::RingIntend{key, {"prefill", 0}, content, pool.shape.fingerprint, n_tokens, 0});
}

void FakeClient::cancel(std::uint64_t handle) { tell(wire::RingCancel{handle}); }

bool FakeClient::take_message() {
  if (inbox.empty()) return false;
  const wire::AgentMessage message = inbox.front();
  inbox.pop_front();
  if (const auto* start = std::get_if<wire::RingStream>(&message)) {
    Stream& stream = streams[start->stream];
    stream.start = *start;
    const core::TokenRange tokens[] = {{start->tokens[0].begin, start->tokens[0].end}};
    const auto plan = core::plan_stream(pool.shape, pool.shape, tokens, start->chunk_bytes);
    PEGAFLOW_CHECK(plan.ok());
    stream.total = plan->n_chunks;
    if (source_) {
      stream.ready = std::min(ready, stream.total);
      tell(wire::RingReady{start->stream, stream.ready});
      if (stream.total == 0) tell(wire::RingLeft{start->stream});
    }
  } else if (const auto* credit = std::get_if<wire::RingCredit>(&message)) {
    auto& credits = streams[credit->stream].credits;
    credits.insert(credits.end(), credit->slots.begin(), credit->slots.end());
  } else if (const auto* scatter = std::get_if<wire::RingScatter>(&message)) {
    for (const wire::ScatterSlot& slot : scatter->slots) {
      if (std::erase(begun_early, slot.slot) != 0) continue;
      std::erase_if(lent, [&slot](const Work& work) { return work.slot == slot.slot; });
      scatters.push_back({scatter->stream, slot.slot, slot.chunk});
    }
  } else if (const auto* shown = std::get_if<wire::RingLent>(&message)) {
    for (const wire::SlotRef& slot : shown->slots) lent.push_back({shown->stream, slot, {}});
  } else if (const auto* stop = std::get_if<wire::RingStop>(&message)) {
    streams.erase(stop->stream);
    std::erase_if(scatters, [&](const Work& w) { return w.stream == stop->stream; });
    tell(wire::RingStopped{stop->stream, {}});
  } else {
    const auto& result = std::get<wire::RingResult>(message);
    const bool step = result.kind == EventKind::kOffered && result.handle != 0;
    (step ? offered : results).push_back(result);
  }
  return true;
}

bool FakeClient::claim_one() {
  for (auto& [key, stream] : streams) {
    if (stream.credits.empty() || stream.begun.size() >= stream.ready) continue;
    const wire::SlotRef slot = take(stream.credits);
    const WriterId writer = slot.region.value == 2 ? world_.d_link.writer : this->writer();
    auto& word = region(slot.region).control().word(slot.slot);
    std::uint64_t expected = core::loaned_word(slot.generation, writer);
    if (!word.compare_exchange_strong(expected, core::claimed_word(slot.generation, writer))) {
      return true;  // revoked: nothing may be written there
    }
    const ChunkIndex chunk{static_cast<std::uint32_t>(stream.begun.size())};
    stream.begun.insert(chunk.value);
    claimed.push_back({key, slot, chunk});
    return true;
  }
  return false;
}

bool FakeClient::fill_one() {
  if (claimed.empty()) return false;
  const Work work = take(claimed);
  const WriterId writer = work.slot.region.value == 2 ? world_.d_link.writer : this->writer();
  memory::RegionMemory& target = region(work.slot.region);
  const auto bytes = target.slot(work.slot.slot).first(kSlotBytes);
  std::fill(bytes.begin(), bytes.end(), World::pattern(work.stream, work.chunk));
  memory::SlotHeader* header = target.control().header(work.slot.slot);
  *header = {work.stream.xfer.value,
             pool.id.value,
             work.stream.stream.value,
             work.chunk.value,
             kSlotBytes,
             0,
             1,
             2,
             3,
             0};
  target.control().word(work.slot.slot) = core::filled_word(work.slot.generation, writer);
  const auto at = streams.find(work.stream);
  if (at == streams.end()) return true;  // stopped meanwhile; the word alone tells
  tell(wire::RingGathered{work.stream, {{work.slot, work.chunk, false}}});
  const bool open = std::any_of(claimed.begin(), claimed.end(),
                                [&](const Work& w) { return w.stream == work.stream; });
  const auto live = streams.find(work.stream);
  if (live != streams.end() && live->second.begun.size() == live->second.total && !open) {
    tell(wire::RingLeft{work.stream});
  }
  return true;
}

bool FakeClient::takes_lent() const { return world_.options.looks; }

bool FakeClient::scatter_lent_one() {
  const auto at = std::find_if(lent.begin(), lent.end(), [this](const Work& work) {
    return region(work.slot.region).control().word(work.slot.slot).load() ==
           core::filled_word(work.slot.generation, world_.d_link.writer);
  });
  if (at == lent.end()) return false;
  Work work = take(lent, static_cast<std::size_t>(at - lent.begin()));
  work.chunk = ChunkIndex{region(work.slot.region).control().read_header(work.slot.slot).chunk};
  begun_early.push_back(work.slot);
  scatters.insert(scatters.begin(), work);
  return scatter_one();
}

bool FakeClient::scatter_one(bool ok) {
  if (scatters.empty()) return false;
  const Work work = take(scatters);
  const auto bytes = region(work.slot.region).slot(work.slot.slot).first(kSlotBytes);
  const std::byte expected = World::pattern(work.stream, work.chunk);
  const bool right =
      std::all_of(bytes.begin(), bytes.end(), [expected](std::byte b) { return b == expected; });
  if (!right) ++wrong_bytes;
  const auto at = streams.find(work.stream);
  if (at != streams.end() && ok) verified[at->second.start.handle].insert(work.chunk.value);
  tell(wire::RingScattered{work.stream, {{work.slot, work.chunk, ok, 1}}});
  return true;
}

}  // namespace pegaflow::agent
