#include "tests/agent/transfer/world.h"

#include <algorithm>

#include "base/check.h"
#include "tests/support/mapped_copy.h"

namespace pegaflow::agent {
namespace {

memory::Region make_region(const std::string& name, std::uint32_t slots) {
  auto region = memory::Region::create({name, MemoryKind::kHost, kSlotBytes, slots});
  PEGAFLOW_CHECK(region.ok());
  return std::move(*region);
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

bool World::step(std::mt19937& random) { return step(random, true); }

bool World::step(std::mt19937& random, bool scatters) {
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
        done = scatters && d_client.scatter_one();
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

void World::settle() { settle(true); }
void World::settle_but_for_scatters() { settle(false); }

void World::settle(bool scatters) {
  std::mt19937 random(1);
  for (int i = 0; i < 200'000; ++i) {
    if (!step(random, scatters)) return;
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

std::uint32_t World::slots(const TransferService& service, core::SlotState state) const {
  return service.snapshot().regions[0].slots[static_cast<std::size_t>(state)];
}

}  // namespace pegaflow::agent
