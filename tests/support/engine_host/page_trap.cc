#include "tests/support/engine_host/page_trap.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>

#include "base/check.h"

namespace pegaflow::engine_host {
namespace {

constexpr std::size_t kMaxArenas = 64;

// What the handler reads. Written before pages are protected, so before it can be called.
std::array<PageTrap::Pages, kMaxArenas> arenas;
std::atomic<std::size_t> n_arenas{0};
std::atomic<std::uintptr_t> held_begin{0}, held_end{0};  // of the last hold
std::atomic<bool> held{false}, waiting{false};
std::atomic<std::uint64_t> n_touches{0};

void protect(PageTrap::Pages pages, int protection) {
  mprotect(reinterpret_cast<void*>(pages.begin), pages.end - pages.begin, protection);
}

bool in_arena(std::uintptr_t at) {
  for (std::size_t i = 0; i < n_arenas; ++i) {
    if (at >= arenas[i].begin && at < arenas[i].end) return true;
  }
  return false;
}

// Only calls that are allowed in a signal handler.
void on_fault(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const int saved = errno;
  const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
  if (at >= held_begin && at < held_end) {
    waiting = true;
    while (held) poll(nullptr, 0, 1);
    waiting = false;
  } else if (in_arena(at)) {
    ++n_touches;
    const std::uintptr_t page = at / PageTrap::kPageBytes * PageTrap::kPageBytes;
    protect({page, page + PageTrap::kPageBytes}, PROT_READ | PROT_WRITE);
  } else {
    signal(SIGSEGV, SIG_DFL);  // a bug: the access is repeated, and ends the process
  }
  errno = saved;
}

}  // namespace

void PageTrap::install(std::span<const Pages> all) {
  PEGAFLOW_CHECK(all.size() <= kMaxArenas);
  std::copy(all.begin(), all.end(), arenas.begin());
  n_arenas = all.size();
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  PEGAFLOW_CHECK(sigaction(SIGSEGV, &action, nullptr) == 0);
}

void PageTrap::hold(Pages pages) {
  PEGAFLOW_CHECK(!held);
  held_begin = pages.begin;
  held_end = pages.end;
  held = true;
  protect(pages, PROT_NONE);
}

bool PageTrap::holding() { return held && waiting; }

// The range stays known: somebody who has faulted may still be on the way into the handler.
void PageTrap::release() {
  if (!held) return;
  protect({held_begin, held_end}, PROT_READ | PROT_WRITE);
  held = false;
}

void PageTrap::guard(const std::vector<Pages>& ranges) {
  PEGAFLOW_CHECK(!held);
  held_end = 0;  // these pages may be among them
  for (const Pages& pages : ranges) protect(pages, PROT_NONE);
}

void PageTrap::unguard(const std::vector<Pages>& ranges) {
  for (const Pages& pages : ranges) protect(pages, PROT_READ | PROT_WRITE);
}

std::uint64_t PageTrap::touches() { return n_touches; }

}  // namespace pegaflow::engine_host
