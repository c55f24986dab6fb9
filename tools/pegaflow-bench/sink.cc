#include "pegaflow-bench/sink.h"

#include <poll.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "pegaflow-bench/page_pool.h"
#include "pegaflow-bench/sink_protocol.h"
#include "pegaflow-bench/workload.h"

namespace pegaflow::bench {
namespace {

constexpr std::chrono::hours kParentSilence{24};

class Sink {
 public:
  Sink(const BenchOptions& options, tools::Channel channel)
      : workload_{options.pages[0], options.totals[0], options.memory, options.seed},
        arguments_(options.sink),
        poll_(options.poll),
        channel_(std::move(channel)),
        source_pages_(workload_, Side::kSource),
        own_pages_(workload_, Side::kSink) {}

  Status run() {
    PEGAFLOW_ASSIGN(pool_, PagePool::create(workload_, arguments_.gpu, arguments_.socket_path,
                                            sink_instance(arguments_.number)));
    choose();
    PEGAFLOW_TRY(tell("up", 0));
    while (true) {
      PEGAFLOW_ASSIGN(const auto message, receive(channel_, kParentSilence));
      if (message.word == "ask") PEGAFLOW_TRY(transfer(message.number));
      if (message.word == "clear") {
        PEGAFLOW_TRY(pool_->clear(next_own_));
        PEGAFLOW_TRY(tell("cleared", 0));
      }
      if (message.word == "check") {
        PEGAFLOW_ASSIGN(const auto wrong, pool_->wrong_bytes(last_own_, last_source_));
        PEGAFLOW_TRY(tell("wrong", wrong));
      }
    }
  }

  Status tell(const std::string& word, std::uint64_t number, const std::string& text = {}) {
    return send(channel_, {word, number, text});
  }

 private:
  // The pages of the next transfer, at both sides.
  void choose() {
    const auto source = source_pages_.pick();
    const auto own = own_pages_.pick();
    next_source_.assign(source.begin(), source.end());
    next_own_.assign(own.begin(), own.end());
  }

  Status transfer(std::uint64_t number) {
    ReceiveSpec spec;
    spec.key = workload_.key(number);
    spec.pool = pool_->handle();
    spec.source = {source_instance(arguments_.number), 0};
    spec.n_tokens = workload_.n_tokens();
    spec.groups.push_back({{0, spec.n_tokens}, next_own_});
    PEGAFLOW_TRY(pool_->session().receive(spec));
    last_source_.swap(next_source_);
    last_own_.swap(next_own_);
    PEGAFLOW_TRY(tell("asked", number));
    PEGAFLOW_ASSIGN(const auto done, wait_until_done());
    PEGAFLOW_TRY(tell("done", done));
    choose();
    return {};
  }

  // As an engine waits: for the session's descriptor, or looking again and again.
  Result<std::uint64_t> wait_until_done() {
    while (true) {
      std::array fds = {pollfd{pool_->session().event_fd(), POLLIN, 0},
                        pollfd{channel_.fd(), POLLIN, 0}};
      ::poll(fds.data(), fds.size(), poll_ ? 0 : -1);
      const auto events = pool_->session().poll();
      const auto now = now_ns();
      for (const auto& event : events) {
        if (event.kind == EventKind::kDone) return now;
        return failure_of(event);
      }
      if (fds[1].revents != 0) return Error(Code::kUnavailable, "the parent is gone");
    }
  }

  Workload workload_;
  SinkArguments arguments_;
  bool poll_;
  tools::Channel channel_;
  PagePicker source_pages_, own_pages_;
  std::vector<std::uint32_t> next_source_, next_own_, last_source_, last_own_;
  std::unique_ptr<PagePool> pool_;
};

}  // namespace

int run_sink(const BenchOptions& options) {
  Sink sink(options, tools::Channel(SeqpacketSocket(UniqueFd(options.sink.fd))));
  const auto status = sink.run();
  std::fprintf(stderr, "sink: %s\n", status.error().message().c_str());
  // A parent that is gone cannot be told.
  [[maybe_unused]] const auto told = sink.tell("failed", 0, status.error().message());
  return 1;
}

}  // namespace pegaflow::bench
