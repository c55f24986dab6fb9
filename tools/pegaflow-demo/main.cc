// pegaflow-demo: replays real requests through PegaFlow on this machine and checks every byte.
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "pegaflow-demo/bundled_files.h"
#include "pegaflow-demo/engine_main.h"
#include "pegaflow-demo/link_run.h"
#include "pegaflow-demo/options.h"
#include "pegaflow-demo/report.h"
#include "pegaflow-demo/trace.h"
#include "support/interrupt.h"
#include "support/temp_dir.h"

namespace pegaflow::demo {
namespace {

Result<std::vector<TraceRow>> load_rows(const DemoOptions& options) {
  std::filesystem::path file = options.trace;
  if (options.trace.empty()) {
    PEGAFLOW_ASSIGN(file, find_default_trace());
  }
  PEGAFLOW_ASSIGN(auto rows, load_trace(file, options.requests));
  if (rows.size() == options.requests) return rows;
  return Error(Code::kInvalidArgument, "--requests " + std::to_string(options.requests) + ": " +
                                           file.string() + " has only " +
                                           std::to_string(rows.size()));
}

Result<Workload> load_workload(const DemoOptions& options) {
  Workload workload;
  workload.options = options;
  PEGAFLOW_ASSIGN(const auto model_file, find_model(options.model));
  PEGAFLOW_ASSIGN(workload.model, load_model(model_file));
  PEGAFLOW_ASSIGN(const auto rows, load_rows(options));
  workload.arrivals = arrivals_of(rows, {options.token_scale}, options.time_scale);
  return workload;
}

Status run_links(LinkRunSpec& spec, const tools::TempDir& dir, std::vector<LinkResult>& results) {
  PEGAFLOW_ASSIGN(const auto interrupt, tools::Interrupt::create());
  for (const auto kind : spec.workload.options.links) {
    spec.kind = kind;
    spec.dir = dir.path() / to_string(kind);
    std::error_code error;
    std::filesystem::create_directory(spec.dir, error);
    if (error) return Error(Code::kSystem, spec.dir.string() + ": " + error.message());
    results.push_back(run_link(spec, interrupt));
    std::fputs(failure_text(results.back()).c_str(), stderr);
    if (!results.back().ok()) break;
  }
  return {};
}

Result<bool> run_demo(const DemoOptions& options) {
  LinkRunSpec spec;
  PEGAFLOW_ASSIGN(spec.workload, load_workload(options));
  PEGAFLOW_ASSIGN(spec.programs, tools::find_programs(options.bin_dir));
  PEGAFLOW_ASSIGN(auto dir, tools::TempDir::create());
  if (options.keep) {
    dir.keep();
    std::fprintf(stderr, "topology and logs: %s\n", dir.path().c_str());
  }
  if (!options.json) std::fputs(describe_run(spec.workload).c_str(), stdout);
  std::fflush(stdout);
  std::vector<LinkResult> results;
  PEGAFLOW_TRY(run_links(spec, dir, results));
  const auto text =
      options.json ? result_json(spec.workload, results) + "\n" : result_table(results);
  std::fputs(text.c_str(), stdout);
  return results.back().ok();
}

int run(int argc, const char* const* argv) {
  const auto parsed = parse_options(argc, argv);
  if (parsed.exit_status) {
    std::fputs(parsed.text.c_str(), *parsed.exit_status == 0 ? stdout : stderr);
    return *parsed.exit_status;
  }
  if (parsed.options.engine_fd >= 0) return run_engine(parsed.options.engine_fd);
  const auto ok = run_demo(parsed.options);
  if (ok.ok()) return *ok ? 0 : 1;
  std::fprintf(stderr, "pegaflow-demo: %s\n", ok.error().message().c_str());
  return 1;
}

}  // namespace
}  // namespace pegaflow::demo

int main(int argc, char** argv) { return pegaflow::demo::run(argc, argv); }
