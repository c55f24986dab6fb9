// SourceSide: the way of a filled slot of ours to the peer's: with a credit in hand it is copied
// (kAgent), or put and flushed (kUcx).
#include <algorithm>
#include <string>

#include "agent/transfer/source_side.h"

namespace pegaflow::agent {
namespace {

std::uint32_t micros(std::uint64_t nanos) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(nanos / 1000, 0xFFFFFFFFU));
}

}  // namespace

bool SourceSide::send_out(SourceStream& stream) {
  if (stream.waiting.empty() || stream.credits.empty()) return true;
  if (!stream.moved) {
    stream.moved = true;
    stream.probe->stage(metrics::Stage::kGrant, context_.now() - stream.granted);
  }
  return stream.path == DataPath::kAgent ? copy_out(stream) : put_out(stream);
}

bool SourceSide::copy_out(SourceStream& stream) {
  while (!stream.waiting.empty() && !stream.credits.empty()) {
    const wire::RemoteSlot remote = stream.credits.front();
    memory::MappedRegion* target = stream.link->peer_region(remote.region);
    if (target == nullptr || remote.slot.value >= target->slot_count()) {
      complain(stream, "a credit names slot " + std::to_string(remote.slot.value) + " of region " +
                           std::to_string(remote.region) + ", which the peer does not have");
      abort(stream, Reason::kProtocol, true);
      return false;
    }
    Batch batch{stream.serial, stream.link->id(), stream.region, context_.now(), false, {}};
    batch.items.push_back({stream.waiting.front(), remote});
    stream.waiting.erase(stream.waiting.begin());
    stream.credits.erase(stream.credits.begin());
    const Outbound& out = batch.items[0].out;
    const auto writer = stream.link->own_writer();
    CopyJob job;
    job.from = stream.region->region().slot(out.own.slot).first(out.header.bytes);
    job.to = target->slot(remote.slot);
    job.header = out.header;
    job.to_header = target->control().header(remote.slot);
    job.to_word = &target->control().word(remote.slot);
    job.bell = &target->bell();
    job.loaned_word = core::loaned_word(remote.generation, writer);
    job.claimed_word = core::claimed_word(remote.generation, writer);
    job.filled_word = core::filled_word(remote.generation, writer);
    job.token = outbox_.add(batch);
    ++stream.in_flight;
    context_.copier.submit(job);
  }
  return true;
}

bool SourceSide::put_out(SourceStream& stream) {
  while (!stream.waiting.empty() && !stream.credits.empty()) {
    Batch batch{stream.serial, stream.link->id(), stream.region, context_.now(), true, {}};
    Status posted = put_batch(stream, batch);
    stream.in_flight += static_cast<std::uint32_t>(batch.items.size());
    LinkPort& link = *stream.link;
    const std::uint64_t token = outbox_.add(batch);
    if (posted.ok()) posted = link.flush(token);
    if (posted.ok()) continue;
    link.reset(posted.error());  // unknown bytes may be on the way: fence, everything ends
    return false;
  }
  return true;
}

Status SourceSide::put_batch(SourceStream& stream, Batch& batch) {
  while (!stream.waiting.empty() && !stream.credits.empty() && !batch.items.full()) {
    const Batch::Item item{stream.waiting.front(), stream.credits.front()};
    stream.waiting.erase(stream.waiting.begin());
    stream.credits.erase(stream.credits.begin());
    batch.items.push_back(item);
    PEGAFLOW_TRY(stream.link->put(stream.region->index(), item.out.own.slot, item.out.header.bytes,
                                  item.remote));
  }
  return {};
}

void SourceSide::on_flushed(LinkPort& link, std::uint64_t token, const Status& status) {
  const auto batch = outbox_.take(token);
  if (!batch) return;
  finish_batch(*batch, status.ok(), context_.now() - batch->posted);
  if (!status.ok()) link.reset(status.error());
}

void SourceSide::on_copied(std::uint64_t token, CopyOutcome outcome, Nanos took) {
  const auto batch = outbox_.take(token);
  if (!batch) return;
  const auto at = by_serial_.find(batch->serial);
  if (outcome == CopyOutcome::kRevoked && at != by_serial_.end() &&
      at->second->state != core::SourceState::kEnding) {
    // The peer took its slot back; the chunk waits for the next credit.
    --at->second->in_flight;
    at->second->waiting.push_back(batch->items[0].out);
    return pump(*at->second);
  }
  finish_batch(*batch, outcome == CopyOutcome::kCopied, took);
  const auto still = by_serial_.find(batch->serial);
  if (outcome == CopyOutcome::kFailed && still != by_serial_.end()) {
    abort(*still->second, Reason::kTransport, true);
  }
}

void SourceSide::finish_batch(const Batch& batch, bool delivered, Nanos took) {
  for (const Batch::Item& item : batch.items) batch.region->table().release(item.out.own.slot);
  const auto at = by_serial_.find(batch.serial);
  if (at != by_serial_.end()) {
    SourceStream& stream = *at->second;
    stream.in_flight -= static_cast<std::uint32_t>(batch.items.size());
    if (delivered) {
      wire::Chunk message{stream.key, {}};
      for (const Batch::Item& item : batch.items) {
        const memory::SlotHeader& h = item.out.header;
        stream.probe->chunk_sent(h.bytes, took);
        message.chunks.push_back({item.remote, ChunkIndex{h.chunk}, h.bytes,
                                  static_cast<std::uint32_t>(h.checksum), h.t_ready,
                                  micros(h.t_end - h.t_start),
                                  micros(static_cast<std::uint64_t>(took.count()))});
      }
      if (batch.flush) stream.link->send(message);
    }
    if (stream.state == core::SourceState::kEnding) {
      try_drained(stream);
    } else {
      pump(stream);
    }
  }
}

}  // namespace pegaflow::agent
