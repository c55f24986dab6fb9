// How pegaflowctl ends; its --help and docs/PEGAFLOWCTL.md list the same.
#pragma once

#include <string>

namespace pegaflow::ctl {

inline constexpr int kExitOk = 0;           // all is well
inline constexpr int kExitUnhealthy = 1;    // reached, but something is wrong or was refused
inline constexpr int kExitUsage = 2;        // command line, or a faulty file
inline constexpr int kExitUnreachable = 3;  // the rendezvous service or an agent didn't answer

// What a command prints to stdout, and the status it ends with.
struct Outcome {
  std::string text;
  int status = kExitOk;
};

}  // namespace pegaflow::ctl
