// SinkSide: deadlines.
#include <algorithm>
#include <utility>

#include "agent/transfer/sink_side.h"

namespace pegaflow::agent {

SinkSide::Deadline SinkSide::expired(const SinkStream& s, TimePoint now) const {
  const auto past = [now](const std::optional<TimePoint>& at) { return at && *at <= now; };
  if (past(s.offer_deadline)) return {Reason::kOfferTimeout, metrics::Timer::kOfferWait};
  if (past(s.compute_deadline)) return {Reason::kComputeTimeout, metrics::Timer::kCompute};
  if (past(s.progress_deadline)) return {Reason::kSourceStalled, metrics::Timer::kProgress};
  if (past(s.scatter_deadline)) return {Reason::kScatterTimeout, metrics::Timer::kScatter};
  return {};
}

void SinkSide::on_time(TimePoint now) {
  end_late_streams(now);
  end_late_receives(now);
  fence_silent_links(now);
}

void SinkSide::end_late_streams(TimePoint now) {
  std::vector<StreamKey> due;
  for (const auto& [key, stream] : streams_) {
    if (stream->receive != nullptr && expired(*stream, now).reason != Reason::kNone) {
      due.push_back(key);
    }
  }
  for (const StreamKey& key : due) {
    SinkStream* stream = find(key);
    if (stream == nullptr || stream->receive == nullptr) continue;
    const Deadline deadline = expired(*stream, now);
    stream->probe->deadline_hit(deadline.timer);
    fail(*stream->receive, deadline.reason, "source " + stream->link->peer());
  }
}

void SinkSide::end_late_receives(TimePoint now) {
  std::vector<std::pair<std::uint64_t, Reason>> over;
  for (const auto& [xfer, receive] : receives_) {
    if (receive->total_deadline <= now) over.emplace_back(xfer, Reason::kTotalTimeout);
    if (receive->peer_deadline && *receive->peer_deadline <= now) {
      over.emplace_back(xfer, Reason::kNoPeer);
    }
  }
  for (const auto& [xfer, reason] : over) {
    const auto at = receives_.find(xfer);
    if (at == receives_.end()) continue;
    const bool peer = reason == Reason::kNoPeer;
    context_.probe.deadline_hit(peer ? metrics::Timer::kOfferWait : metrics::Timer::kTotal);
    fail(*at->second, reason, peer ? at->second->waiting_for : std::string());
  }
}

// A source that does not say QUIESCED may still be writing: the link's end proves that it is not.
void SinkSide::fence_silent_links(TimePoint now) {
  std::vector<LinkPort*> silent;
  for (const auto& [key, stream] : streams_) {
    const bool waits = stream->receive == nullptr && stream->quiesce_deadline;
    if (waits && *stream->quiesce_deadline <= now) silent.push_back(stream->link);
  }
  std::sort(silent.begin(), silent.end(),
            [](const LinkPort* a, const LinkPort* b) { return a->id() < b->id(); });
  silent.erase(std::unique(silent.begin(), silent.end()), silent.end());
  for (LinkPort* link : silent) {
    const auto at = context_.links.find(link->id());
    if (at == context_.links.end()) continue;
    at->second.probe->deadline_hit(metrics::Timer::kQuiesce);
    at->second.probe->fenced();
    link->reset(Error(Code::kDeadlineExceeded, "no QUIESCED after ABORT: fencing the link"));
  }
}

std::optional<TimePoint> SinkSide::next_deadline() const {
  std::optional<TimePoint> next;
  for (const auto& [key, s] : streams_) {
    if (s->receive == nullptr) {
      take_earlier(next, s->quiesce_deadline);
      continue;
    }
    take_earlier(next, s->offer_deadline);
    take_earlier(next, s->compute_deadline);
    take_earlier(next, s->progress_deadline);
    take_earlier(next, s->scatter_deadline);
  }
  for (const auto& [xfer, receive] : receives_) {
    take_earlier(next, receive->total_deadline);
    take_earlier(next, receive->peer_deadline);
  }
  return next;
}

void SinkSide::on_gap(Nanos gap) {
  const auto extend = [gap](std::optional<TimePoint>& at) {
    if (at) *at += gap;
  };
  for (const auto& [key, s] : streams_) {
    extend(s->offer_deadline);
    extend(s->compute_deadline);
    extend(s->progress_deadline);
    extend(s->scatter_deadline);
    extend(s->quiesce_deadline);
  }
  for (const auto& [xfer, receive] : receives_) {
    receive->total_deadline += gap;
    extend(receive->peer_deadline);
  }
}

}  // namespace pegaflow::agent
