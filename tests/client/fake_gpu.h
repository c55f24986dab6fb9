// FakeGpu: streams and a mover as on a GPU, for tests that need no GPU: work is queued and runs
// when the test lets it. Bytes are really copied, at the moment when the fake GPU runs the copy.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <variant>
#include <vector>

#include "memory/streams.h"
#include "tests/client/forwarding_mover.h"

namespace pegaflow::client::testing {

// Thread safe. Outlives the mover and the streams that it made.
class FakeGpu {
 public:
  FakeGpu(const Clock& clock, std::size_t batch_limit, std::size_t max_marks);

  std::unique_ptr<memory::Mover> mover();
  std::unique_ptr<memory::Streams> streams();

  // ---- the engine's side
  void launch(StreamHandle stream, std::function<void()> work);

  // ---- what the test decides
  void hold_stream(StreamHandle stream);
  void go_on(StreamHandle stream);
  void hold_copies();
  void let_copies_go();
  void hold_launches();  // submit() does not return
  void let_launches_go();
  void lose();                               // passed() fails from now on
  void ask_first_for(std::size_t jobs);      // while none runs
  void ask_for_bursts(std::uint64_t bytes);  // before the session is made

  // ---- what the test sees
  void wait_for_launched(std::size_t copies);  // with a deadline
  void wait_for_submit();                      // a submit() is held
  void wait_for_marks();                       // none is out any more
  std::size_t marks_out();
  std::size_t largest_batch();
  std::size_t first_batch();     // the first that was submitted
  std::size_t beside_compute();  // jobs that were submitted as such

 private:
  class FakeMover;
  class FakeStreams;
  using Job = memory::MoveJob;
  struct Work {
    std::function<void()> run;
  };
  struct Fence {
    std::uint64_t copies;  // the stream goes on when that many have ended
  };
  using Op = std::variant<Work, memory::Mark, Fence>;
  struct Stream {
    std::deque<Op> ops;
    bool held = false;
  };

  void pump();  // these REQUIRE the lock
  bool run(const Op& op);
  void run_copies();

  std::mutex mutex_;
  std::condition_variable changed_;
  const Clock& clock_;
  memory::HostMover inner_;
  const std::size_t batch_limit_, max_marks_;
  std::size_t asked_first_ = batch_limit_;
  std::uint64_t burst_bytes_ = 0;
  std::map<StreamHandle, Stream> streams_;
  std::set<std::uint32_t> waiting_marks_, passed_marks_;
  std::uint32_t last_mark_ = 0;
  std::deque<Job> launched_;
  std::vector<memory::MoveResult> results_;
  std::uint64_t launches_ = 0, ended_ = 0;
  std::size_t largest_batch_ = 0, first_batch_ = 0, beside_compute_ = 0;
  bool copies_held_ = false, launches_held_ = false, submitting_ = false, lost_ = false;
};

}  // namespace pegaflow::client::testing
