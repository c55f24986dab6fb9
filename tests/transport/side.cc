#include "side.h"

#include <poll.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace pegaflow::transport::testing {

// The ends of the range come early, the rest is spread.
std::size_t message_size(std::uint64_t n) {
  if (n % 16 == 0) return 1;
  if (n % 16 == 1) return kMaxMessageBytes;
  return 1 + (n * 2654435761U >> 3) % kMaxMessageBytes;
}

std::byte pattern(std::uint64_t seed, std::size_t i) {
  return static_cast<std::byte>(seed * 131 + 17 + i * 7 + (i >> 8) * 13 + (i >> 16) * 29);
}

void fill_pattern(std::span<std::byte> bytes, std::uint64_t seed) {
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = pattern(seed, i);
}

bool has_pattern(std::span<const std::byte> bytes, std::uint64_t seed) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != pattern(seed, i)) return false;
  }
  return true;
}

Side::Side(std::unique_ptr<Context> context, const MakeArea& make_area, std::size_t memory_bytes)
    : context_(std::move(context)),
      source_(make_area(memory_bytes)),
      target_(make_area(memory_bytes)),
      on_host_(memory_bytes),
      message_(kMaxMessageBytes),
      reports_(kMaxTokens) {
  auto memory = register_source();
  PEGAFLOW_CHECK(memory.ok());
  source_memory_ = std::move(memory).value();
  PEGAFLOW_CHECK(register_target().ok());
}

Side::~Side() = default;

Status Side::make_worker() {
  worker_.reset();
  record_ = {};
  std::ranges::fill(reports_, std::uint8_t{0});
  PEGAFLOW_ASSIGN(worker_, context_->make_worker(*this));
  return {};
}

Status Side::register_target() {
  target_memory_.reset();
  fill_target(std::byte{0});
  PEGAFLOW_ASSIGN(target_memory_, context_->register_memory(target(), target_->memory()));
  return {};
}

Status Side::unpack(const Blob& key) {
  remote_.reset();
  PEGAFLOW_ASSIGN(remote_, worker_->unpack(key));
  return {};
}

void Side::fill_source(std::uint64_t seed, std::size_t size) {
  const auto bytes = std::span(on_host_).first(size);
  fill_pattern(bytes, seed);
  source_->write(0, bytes);
}

bool Side::target_has(std::uint64_t seed, std::size_t offset, std::size_t size) {
  const auto bytes = std::span(on_host_).first(size);
  target_->read(offset, bytes);
  return has_pattern(bytes, seed);
}

void Side::fill_target(std::byte value) {
  std::memset(on_host_.data(), std::to_integer<int>(value), on_host_.size());
  target_->write(0, on_host_);
}

std::vector<std::byte> Side::target_bytes() const {
  std::vector<std::byte> bytes(on_host_.size());
  target_->read(0, bytes);
  return bytes;
}

Status Side::send_next() {
  const auto bytes = std::span(message_).first(message_size(record_.sent));
  fill_pattern(bytes, record_.sent);
  PEGAFLOW_TRY(worker_->send(bytes));
  ++record_.sent;
  return {};
}

Status Side::put_pattern(std::uint64_t seed, std::size_t offset, std::size_t size) {
  fill_source(seed, size);
  return worker_->put(source().first(size), *source_memory_, *remote_, offset);
}

Status Side::flush(std::uint64_t token) {
  PEGAFLOW_CHECK(token < kMaxTokens);
  return worker_->flush(token);
}

bool Side::run_until(const std::function<bool()>& done, int extra_fd) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    if (worker_ && worker_->progress() > 0) continue;
    if (worker_) {
      const auto armed = worker_->arm();
      PEGAFLOW_CHECK(armed.ok());
      if (!*armed) continue;
    }
    // A short timeout besides the wake-ups, as every user of UCX needs it.
    pollfd fds[] = {{.fd = worker_ ? worker_->event_fd() : -1, .events = POLLIN, .revents = 0},
                    {.fd = extra_fd, .events = POLLIN, .revents = 0}};
    poll(fds, 2, 100);
  }
  return true;
}

void Side::on_message(std::span<const std::byte> message) {
  const auto n = record_.received++;
  if (!echo && (message.size() != message_size(n) || !has_pattern(message, n))) ++record_.corrupt;
  if (echo && !worker_->send(message).ok()) ++record_.callback_failures;
  if (message_hook) message_hook();
}

void Side::on_flushed(std::uint64_t token, const Status& status) {
  ++reports_[token];
  ++(status.ok() ? record_.flushed_ok : record_.flushed_failed);
  if (send_on_flush && status.ok() && !send_next().ok()) ++record_.callback_failures;
}

void Side::on_broken(const Error& /*error*/) { ++record_.broken; }

}  // namespace pegaflow::transport::testing
