#include "core/credits.h"

#include <algorithm>

#include "base/check.h"

namespace pegaflow::core {

Credits::Credits(std::uint32_t max_streams, std::uint32_t slots, std::uint32_t max_window)
    : streams_(max_streams),
      max_eager_(std::min(slots / 2, slots > max_window ? slots - max_window : 0)) {
  unused_.reserve(max_streams);
  active_.reserve(max_streams);
  for (std::uint32_t i = max_streams; i-- > 0;) unused_.push_back(i);
}

CreditStream Credits::add(std::uint32_t total, std::uint32_t window) {
  PEGAFLOW_CHECK(!unused_.empty());
  const CreditStream stream = unused_.back();
  unused_.pop_back();
  streams_[stream] = Stream{total, window, 0, 0, 0, false};
  active_.push_back(stream);
  return stream;
}

void Credits::remove(CreditStream stream) {
  PEGAFLOW_CHECK(std::erase(active_, stream) == 1);
  unused_.push_back(stream);
}

std::uint32_t Credits::ahead(const Stream& s) {
  const std::uint32_t used = s.out + s.received;
  return used > s.ready ? std::min(s.out, used - s.ready) : 0;
}

bool Credits::take_eager(CreditStream stream) {
  Stream& s = streams_[stream];
  if (s.out + s.received >= s.total || s.out >= s.window) return false;
  if (s.out + s.received < s.ready) return false;  // what is ready comes first
  if (eager_out() >= (ahead(s) == 0 ? max_eager_ : max_eager_ / 2)) return false;
  ++s.out;
  return true;
}

void Credits::set_ready(CreditStream stream, std::uint32_t ready) {
  streams_[stream].ready = std::min(ready, streams_[stream].total);
}

bool Credits::wants(const Stream& s) {
  if (s.out >= s.window || s.out + s.received >= s.ready) return false;
  const std::uint32_t room = s.window - s.out;
  return s.filling || room >= s.window / 4 || room >= s.ready - s.out - s.received;
}

std::optional<CreditStream> Credits::next() {
  const auto n = static_cast<std::uint32_t>(active_.size());
  for (std::uint32_t i = 0; i < n; ++i) {
    turn_ = (turn_ + 1) % n;
    Stream& s = streams_[active_[turn_]];
    if (!wants(s)) continue;
    ++s.out;
    s.filling = s.out < s.window && s.out + s.received < s.ready;
    return active_[turn_];
  }
  return {};
}

void Credits::filled(CreditStream stream) {
  Stream& s = streams_[stream];
  PEGAFLOW_CHECK(s.out > 0);
  --s.out;
  ++s.received;
  s.ready = std::max(s.ready, s.received);  // a chunk that came was ready
}

void Credits::returned(CreditStream stream) {
  PEGAFLOW_CHECK(streams_[stream].out > 0);
  --streams_[stream].out;
}

std::uint32_t Credits::owed(CreditStream stream) const {
  const Stream& s = at(stream);
  const std::uint32_t ready_left = s.ready > s.received ? s.ready - s.received : 0;
  return std::min(s.out, ready_left);
}

bool Credits::starving() const {
  return std::any_of(active_.begin(), active_.end(),
                     [this](CreditStream i) { return wants(streams_[i]); });
}

std::uint32_t Credits::eager_out() const {
  std::uint32_t sum = 0;
  for (const CreditStream i : active_) sum += ahead(streams_[i]);
  return sum;
}

}  // namespace pegaflow::core
