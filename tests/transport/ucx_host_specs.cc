// The suite over UCX in host memory: over tcp, shared memory, and RDMA where there is a device.
#include <cstdlib>

#include "ucx_backend.h"

namespace pegaflow::transport::testing {
namespace {

constexpr const char* kTcp = "tcp";
constexpr const char* kShm = "posix,sysv,cma,tcp";
constexpr const char* kRc = "rc_verbs,ud_verbs";

// A device as UCX_NET_DEVICES names it, e.g. "rxe0:1".
const char* rdma_device() { return std::getenv("PEGAFLOW_TEST_RDMA_DEVICE"); }

std::string missing_rdma() {
  return rdma_device() == nullptr ? "needs PEGAFLOW_TEST_RDMA_DEVICE" : "";
}

std::unique_ptr<Backend> tcp_threads() {
  return make_ucx_backend({.tls = kTcp, .peer_is_process = false});
}
std::unique_ptr<Backend> tcp_processes() { return make_ucx_backend({.tls = kTcp}); }
std::unique_ptr<Backend> shm_processes() { return make_ucx_backend({.tls = kShm}); }
std::unique_ptr<Backend> rc_processes() {
  return make_ucx_backend({.tls = kRc, .net_devices = rdma_device()});
}

}  // namespace

std::vector<BackendSpec> backends_under_test() {
  return {{.name = "TcpThreads", .make = tcp_threads, .put_lane = "tcp"},
          {.name = "TcpProcesses",
           .make = tcp_processes,
           .put_lane = "tcp",
           .peer_can_be_killed = true},
          {.name = "ShmProcesses",
           .make = shm_processes,
           .put_lane = "cma",
           .peer_can_be_killed = true,
           .destroying_fences = false,
           .destroying_is_noticed = false},
          {.name = "RcProcesses",
           .missing = missing_rdma,
           .make = rc_processes,
           .put_lane = "rc_verbs",
           .peer_can_be_killed = true,
           .death_is_noticed = false,
           .destroying_is_noticed = false}};
}

}  // namespace pegaflow::transport::testing
