// Fixed small pieces of the data path, for counting instructions (bench/instructions.py): the same
// work in every run and on every machine. fixed_work NAME runs one of them.
#include <array>
#include <cstddef>
#include <cstdio>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "core/gather.h"
#include "core/plan.h"
#include "memory/ring.h"
#include "memory/ring_messages.h"
#include "sample_pool.h"
#include "wire/control.h"

namespace {

using namespace pegaflow;
using bench::PoolForm;
using bench::SamplePool;
using core::BlockStyle;

// Out of one pool, through a slot, into the other.
void move(const SamplePool& source, const SamplePool& sink) {
  const auto plan = bench::plan_between(source, sink);
  std::vector<std::byte> slot(1U << 20);
  const auto from = source.table();
  const auto to = sink.table();
  for (std::uint32_t i = 0; i < plan.n_chunks; ++i) {
    const ChunkIndex chunk{i};
    const auto sent = core::gather_crc(plan, chunk, source.layout(), {&from, 1}, slot);
    const auto received = core::scatter_crc(plan, chunk, sink.layout(), {&to, 1}, slot);
    PEGAFLOW_CHECK(sent == received);
  }
}

void pages() {
  PoolForm form;
  form.heads = 1;
  form.block_tokens = 4;  // pages of 2 KiB
  form.blocks = 512;
  const SamplePool source(form, true);
  const SamplePool sink(form, true);
  move(source, sink);
}

// As many bytes as in pages().
void large_pages() {
  PoolForm form;
  form.heads = 1;
  form.block_tokens = 2048;  // pages of 1 MiB
  form.blocks = 2;
  form.layers = 2;
  const SamplePool source(form, true);
  const SamplePool sink(form, true);
  move(source, sink);
}

void layouts() {
  PoolForm form;
  form.blocks = 64;
  form.style = BlockStyle::kPartNhd;
  const SamplePool source(form, false);
  form.style = BlockStyle::kHndKv;
  const SamplePool sink(form, false);
  move(source, sink);
}

void rings() {
  constexpr int kMessages = 2000;
  const auto ring = memory::RingMemory::create(64).value();
  auto writer = ring.writer(memory::RingDirection::kClientToAgent);
  auto reader = ring.reader(memory::RingDirection::kClientToAgent);
  for (int i = 0; i < kMessages; ++i) {
    const wire::ClientMessage message = wire::RingReady{{XferId{1}, StreamId{1}}, 7};
    PEGAFLOW_CHECK(memory::write_message(writer, message).value());
    PEGAFLOW_CHECK(memory::read_client_message(reader).value().has_value());
  }
}

void control() {
  constexpr int kMessages = 2000;
  std::array<std::byte, 1024> buffer{};
  wire::Credit credit;
  while (!credit.slots.full()) credit.slots.push_back({0, SlotIndex{1}, Generation{1}});
  for (int i = 0; i < kMessages; ++i) {
    const auto size = wire::encode_control({}, credit, buffer).value();
    PEGAFLOW_CHECK(wire::decode_control(std::span(buffer).first(size)).ok());
  }
}

struct Piece {
  std::string_view name;
  void (*run)();
};
constexpr Piece kPieces[] = {{"pages", pages},
                             {"large_pages", large_pages},
                             {"layouts", layouts},
                             {"rings", rings},
                             {"control", control}};

}  // namespace

int main(int argc, char** argv) {
  for (const auto& piece : kPieces) {
    if (argc != 2 || piece.name != argv[1]) continue;
    piece.run();
    return 0;
  }
  std::fputs("usage: fixed_work pages|large_pages|layouts|rings|control\n", stderr);
  return 2;
}
