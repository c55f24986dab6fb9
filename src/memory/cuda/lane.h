// Lane: everything one direction of a CudaMover has for itself: its stream, and places for jobs
// with what kernels read and write for them.
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <vector>

#include "memory/cuda/launch.h"
#include "memory/cuda/resources.h"
#include "memory/mover.h"

namespace pegaflow::memory::cuda {

// A job's place from submit() to poll().
struct Place {
  bool busy = false;
  std::uint64_t cookie = 0;
  std::uint32_t sequence = 0;
  bool verify = false;  // against checksum
  std::uint32_t checksum = 0;
};

class Lane {
 public:
  // Block ids per job.
  static constexpr std::size_t kMaxIds = 65'536;

  static Result<Lane> create(const Context& context, std::size_t places);

  // REQUIRES a free place.
  std::size_t take(const MoveJob& job);
  // Puts the ids where kernels find them; returns the address.
  std::uint64_t place_ids(std::size_t place, std::span<const std::uint32_t> ids);
  // A launch without slots that reports to this lane's places.
  Launch empty_launch();
  // The job's report, once it is there; its place is free then.
  std::optional<SlotResult> finished(std::size_t place);
  void free(std::size_t place);

  // Launches take turns among a few streams, so that one begins while another ends.
  CUstream next_stream();
  // What was given to the stream of the last next_stream() is known to fence() from here on.
  Status mark(const Context& context);
  // `stream` waits for all that was marked. Thread safe.
  CUresult make_wait(const Api& api, CUstream stream) const;
  const std::array<Stream, 4>& streams() const { return streams_; }
  Place& place(std::size_t index) { return places_[index]; }
  std::size_t places() const { return places_.size(); }
  std::size_t running() const { return running_; }

 private:
  Lane() = default;
  std::array<Stream, 4> streams_;
  std::array<Event, 4> last_;  // after the last launch of each
  std::size_t turn_ = 0;
  DeviceBuffer tallies_;
  HostBuffer results_;
  HostBuffer ids_;
  std::vector<Place> places_;
  std::size_t running_ = 0;
  std::uint32_t sequence_ = 0;
};

}  // namespace pegaflow::memory::cuda
