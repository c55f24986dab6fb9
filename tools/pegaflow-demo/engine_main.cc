#include "pegaflow-demo/engine_main.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/event_fd.h"
#include "base/unique_fd.h"
#include "pegaflow-demo/engine_d.h"
#include "pegaflow-demo/engine_p.h"
#include "pegaflow-demo/kv_pool.h"
#include "pegaflow-demo/messages.h"
#include "support/channel.h"

namespace pegaflow::demo {
namespace {

constexpr std::chrono::milliseconds kSetupDeadline{30'000};
constexpr std::chrono::milliseconds kLongestSleep{1'000};

// One engine process: what it owns, and its loop.
class EngineProcess {
 public:
  explicit EngineProcess(tools::Channel channel) : channel_(std::move(channel)) {}

  Status run() {
    PEGAFLOW_TRY(set_up());
    while (!quit_) PEGAFLOW_TRY(turn());
    return {};
  }

  void tell(const Report& report) {
    // The parent's end ends this process at the next turn.
    const auto sent = channel_.send(encode(report));
    if (!sent.ok()) lost_parent_ = sent.error();
  }

 private:
  Result<EngineSetup> receive_setup() {
    pollfd poll_fd{channel_.fd(), POLLIN, 0};
    const int ready = ::poll(&poll_fd, 1, static_cast<int>(kSetupDeadline.count()));
    if (ready != 1) return Error(Code::kDeadlineExceeded, "the parent sent no setup");
    PEGAFLOW_ASSIGN(const auto text, channel_.receive());
    if (!text) return Error(Code::kProtocol, "the parent sent no setup");
    PEGAFLOW_ASSIGN(const auto command, decode_command(*text));
    if (const auto* setup = std::get_if<EngineSetup>(&command)) return *setup;
    return Error(Code::kProtocol, "expected a setup first, got " + *text);
  }

  Status set_up() {
    PEGAFLOW_ASSIGN(const auto setup, receive_setup());
    PEGAFLOW_ASSIGN(pool_, KvPool::create(setup.pool));
    SessionConfig config;
    config.socket_path = setup.socket_path;
    config.instance = setup.instance;
    config.rank = pool_->layout().shape.rank;
    config.gpu = pool_->layout().shape.gpu_uuid;
    PEGAFLOW_ASSIGN(session_, Session::connect(config));
    PEGAFLOW_ASSIGN(const auto handle, session_->add_pool(pool_->layout()));
    const auto report = [this](const Report& one) { tell(one); };
    if (setup.role == EngineRole::kProducer) {
      engine_ = std::make_unique<ProducerEngine>(setup, *session_, *pool_, handle, report);
    } else {
      PEGAFLOW_ASSIGN(auto wake, EventFd::create());
      engine_ = std::make_unique<ConsumerEngine>(setup, *session_, *pool_, handle, std::move(wake),
                                                 report);
    }
    tell(EngineUp{pool_->bytes()});
    return {};
  }

  // Everything that waits is handled, then the process sleeps until there is more.
  Status turn() {
    take_events();
    PEGAFLOW_TRY(take_commands());
    const auto wanted = engine_->work(SteadyClock().now());
    take_events();
    if (lost_parent_) return *lost_parent_;
    if (!session_->alive()) return Error(Code::kUnavailable, "the agent is gone");
    wait_for_more(wanted);
    return channel_.flush();
  }

  void take_events() {
    const auto events = session_->poll();
    const auto seen = SteadyClock().now();
    for (const auto& event : events) engine_->on_event(event, seen);
  }

  Status take_commands() {
    while (!quit_) {
      PEGAFLOW_ASSIGN(const auto text, channel_.receive());
      if (!text) return {};
      PEGAFLOW_ASSIGN(const auto command, decode_command(*text));
      PEGAFLOW_TRY(obey(command));
    }
    return {};
  }

  Status obey(const Command& command) {
    if (const auto* submit = std::get_if<Submit>(&command)) {
      engine_->submit(*submit);
    } else if (const auto* abandon = std::get_if<Abandon>(&command)) {
      engine_->abandon(*abandon);
    } else if (std::holds_alternative<Quit>(command)) {
      quit_ = true;
    } else {
      return Error(Code::kProtocol, "a second setup");
    }
    return {};
  }

  void wait_for_more(std::optional<TimePoint> wanted) const {
    Nanos sleep = kLongestSleep;
    if (wanted) sleep = std::clamp<Nanos>(*wanted - SteadyClock().now(), Nanos(0), sleep);
    const short channel_events = channel_.wants_write() ? POLLIN | POLLOUT : POLLIN;
    std::array fds = {pollfd{channel_.fd(), channel_events, 0},
                      pollfd{session_->event_fd(), POLLIN, 0},
                      pollfd{engine_->wake_fd(), POLLIN, 0}};
    const timespec timeout{static_cast<time_t>(sleep.count() / 1'000'000'000),
                           static_cast<long>(sleep.count() % 1'000'000'000)};
    ::ppoll(fds.data(), fds.size(), &timeout, nullptr);  // interrupted: the next turn sees
  }

  tools::Channel channel_;
  std::unique_ptr<KvPool> pool_;  // outlives the session that moves its bytes
  std::unique_ptr<Session> session_;
  std::unique_ptr<Engine> engine_;
  std::optional<Error> lost_parent_;
  bool quit_ = false;
};

}  // namespace

int run_engine(int channel_fd) {
  EngineProcess process{tools::Channel(SeqpacketSocket(UniqueFd(channel_fd)))};
  const auto status = process.run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "engine: %s\n", status.error().message().c_str());
  process.tell(EngineFailed{status.error().message()});
  return 1;
}

}  // namespace pegaflow::demo
