// The control messages that a transfer sends most.
#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>

#include "wire/control.h"

namespace {

using namespace pegaflow;

void control_codec(benchmark::State& state, const wire::ControlMessage& message) {
  std::array<std::byte, 1024> buffer{};
  for (auto _ : state) {
    const auto size = wire::encode_control({}, message, buffer).value();
    benchmark::DoNotOptimize(wire::decode_control(std::span(buffer).first(size)).ok());
  }
}

wire::Credit full_credit() {
  wire::Credit credit;
  while (!credit.slots.full()) credit.slots.push_back({0, SlotIndex{1}, Generation{1}});
  return credit;
}

BENCHMARK_CAPTURE(control_codec, ping, wire::Ping{1});
BENCHMARK_CAPTURE(control_codec, grant, wire::Grant{});
BENCHMARK_CAPTURE(control_codec, full_credit, full_credit());

}  // namespace

BENCHMARK_MAIN();
