// How pegaflow-agent ends; docs/AGENT.md lists the same.
#pragma once

namespace pegaflow::tools {

inline constexpr int kExitOk = 0;        // stopped or drained as told
inline constexpr int kExitStart = 1;     // could not start: the message says why
inline constexpr int kExitUsage = 2;     // command line or configuration file
inline constexpr int kExitCutShort = 3;  // the drain's deadline passed; live transfers failed
inline constexpr int kExitWornOut = 4;   // too many slots lost: start it again

}  // namespace pegaflow::tools
