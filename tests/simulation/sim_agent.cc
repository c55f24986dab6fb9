#include "tests/simulation/sim_agent.h"

#include <algorithm>

#include "base/check.h"

namespace pegaflow::simulation {

std::pair<SimRegion*, SlotIndex> Shared::locate(const std::byte* at) {
  for (const auto& region : regions) {
    for (const std::byte* base :
         {region->own.slot(SlotIndex{0}).data(), region->mapped.slot(SlotIndex{0}).data()}) {
      const std::size_t size = std::size_t{region->own.slot_count()} * kSlotBytes;
      if (at < base || at >= base + size) continue;
      return {region.get(), SlotIndex{static_cast<std::uint32_t>((at - base) / kSlotBytes)}};
    }
  }
  PEGAFLOW_CHECK(false);
  return {};
}

SimRegion& Shared::add_region(std::uint32_t slots) {
  regions.push_back(
      std::make_unique<SimRegion>(static_cast<std::uint32_t>(regions.size()) + 1, slots));
  return *regions.back();
}

bool SimCopier::begin_one() {
  if (waiting.empty() || !running.empty()) return false;  // one thread
  Job job = waiting.front();
  waiting.pop_front();
  std::uint64_t expected = job.job.loaned_word;
  if (!job.job.to_word->compare_exchange_strong(expected, job.job.claimed_word)) {
    outcomes.push_back({job.job.token, agent::CopyOutcome::kRevoked});
    return true;
  }
  const auto [source, own_slot] = shared_.locate(job.job.from.data());
  const auto [target, slot] = shared_.locate(job.job.to.data());
  job.read = shared_.ledger.read_begins(*source, own_slot, "the copier");
  shared_.ledger.write_begins({target, slot, job.job.claimed_word, "the copier"});
  std::copy(job.job.from.begin(), job.job.from.begin() + job.job.from.size() / 2,
            job.job.to.begin());
  running.push_back(job);
  return true;
}

bool SimCopier::finish_one() {
  if (running.empty()) return false;
  const Job job = running.front();
  running.pop_front();
  const auto half = job.job.from.size() / 2;
  std::copy(job.job.from.begin() + half, job.job.from.end(), job.job.to.begin() + half);
  *job.job.to_header = job.job.header;
  const auto [target, slot] = shared_.locate(job.job.to.data());
  shared_.ledger.write_ends(*target, slot);
  shared_.ledger.read_ends(job.read);
  *job.job.to_word = job.job.filled_word;
  outcomes.push_back({job.job.token, agent::CopyOutcome::kCopied});
  return true;
}

void SimCopier::die() {
  for (const Job& job : running) {
    const auto [target, slot] = shared_.locate(job.job.to.data());
    shared_.ledger.write_ends(*target, slot);
    shared_.ledger.read_ends(job.read);
  }
  waiting.clear();
  running.clear();
  outcomes.clear();
}

void SimAgent::start(std::uint32_t slots, std::uint32_t window) {
  alive = true;
  stopped = false;
  epoch = AgentEpoch{shared_.dice.number() | 1U};
  region = &shared_.add_region(slots);
  writers_.clear();
  processes.clear();
  sessions.clear();
  next_pool_ = 1;
  next_session_ = 1;
  agent::TransferConfig config;
  config.max_window = window;
  config.limits.max_streams = 64;
  config.first_xfer = shared_.dice.number();
  memory::Region* regions[] = {&region->own};
  service = std::make_unique<agent::TransferService>(config, shared_.clock, regions, copier, probe);
}

void SimAgent::kill() {
  shared_.ledger.agent_died(epoch);
  alive = false;
  stopped = false;
  service.reset();
  copier.die();
  sessions.clear();
}

SimSession& SimAgent::open_session(SimEngine& engine) {
  // An engine may be back before the end of its last session has been noticed.
  for (SimSession* session : std::vector<SimSession*>(sessions)) {
    if (&session->engine == &engine) lose(*session);
  }
  agent::LocalPool pool{PoolId{next_pool_++}, engine.instance, engine.shape(), engine.incarnation};
  all_sessions_.push_back(std::make_unique<SimSession>(
      shared_.ledger, *this, engine, SessionId{next_session_++}, new_writer(), std::move(pool)));
  SimSession& session = *all_sessions_.back();
  sessions.push_back(&session);
  engine.session = &session;
  service->on_client(session);
  service->on_pool(session, session.pool());
  return session;
}

void SimAgent::lose(SimSession& session) {
  // What the engine had said before it went may still be heard, or not.
  if (shared_.dice.one_in(2)) {
    while (read_ring(session)) {
    }
  }
  std::erase(sessions, &session);
  service->on_client_lost(session, Error(Code::kUnavailable, "the client is gone"));
  session.lost = true;
}

bool SimAgent::read_ring(SimSession& session) {
  if (session.outbox.empty()) return false;
  const wire::ClientMessage message = session.outbox.front();
  session.outbox.pop_front();
  service->on_client_message(session, message);
  if (const auto* left = std::get_if<wire::RingLeft>(&message)) note_left(session, left->stream);
  if (const auto* withdrawn = std::get_if<wire::RingWithdraw>(&message)) {
    check_withdrawn(session, withdrawn->key);
  }
  return true;
}

// Only what the service took for it: the stream may have ended before.
void SimAgent::note_left(SimSession& session, const StreamKey& stream) {
  for (const agent::TransferInfo& transfer : service->snapshot().transfers) {
    if (transfer.source && transfer.stream == stream && transfer.state == "sent") {
      shared_.ledger.stream_left(stream, epoch);
      session.stream_left(stream);
    }
  }
}

// Its blocks may be computed anew from now on.
void SimAgent::check_withdrawn(const SimSession& session, const Key& key) {
  for (const agent::TransferInfo& transfer : service->snapshot().transfers) {
    const auto at = session.engine.sources.find(transfer.stream);
    // What has left its blocks (sent) does not need them, also after its offer ended by itself.
    const bool ended = transfer.state == "ending" || transfer.state == "sent";
    const bool read = transfer.source && at != session.engine.sources.end() &&
                      at->second.start.key == key && !ended;
    if (!read) continue;
    shared_.ledger.broken("a withdrawn offer of " + session.engine.name() + " is still read (" +
                          transfer.state + ")");
  }
}

WriterId SimAgent::new_writer() {
  std::uint16_t number = 1;
  while (writers_.contains(number)) ++number;
  writers_.insert(number);
  return WriterId{number};
}

WriterId SimAgent::writer_of(std::uint64_t process) {
  const auto at = processes.find(process);
  if (at != processes.end()) return at->second;
  return processes[process] = new_writer();
}

void SimAgent::writer_gone(WriterId writer) {
  service->on_writer_gone(writer);
  writers_.erase(writer.value);
}

void SimAgent::process_gone(std::uint64_t process) {
  const auto at = processes.find(process);
  if (at == processes.end()) return;
  const WriterId writer = at->second;
  processes.erase(at);
  writer_gone(writer);
}

}  // namespace pegaflow::simulation
