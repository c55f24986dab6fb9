// One run over one link: start everything, replay the requests, stop everything.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "pegaflow-demo/link_result.h"
#include "pegaflow/result.h"
#include "support/interrupt.h"
#include "support/programs.h"

namespace pegaflow::demo {

struct LinkRunSpec {
  Workload workload;
  tools::LinkKind kind = tools::LinkKind::kMapped;
  tools::Programs programs;
  std::filesystem::path dir;  // exists, private
};

LinkResult run_link(const LinkRunSpec& spec, const tools::Interrupt& interrupt);

// KV blocks of one rank for these requests: what `pool_mib` holds, or room for the largest and a
// quarter more. kInvalidArgument: the largest request does not fit.
Result<std::uint32_t> pool_blocks(const Model& model, const SideOptions& side,
                                  std::uint64_t pool_mib, std::span<const Arrival> arrivals);

}  // namespace pegaflow::demo
