#include "tests/client/fake_gpu.h"

#include <algorithm>
#include <utility>

#include "tests/base/poll_until.h"

namespace pegaflow::client::testing {

class FakeGpu::FakeMover final : public ForwardingMover {
 public:
  FakeMover(FakeGpu& gpu, const Clock& clock) : ForwardingMover(clock), gpu_(gpu) {}
  std::size_t batch_limit() const override { return gpu_.batch_limit_; }
  std::uint64_t burst_bytes() const override { return gpu_.burst_bytes_; }
  std::size_t first_batch() const override {
    const std::lock_guard lock(gpu_.mutex_);
    return gpu_.asked_first_;
  }

  void submit(std::span<const memory::MoveJob> jobs) override {
    std::unique_lock lock(gpu_.mutex_);
    gpu_.submitting_ = true;
    gpu_.changed_.notify_all();
    gpu_.changed_.wait_for(lock, kTestDeadline, [this] { return !gpu_.launches_held_; });
    gpu_.submitting_ = false;
    gpu_.launched_.insert(gpu_.launched_.end(), jobs.begin(), jobs.end());
    if (gpu_.launches_ == 0) gpu_.first_batch_ = jobs.size();
    gpu_.launches_ += jobs.size();
    gpu_.beside_compute_ += static_cast<std::size_t>(
        std::ranges::count_if(jobs, [](const auto& job) { return job.beside_compute; }));
    gpu_.largest_batch_ = std::max(gpu_.largest_batch_, jobs.size());
    gpu_.changed_.notify_all();
    gpu_.pump();
  }

  std::size_t poll(std::span<memory::MoveResult> out) override {
    const std::lock_guard lock(gpu_.mutex_);
    const std::size_t count = std::min(out.size(), gpu_.results_.size());
    const auto end = gpu_.results_.begin() + static_cast<std::ptrdiff_t>(count);
    std::copy(gpu_.results_.begin(), end, out.begin());
    gpu_.results_.erase(gpu_.results_.begin(), end);
    return count;
  }

  Status fence(memory::MoveDirection /*direction*/, StreamHandle stream) override {
    const std::lock_guard lock(gpu_.mutex_);
    gpu_.streams_[stream].ops.emplace_back(Fence{gpu_.launches_});
    gpu_.pump();
    return {};
  }

 private:
  FakeGpu& gpu_;
};

class FakeGpu::FakeStreams final : public memory::Streams {
 public:
  explicit FakeStreams(FakeGpu& gpu) : gpu_(gpu) {}

  Result<memory::Mark> record(StreamHandle stream) override {
    const std::lock_guard lock(gpu_.mutex_);
    if (gpu_.waiting_marks_.size() + gpu_.passed_marks_.size() >= gpu_.max_marks_) {
      return Error(Code::kResourceExhausted, "every mark is out");
    }
    const memory::Mark mark{++gpu_.last_mark_};
    gpu_.waiting_marks_.insert(mark.value);
    gpu_.streams_[stream].ops.emplace_back(mark);
    gpu_.pump();
    return mark;
  }

  Result<bool> passed(memory::Mark mark) override {
    const std::lock_guard lock(gpu_.mutex_);
    if (gpu_.lost_) return Error(Code::kSystem, "the GPU fell off the bus");
    return gpu_.passed_marks_.contains(mark.value);
  }

  Status make_wait(StreamHandle /*stream*/, memory::Mark /*mark*/) override { return {}; }

  void release(memory::Mark mark) override {
    const std::lock_guard lock(gpu_.mutex_);
    gpu_.waiting_marks_.erase(mark.value);
    gpu_.passed_marks_.erase(mark.value);
    gpu_.changed_.notify_all();
  }

 private:
  FakeGpu& gpu_;
};

FakeGpu::FakeGpu(const Clock& clock, std::size_t batch_limit, std::size_t max_marks)
    : clock_(clock), inner_(clock), batch_limit_(batch_limit), max_marks_(max_marks) {}

std::unique_ptr<memory::Mover> FakeGpu::mover() {
  return std::make_unique<FakeMover>(*this, clock_);
}
std::unique_ptr<memory::Streams> FakeGpu::streams() { return std::make_unique<FakeStreams>(*this); }

void FakeGpu::launch(StreamHandle stream, std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  streams_[stream].ops.emplace_back(Work{std::move(work)});
  pump();
}

void FakeGpu::hold_stream(StreamHandle stream) {
  const std::lock_guard lock(mutex_);
  streams_[stream].held = true;
}

void FakeGpu::go_on(StreamHandle stream) {
  const std::lock_guard lock(mutex_);
  streams_[stream].held = false;
  pump();
}

void FakeGpu::hold_copies() {
  const std::lock_guard lock(mutex_);
  copies_held_ = true;
}

void FakeGpu::let_copies_go() {
  const std::lock_guard lock(mutex_);
  copies_held_ = false;
  pump();
}

void FakeGpu::hold_launches() {
  const std::lock_guard lock(mutex_);
  launches_held_ = true;
}

void FakeGpu::let_launches_go() {
  const std::lock_guard lock(mutex_);
  launches_held_ = false;
  changed_.notify_all();
}

void FakeGpu::lose() {
  const std::lock_guard lock(mutex_);
  lost_ = true;
}

void FakeGpu::wait_for_launched(std::size_t copies) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kTestDeadline, [&] { return launches_ >= copies; });
}

void FakeGpu::wait_for_submit() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kTestDeadline, [&] { return submitting_; });
}

void FakeGpu::wait_for_marks() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kTestDeadline,
                    [&] { return waiting_marks_.empty() && passed_marks_.empty(); });
}

std::size_t FakeGpu::marks_out() {
  const std::lock_guard lock(mutex_);
  return waiting_marks_.size() + passed_marks_.size();
}

void FakeGpu::ask_for_bursts(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  burst_bytes_ = bytes;
}

void FakeGpu::ask_first_for(std::size_t jobs) {
  const std::lock_guard lock(mutex_);
  asked_first_ = jobs;
}

std::size_t FakeGpu::beside_compute() {
  const std::lock_guard lock(mutex_);
  return beside_compute_;
}

std::size_t FakeGpu::first_batch() {
  const std::lock_guard lock(mutex_);
  return first_batch_;
}

std::size_t FakeGpu::largest_batch() {
  const std::lock_guard lock(mutex_);
  return largest_batch_;
}

// The engine's streams first: what may overtake a copy does.
void FakeGpu::pump() {
  const auto run_streams = [this] {
    for (auto& [handle, stream] : streams_) {
      while (!stream.held && !stream.ops.empty() && run(stream.ops.front())) {
        stream.ops.pop_front();
      }
    }
  };
  run_streams();
  run_copies();
  run_streams();
}

bool FakeGpu::run(const Op& op) {
  if (const auto* fence = std::get_if<Fence>(&op)) return ended_ >= fence->copies;
  if (const auto* work = std::get_if<Work>(&op)) {
    work->run();
    return true;
  }
  const std::uint32_t mark = std::get<memory::Mark>(op).value;
  if (waiting_marks_.erase(mark) != 0) passed_marks_.insert(mark);
  return true;
}

void FakeGpu::run_copies() {
  while (!copies_held_ && !launched_.empty()) {
    inner_.submit({&launched_.front(), 1});
    launched_.pop_front();
    ++ended_;
    memory::MoveResult result;
    inner_.poll({&result, 1});
    results_.push_back(result);
  }
}

}  // namespace pegaflow::client::testing
