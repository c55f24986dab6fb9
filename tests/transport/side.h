// One end of a link as tests drive it: a context, a worker, a source and a target memory, and a
// record of everything that was reported. Used by the tests themselves and by their scripted peer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "area.h"
#include "transport/transport.h"

namespace pegaflow::transport::testing {

inline constexpr std::chrono::seconds kPatience{30};  // no wait takes longer, then the test fails
inline constexpr std::size_t kMemoryBytes = (4 << 20) + 4096;
inline constexpr std::size_t kMaxTokens = 4096;

// Message number n of a link: 1 to kMaxMessageBytes bytes that follow from n.
std::size_t message_size(std::uint64_t n);
std::byte pattern(std::uint64_t seed, std::size_t i);
void fill_pattern(std::span<std::byte> bytes, std::uint64_t seed);
bool has_pattern(std::span<const std::byte> bytes, std::uint64_t seed);

class Side final : public WorkerEvents {
 public:
  explicit Side(std::unique_ptr<Context> context, const MakeArea& make_area = make_host_area,
                std::size_t memory_bytes = kMemoryBytes);
  ~Side() override;
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;

  Context& context() { return *context_; }
  Worker* worker() { return worker_.get(); }
  Status make_worker();  // destroys the one before
  void destroy_worker() { worker_.reset(); }
  // Once more.
  Result<std::unique_ptr<LocalMemory>> register_source() {
    return context_->register_memory(source(), source_->memory());
  }
  Status register_target();  // a fresh one; the one before is unregistered
  LocalMemory& target_memory() { return *target_memory_; }
  LocalMemory& source_memory() { return *source_memory_; }
  std::span<std::byte> target() { return target_->bytes(); }
  std::span<std::byte> source() { return source_->bytes(); }
  Status unpack(const Blob& key);
  RemoteMemory& remote() { return *remote_; }
  std::unique_ptr<RemoteMemory> take_remote() { return std::move(remote_); }

  // Wherever the memories lie: the pattern at the source's start, whether the target has it from
  // `offset` on, one value in all of the target, and a copy of its bytes.
  void fill_source(std::uint64_t seed, std::size_t size);
  bool target_has(std::uint64_t seed, std::size_t offset, std::size_t size);
  void fill_target(std::byte value);
  std::vector<std::byte> target_bytes() const;

  // The next message of the link.
  Status send_next();
  // Fills the start of the source and puts it to `offset` of the peer's target.
  Status put_pattern(std::uint64_t seed, std::size_t offset, std::size_t size);
  Status flush(std::uint64_t token);  // token < kMaxTokens, each once per worker

  // Runs the worker, asleep in poll() when there is nothing to do, until `done` or kPatience is
  // over (false). `extra_fd` wakes it as well.
  bool run_until(const std::function<bool()>& done, int extra_fd = -1);

  void on_message(std::span<const std::byte> message) override;
  void on_flushed(std::uint64_t token, const Status& status) override;
  void on_broken(const Error& error) override;

  struct Record {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t corrupt = 0;  // not what was sent in this place of the order
    std::uint64_t flushed_ok = 0;
    std::uint64_t flushed_failed = 0;
    std::uint64_t broken = 0;
    std::uint64_t callback_failures = 0;  // a send from inside a callback was refused
  };
  const Record& record() const { return record_; }
  unsigned reports_of(std::uint64_t token) const { return reports_[token]; }
  std::uint64_t flushed() const { return record_.flushed_ok + record_.flushed_failed; }

  bool echo = false;           // sends every message back
  bool send_on_flush = false;  // sends the next message from the flush callback
  std::function<void()> message_hook;

 private:
  std::unique_ptr<Context> context_;
  std::unique_ptr<Area> source_;
  std::unique_ptr<Area> target_;
  std::vector<std::byte> on_host_;  // what goes into the memories, or came out of them
  std::vector<std::byte> message_;
  std::vector<std::uint8_t> reports_;
  std::unique_ptr<LocalMemory> source_memory_;
  std::unique_ptr<LocalMemory> target_memory_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<RemoteMemory> remote_;
  Record record_;
};

}  // namespace pegaflow::transport::testing
