// SourceSide: the way of bytes into slots. kDirect: credits go on to the client, which fills the
// peer's slot. kAgent, kUcx: the client fills one of our slots; how it goes on is in source_out.cc.
#include <algorithm>
#include <string>

#include "agent/transfer/source_side.h"

namespace pegaflow::agent {
namespace {

const char* name_of(core::Observed seen) {
  switch (seen) {
    case core::Observed::kUntouched:
      return "LOANED";
    case core::Observed::kClaimed:
      return "CLAIMED";
    case core::Observed::kFilled:
      return "FILLED";
    case core::Observed::kVoided:
      return "VOID";
    case core::Observed::kBroken:
      break;
  }
  return "overwritten";
}

// The header as the peer will see it: its numbers, not ours.
bool header_fits(const SourceStream& stream, const memory::SlotHeader& header, ChunkIndex chunk) {
  return header.xfer == stream.key.xfer.value && header.stream == stream.key.stream.value &&
         header.chunk == chunk.value && header.bytes == core::cell(stream.plan, chunk).bytes;
}

}  // namespace

// What one end did wrong is known to nobody else; ABORT has no room for it.
void SourceSide::complain(const SourceStream& stream, const std::string& what) const {
  context_.config.complain("transfer " + std::to_string(stream.key.xfer.value) + " stream " +
                           std::to_string(stream.key.stream.value) + " to " + stream.link->peer() +
                           ": " + what);
}

void SourceSide::on_credit(LinkPort& link, const wire::Credit& credit) {
  SourceStream* stream = on(link, credit.stream);
  if (stream == nullptr || stream->state == core::SourceState::kEnding) {
    wire::Return back{credit.stream, credit.slots};
    link.send(back);  // at most the window's worth, once per abort
    return;
  }
  if (stream->state == core::SourceState::kWaitOffer) {
    for (const wire::RemoteSlot& slot : credit.slots) {
      if (stream->grant.eager.empty()) stream->grant.eager.push_back(slot);
    }
    return;
  }
  for (const wire::RemoteSlot& slot : credit.slots) {
    if (!forward_credit(*stream, slot)) return;
  }
  pump(*stream);
}

bool SourceSide::forward_credit(SourceStream& stream, const wire::RemoteSlot& remote) {
  if (!stream.direct()) {
    stream.credits.push_back(remote);
    return true;
  }
  if (stream.client == nullptr) return true;  // all has left, and nobody to use it
  const auto region = stream.client->peer_region(stream.link->id(), remote.region);
  if (!region) {
    abort(stream, Reason::kInternal, true);  // clients map before their pools are announced
    return false;
  }
  wire::RingCredit credit{stream.key, {}};
  credit.slots.push_back({*region, remote.slot, remote.generation});
  stream.client->send(credit);
  return true;
}

void SourceSide::on_revoke(LinkPort& link, const wire::Revoke& revoke) {
  SourceStream* stream = on(link, revoke.stream);
  if (stream == nullptr) {
    link.send(wire::Return{revoke.stream, {revoke.slot}});
    return;
  }
  auto& eager = stream->grant.eager;
  const bool waiting =
      stream->state == core::SourceState::kWaitOffer && !eager.empty() && eager[0] == revoke.slot;
  if (waiting) eager.clear();
  // In hand and not about to be used: give it back. Otherwise its chunk is on the way.
  const bool spare = stream->credits.size() > stream->loaned.size() + stream->waiting.size();
  const bool returned = spare && std::erase(stream->credits, revoke.slot) == 1;
  if (waiting || returned) link.send(wire::Return{revoke.stream, {revoke.slot}});
}

void SourceSide::pump(SourceStream& stream) {
  if (stream.direct() || stream.state == core::SourceState::kWaitOffer) return;
  if (send_out(stream)) lend(stream);
}

std::uint32_t SourceSide::own_slots_of(const LinkPort& link) const {
  std::size_t slots = 0;
  for (const auto& [key, stream] : streams_) {
    if (stream->link == &link) slots += stream->own_slots();
  }
  return static_cast<std::uint32_t>(slots);
}

// Resources are taken in one order: D's slot (the credit), then ours; at most half of ours per
// peer.
void SourceSide::lend(SourceStream& stream) {
  if (stream.state != core::SourceState::kActive) return;
  core::SlotTable& table = stream.region->table();
  const auto region = stream.client->own_region(stream.region->index());
  if (!region) return;
  const std::uint32_t half = std::max(1U, table.size() / 2);
  std::uint32_t used = own_slots_of(*stream.link);
  wire::RingCredit message{stream.key, {}};
  while (stream.loaned.size() + stream.waiting.size() < stream.credits.size() &&
         stream.gathered.count() + stream.loaned.size() < stream.ready) {
    const auto loan = used < half ? table.loan(stream.client->writer(), stream.serial)
                                  : std::optional<core::Loan>();
    if (!loan) {
      starved_ = true;
      break;
    }
    ++used;
    stream.loaned.push_back({loan->slot, loan->generation});
    message.slots.push_back({*region, loan->slot, loan->generation});
    if (message.slots.full()) {
      stream.client->send(message);
      message.slots.clear();
    }
  }
  if (!message.slots.empty()) stream.client->send(message);
  if (!stream.loaned.empty() && stream.path == DataPath::kAgent) context_.copier.expect();
}

void SourceSide::lend_starved() {
  if (!starved_) return;
  starved_ = false;
  for (const auto& [key, stream] : streams_) {
    if (!stream->direct() && stream->client != nullptr) lend(*stream);
  }
}

void SourceSide::on_gathered(ClientPort& client, const wire::RingGathered& message) {
  SourceStream* stream = active_of(client, message.stream);
  if (stream == nullptr) return;
  for (const wire::GatheredSlot& item : message.slots) {
    const Status accepted = accept_gathered(*stream, item);
    if (accepted.ok()) continue;
    complain(*stream, accepted.error().message());
    return abort(*stream, Reason::kProtocol, true);
  }
  pump(*stream);
}

// What a client says of its own slots is checked against our table, the word and the header.
Status SourceSide::accept_gathered(SourceStream& stream, const wire::GatheredSlot& item) {
  const auto wrong = [&item](const std::string& what) {
    return Error(Code::kProtocol, "GATHERED, slot " + std::to_string(item.slot.slot.value) +
                                      " generation " + std::to_string(item.slot.generation.value) +
                                      ", chunk " + std::to_string(item.chunk.value) +
                                      (item.voided ? ", voided: " : ": ") + what);
  };
  if (!stream.plan.groups.empty() && !stream.gathered.in_range(item.chunk)) {
    return wrong("the stream has " + std::to_string(stream.plan.n_chunks) + " chunks");
  }
  if (stream.direct()) {
    if (!item.voided && stream.gathered.in_range(item.chunk)) stream.gathered.insert(item.chunk);
    return {};
  }
  const auto at =
      std::find_if(stream.loaned.begin(), stream.loaned.end(), [&item](const OwnSlot& own) {
        return own.slot == item.slot.slot && own.generation == item.slot.generation;
      });
  if (at == stream.loaned.end()) return wrong("the slot is not lent to the stream");
  const OwnSlot own = *at;
  core::SlotTable& table = stream.region->table();
  const core::Observed seen = table.look(own.slot);
  if (item.voided && seen == core::Observed::kVoided) {
    stream.loaned.erase(at);
    table.release(own.slot);
    return {};
  }
  if (seen != core::Observed::kFilled) {
    return wrong(std::string("the slot's word is not FILLED but ") + name_of(seen));
  }
  const memory::SlotHeader header = stream.region->region().control().read_header(own.slot);
  if (!header_fits(stream, header, item.chunk)) {
    return wrong("the header says chunk " + std::to_string(header.chunk) + " of " +
                 std::to_string(header.bytes) + " bytes, transfer " + std::to_string(header.xfer) +
                 " stream " + std::to_string(header.stream) + "; the stream is " +
                 std::to_string(stream.key.xfer.value) + " " +
                 std::to_string(stream.key.stream.value));
  }
  if (!stream.gathered.insert(item.chunk)) return wrong("the chunk was gathered before");
  stream.loaned.erase(at);
  table.accept(own.slot);
  stream.waiting.push_back({own, header});
  return {};
}

}  // namespace pegaflow::agent
