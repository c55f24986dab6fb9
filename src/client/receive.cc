#include "client/receive.h"

#include <algorithm>
#include <utility>

namespace pegaflow::client {

SinkStream::SinkStream(const wire::RingStream& message, Receive& of_receive,
                       core::StreamPlan stream_plan, core::ChecksumKind checksum_kind)
    : key(message.stream),
      receive(&of_receive),
      plan(std::move(stream_plan)),
      progress(plan),
      checksum(checksum_kind) {
  lent.reserve(32);
  early.reserve(32);
}

Receive::Receive(const ReceiveSpec& spec, std::uint64_t number, const LocalPool& of_pool)
    : key(spec.key), handle(number), pool(&of_pool) {
  for (std::size_t i = 0; i < spec.groups.size(); ++i) {
    const ReceiveGroup& group = spec.groups[i];
    tokens.push_back({group.tokens.begin, group.tokens.end});
    ids.push_back(group.block_ids);
    tables.push_back(
        {ids.back(), group.tokens.begin / of_pool.layout.shape.groups[i].block_tokens});
  }
}

std::uint32_t valid_tokens(const Receive& receive) {
  const core::TokenRange range = receive.tokens[0];
  if (receive.end && receive.end->kind == EventKind::kDone) return range.size();
  if (receive.expected == 0 || receive.streams.size() < receive.expected) return 0;
  std::uint32_t end = range.end;
  for (const auto& stream : receive.streams) {
    end = std::min(end, stream->progress.first_missing_token(0).value_or(range.end));
  }
  return end - range.begin;
}

TransferStats stats_of(const Receive& receive, TimePoint now) {
  TransferStats stats;
  stats.streams = static_cast<std::uint32_t>(receive.streams.size());
  stats.offer_wait = receive.offer_wait;
  stats.grant = receive.grant;
  stats.last_ready_ns = receive.last_ready_ns;
  stats.total = now - receive.started;
  for (const auto& stream : receive.streams) {
    stats.bytes += stream->progress.placed_bytes();
    stats.chunks += stream->progress.placed_count();
    stats.gather = std::max(stats.gather, stream->gather);
    stats.wire = std::max(stats.wire, stream->wire);
    stats.scatter = std::max(stats.scatter, stream->scatter);
  }
  return stats;
}

}  // namespace pegaflow::client
