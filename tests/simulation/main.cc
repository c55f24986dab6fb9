// pegaflow_simulation [--first SEED] [--count N] [--trace] [--report]: plays the schedules of N
// seeds. The first one that breaks a rule is told with the command that plays it again.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/simulation/simulation.h"

namespace pegaflow::simulation {
namespace {

struct Options {
  std::uint64_t first = 1, count = 1;
  bool trace = false, report = false;
};

std::uint64_t current_seed = 0;
const char* program = "pegaflow_simulation";

// A CHECK of the code under test, or worse.
void on_crash(int signal) {
  char text[256];
  const int size = std::snprintf(text, sizeof text,
                                 "seed %llu: the code under test crashed (signal %d)\n"
                                 "  play it again: %s --first %llu --trace\n",
                                 static_cast<unsigned long long>(current_seed), signal, program,
                                 static_cast<unsigned long long>(current_seed));
  (void)!::write(STDERR_FILENO, text, static_cast<std::size_t>(size));
  std::_Exit(1);
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--trace") {
      options.trace = true;
    } else if (name == "--report") {
      options.report = true;
    } else if ((name == "--first" || name == "--count") && i + 1 < argc) {
      char* end = nullptr;
      const std::uint64_t value = std::strtoull(argv[++i], &end, 10);
      if (*end != '\0') return false;
      (name == "--first" ? options.first : options.count) = value;
    } else {
      return false;
    }
  }
  return options.count > 0;
}

void print_report(const Options& options, std::uint64_t steps, const Counts& counts) {
  std::printf("seeds %llu to %llu: %llu schedules, %llu steps, no rule broken\n",
              static_cast<unsigned long long>(options.first),
              static_cast<unsigned long long>(options.first + options.count - 1),
              static_cast<unsigned long long>(options.count),
              static_cast<unsigned long long>(steps));
  if (!options.report) return;
  for (const auto& [what, n] : counts) {
    std::printf("  %-28s %12llu\n", what.c_str(), static_cast<unsigned long long>(n));
  }
}

int run(const Options& options) {
  std::uint64_t steps = 0;
  Counts counts;
  for (std::uint64_t i = 0; i < options.count; ++i) {
    current_seed = options.first + i;
    std::function<void(const std::string&)> trace;
    if (options.trace) trace = [](const std::string& what) { std::puts(what.c_str()); };
    const Outcome outcome = Simulation(current_seed, trace).run();
    if (!outcome.violation.empty()) {
      std::fprintf(stderr, "seed %llu, step %llu: %s\n  play it again: %s --first %llu --trace\n",
                   static_cast<unsigned long long>(current_seed),
                   static_cast<unsigned long long>(outcome.steps), outcome.violation.c_str(),
                   program, static_cast<unsigned long long>(current_seed));
      return 1;
    }
    steps += outcome.steps;
    for (const auto& [what, n] : outcome.counts) counts[what] += n;
  }
  print_report(options, steps, counts);
  return 0;
}

}  // namespace
}  // namespace pegaflow::simulation

int main(int argc, char** argv) {
  using namespace pegaflow::simulation;
  Options options;
  program = argv[0];
  if (!parse(argc, argv, options)) {
    std::fprintf(stderr, "usage: %s [--first SEED] [--count N] [--trace] [--report]\n", argv[0]);
    return 2;
  }
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) std::signal(signal, on_crash);
  return run(options);
}
