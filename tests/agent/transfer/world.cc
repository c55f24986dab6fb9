#include "tests/agent/transfer/world.h"

#include <algorithm>

#include "base/check.h"
#include "core/plan.h"
#include "tests/support/mapped_copy.h"

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

memory::Region make_region(const std::string& name, std::uint32_t slots) {
  auto region = memory::Region::create({name, MemoryKind::kHost, kSlotBytes, slots});
  PEGAFLOW_CHECK(region.ok());
  return std::move(*region);
}

template <typename T>
T take(std::vector<T>& from, std::size_t at = 0) {
  T item = from[at];
  from.erase(from.begin() + static_cast<std::ptrdiff_t>(at));
  return item;
}

}  // namespace

DataPath FakeLink::path() const { return world_.options.path; }
bool FakeLink::engine_writes(PoolId) const {
  return world_.options.pools_path.value_or(world_.options.path) == DataPath::kDirect;
}
std::optional<DataPath> FakeLink::path_for(const LocalPool&) const {
  if (world_.options.no_path) return std::nullopt;
  return world_.options.pools_path.value_or(world_.options.path);
}
std::uint32_t FakeLink::window() const { return world_.options.window; }

Status FakeLink::put(std::uint16_t, SlotIndex own_slot, std::uint32_t bytes,
                     const wire::RemoteSlot& remote) {
  world_.puts.push_back({own_slot, remote.slot, bytes});
  return {};
}

Status FakeLink::flush(std::uint64_t token) {
  std::size_t covered = world_.puts.size();
  for (const auto& [other, puts] : world_.flushes) covered -= puts;
  world_.flushes.emplace_back(token, covered);
  return {};
}

memory::MappedRegion* FakeLink::peer_region(std::uint16_t) { return &world_.d_mapped; }

FakeClient::FakeClient(World& world, SessionId id, bool source)
    : world_(world), id_(id), source_(source) {
  pool = {PoolId{id.value}, source ? "prefill" : "decode", shape(world.options, 1000U + id.value),
          77};
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
      scatters.push_back({scatter->stream, slot.slot, slot.chunk});
    }
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

std::byte World::pattern(const StreamKey& stream, ChunkIndex chunk) {
  return static_cast<std::byte>(
      (stream.xfer.value * 31 + stream.stream.value * 7 + chunk.value + 1) & 0xFFU);
}

World::World(const WorldOptions& world_options)
    : options(world_options),
      p_region(make_region("p", options.slots)),
      d_region(make_region("d", options.slots)),
      d_mapped(testing::mapped_copy_of(d_region)),
      p_client(*this, SessionId{1}, true),
      d_client(*this, SessionId{2}, false) {
  TransferConfig config;
  config.max_window = options.window;
  config.limits.max_streams = 128;
  memory::Region* p_regions[] = {&p_region};
  memory::Region* d_regions[] = {&d_region};
  p = std::make_unique<TransferService>(config, clock, p_regions, copier, p_probe);
  d = std::make_unique<TransferService>(config, clock, d_regions, copier, d_probe);
  p_link.pools = {{d_client.pool.id, PoolId{900}, "decode", d_client.pool.shape, 77, {}}};
  d_link.pools = {
      {p_client.pool.id, PoolId{901}, "prefill", p_client.pool.shape, 77, d_link.writer}};
  p->on_client(p_client);
  d->on_client(d_client);
  p->on_link_up(p_link);
  d->on_link_up(d_link);
  p->on_peer_pool(p_link, p_link.pools[0]);
  d->on_peer_pool(d_link, d_link.pools[0]);
}

bool World::deliver(FakeLink& from, FakeLink& to, TransferService& service) {
  if (from.out.empty()) return false;
  const wire::ControlMessage message = from.out.front();
  from.out.pop_front();
  if (up) service.on_control(to, message);
  return true;
}

bool World::complete_flush(bool ok) {
  if (flushes.empty()) return false;
  const auto [token, covered] = flushes.front();
  flushes.pop_front();
  for (std::size_t i = 0; i < covered; ++i) {
    const Put put = puts.front();
    puts.pop_front();
    const auto from = p_region.slot(put.from).first(put.bytes);
    std::copy(from.begin(), from.end(), d_region.slot(put.to).begin());
  }
  p->on_flushed(p_link, token, ok ? Status() : Error(Code::kUnavailable, "cut"));
  return true;
}

bool World::copy_one() {
  if (copier.jobs.empty()) return false;
  const CopyJob job = copier.jobs.front();
  copier.jobs.pop_front();
  std::uint64_t expected = job.loaned_word;
  const bool won = job.to_word->compare_exchange_strong(expected, job.claimed_word);
  if (won) {
    std::copy(job.from.begin(), job.from.end(), job.to.begin());
    *job.to_header = job.header;
    *job.to_word = job.filled_word;
  }
  p->on_copied(job.token, won ? CopyOutcome::kCopied : CopyOutcome::kRevoked, Nanos(1));
  return true;
}

bool World::step(std::mt19937& random) {
  const auto start = static_cast<int>(random() % 10);
  for (int i = 0; i < 10; ++i) {
    bool done = false;
    switch ((start + i) % 10) {
      case 0:
        done = deliver(p_link, d_link, *d);
        break;
      case 1:
        done = deliver(d_link, p_link, *p);
        break;
      case 2:
        done = p_client.take_message();
        break;
      case 3:
        done = d_client.take_message();
        break;
      case 4:
        done = p_client.claim_one();
        break;
      case 5:
        done = p_client.fill_one();
        break;
      case 6:
        done = d_client.scatter_one();
        break;
      case 7:
        done = d->poll();
        break;
      case 8:
        done = complete_flush();
        break;
      default:
        done = copy_one();
        break;
    }
    if (done) return true;
  }
  return false;
}

void World::settle() {
  std::mt19937 random(1);
  for (int i = 0; i < 200'000; ++i) {
    if (!step(random)) return;
  }
  PEGAFLOW_CHECK(false);  // something goes round for ever
}

void World::advance(Nanos by) {
  clock.advance(by);
  p->on_time(clock.now());
  d->on_time(clock.now());
}

void World::link_down() {
  up = false;
  p_link.out.clear();
  d_link.out.clear();
  const Error why(Code::kUnavailable, "cut");
  puts.clear();
  flushes.clear();
  p->on_link_down(p_link, why);
  d->on_link_down(d_link, why);
  if (options.path == DataPath::kUcx) d->on_writer_gone(d_link.writer);
}

std::uint32_t World::free_slots(TransferService& service) const {
  return service.snapshot().regions[0].slots[static_cast<std::size_t>(core::SlotState::kFree)];
}

}  // namespace pegaflow::agent
