// PageTrap: stops or notices whoever touches chosen pages of this process, without the toucher's
// help: the pages are made inaccessible, and a handler of SIGSEGV decides. So a test holds the
// product's own copy in the middle, or shows that memory is not read any more.
//
// One per process. hold() and guard() may be used at once, on different pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pegaflow::engine_host {

class PageTrap {
 public:
  static constexpr std::size_t kPageBytes = 4096;
  struct Pages {
    std::uintptr_t begin = 0;  // both multiples of kPageBytes
    std::uintptr_t end = 0;
  };

  // Only faults inside these are the trap's; others end the process as ever.
  static void install(std::span<const Pages> arenas);

  // Whoever touches the pages next waits inside the access until release().
  static void hold(Pages pages);
  static bool holding();  // somebody waits
  static void release();  // nothing happens when there is no hold

  // Touches of these pages are counted; the first one of a page makes it accessible.
  static void guard(const std::vector<Pages>& ranges);
  static void unguard(const std::vector<Pages>& ranges);
  static std::uint64_t touches();
};

}  // namespace pegaflow::engine_host
