// put + flush and message round trips between two processes of this host, over tcp and over shared
// memory. The peer is this program again; it only runs its worker.
#include <benchmark/benchmark.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/unique_fd.h"
#include "transport/transport.h"

namespace {

using pegaflow::Error;
using pegaflow::Status;
using pegaflow::UniqueFd;
using namespace pegaflow::transport;

constexpr std::size_t kMemoryBytes = 64 << 20;
constexpr int kPeerFd = 10;
constexpr std::string_view kRole = "--peer=";
const char* const kTransports[] = {"tcp", "posix,sysv,cma,tcp"};

[[noreturn]] void give_up(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message().c_str());
  std::abort();
}

template <typename T>
T must(pegaflow::Result<T> result) {
  if (!result.ok()) give_up(result.error());
  return std::move(result).value();
}
void must(const Status& status) {
  if (!status.ok()) give_up(status.error());
}

void send_blob(int fd, const Blob& blob) {
  PEGAFLOW_CHECK(send(fd, blob.data(), blob.size(), 0) == static_cast<ssize_t>(blob.size()));
}
Blob receive_blob(int fd) {
  Blob blob(kMaxBlobBytes);
  const auto size = recv(fd, blob.data(), blob.size(), 0);
  PEGAFLOW_CHECK(size > 0);
  blob.resize(static_cast<std::size_t>(size));
  return blob;
}

// One side of the link; the peer's side sends every message back.
class Side final : public WorkerEvents {
 public:
  Side(const char* tls, int control, bool echo) : echo_(echo), bytes_(kMemoryBytes) {
    context_ = must(make_ucx_context({.tls = tls, .net_devices = "lo", .settings = {}}));
    memory_ = must(context_->register_memory(bytes_, pegaflow::MemoryKind::kHost));
    worker_ = must(context_->make_worker(*this));
    send_blob(control, worker_->address());
    send_blob(control, memory_->remote_key());
    must(worker_->connect(receive_blob(control)));
    remote_ = must(worker_->unpack(receive_blob(control)));
    must(worker_->flush(0));
    while (flushed_ == 0) worker_->progress();
  }

  void put(std::size_t at, std::size_t size) {
    must(worker_->put(std::span(bytes_).subspan(at, size), *memory_, *remote_, at));
  }
  void put_and_flush(std::size_t size, int puts) {
    for (int i = 0; i < puts; ++i) put(static_cast<std::size_t>(i) * size, size);
    const auto before = flushed_;
    must(worker_->flush(0));
    while (flushed_ == before) worker_->progress();
  }
  void round_trip() {
    const auto before = received_;
    must(worker_->send(std::span(bytes_).first(64)));
    while (received_ == before) worker_->progress();
  }
  void serve() {
    while (!broken_) worker_->progress();
  }
  std::string lanes() const { return must(worker_->lanes()).text; }

 private:
  void on_message(std::span<const std::byte> message) override {
    ++received_;
    if (echo_) must(worker_->send(message));
  }
  void on_flushed(std::uint64_t /*token*/, const Status& status) override {
    must(status);
    ++flushed_;
  }
  void on_broken(const Error& error) override {
    broken_ = true;
    if (!echo_) give_up(error);
  }

  bool echo_;
  bool broken_ = false;
  std::uint64_t received_ = 0;
  std::uint64_t flushed_ = 0;
  std::vector<std::byte> bytes_;
  std::unique_ptr<Context> context_;
  std::unique_ptr<LocalMemory> memory_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<RemoteMemory> remote_;
};

// A connected side, and the process at the other end.
class Link {
 public:
  explicit Link(int transport) {
    int sockets[2];
    PEGAFLOW_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0);
    const UniqueFd here(sockets[0]);
    const UniqueFd there(sockets[1]);
    posix_spawn_file_actions_t actions;
    PEGAFLOW_CHECK(posix_spawn_file_actions_init(&actions) == 0);
    PEGAFLOW_CHECK(posix_spawn_file_actions_adddup2(&actions, there.get(), kPeerFd) == 0);
    std::string program = "/proc/self/exe";
    std::string role = std::string(kRole) + std::to_string(transport);
    char* arguments[] = {program.data(), role.data(), nullptr};
    PEGAFLOW_CHECK(posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    side_ = std::make_unique<Side>(kTransports[transport], here.get(), false);
  }
  ~Link() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  Side& side() { return *side_; }

 private:
  pid_t pid_ = -1;
  std::unique_ptr<Side> side_;
};

// Arguments: transport, bytes of a put, puts before the flush.
void put_flush(benchmark::State& state) {
  Link link(static_cast<int>(state.range(0)));
  const auto size = static_cast<std::size_t>(state.range(1));
  const auto puts = static_cast<int>(state.range(2));
  link.side().put_and_flush(size, puts);
  for (auto _ : state) link.side().put_and_flush(size, puts);
  state.SetBytesProcessed(state.iterations() * state.range(1) * puts);
  state.SetLabel(link.side().lanes());
}
BENCHMARK(put_flush)
    ->ArgsProduct({{0, 1}, {64 << 10, 1 << 20, 4 << 20}, {1, 8}})
    ->ArgNames({"transport", "bytes", "puts"})
    ->UseRealTime();

void message_round_trip(benchmark::State& state) {
  Link link(static_cast<int>(state.range(0)));
  link.side().round_trip();
  for (auto _ : state) link.side().round_trip();
  state.SetLabel(link.side().lanes());
}
BENCHMARK(message_round_trip)->DenseRange(0, 1)->ArgName("transport")->UseRealTime();

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]).starts_with(kRole)) {
    const auto transport = argv[1][kRole.size()] - '0';
    Side(kTransports[transport], kPeerFd, true).serve();
    return 0;
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
