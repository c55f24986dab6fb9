#include "agent/link/landing.h"

#include <array>

#include "base/check.h"

namespace pegaflow::agent {

Result<std::unique_ptr<Landing>> Landing::create(const RegisteredRegions& registered,
                                                 std::size_t max_messages) {
  std::unique_ptr<Landing> landing(new Landing(registered, max_messages));
  for (std::size_t i = 0; i < registered.size(); ++i) {
    Copies copies;
    if (memory::Device* device = registered.landing_device(i); device != nullptr) {
      PEGAFLOW_ASSIGN(copies.copier, device->make_slot_copier(registered.region(i).slot_count()));
    }
    landing->regions_.push_back(std::move(copies));
  }
  return landing;
}

Status Landing::arrived(const wire::Chunk& chunk) {
  Waiting waiting;
  if (!chunk.chunks.empty()) waiting.region = chunk.chunks.begin()->slot.region;
  for (const wire::ChunkRecord& record : chunk.chunks) {
    if (!start(waiting.region, record)) {
      return Error(Code::kResourceExhausted, "CHUNK: more slots at once than the region has");
    }
  }
  if (waiting.region < regions_.size()) waiting.copies = regions_[waiting.region].started;
  PEGAFLOW_CHECK(messages_.try_push(waiting));
  return {};
}

// False: the copier is full.
bool Landing::start(std::uint16_t region, const wire::ChunkRecord& record) {
  if (record.slot.region != region || region >= regions_.size()) return true;
  const memory::Region& slots = registered_.region(region);
  const bool exists = record.slot.slot.value < slots.slot_count() &&
                      record.bytes <= slots.shape().slot_bytes && record.bytes != 0;
  Copies& copies = regions_[region];
  if (!exists || copies.copier == nullptr) return true;
  if (copies.started - copies.ended >= copies.copier->limit()) return false;
  const auto to = slots.slot(record.slot.slot).first(record.bytes);
  const memory::SlotCopy copy{copies.started++, to,
                              registered_.landing(region, record.slot.slot).first(record.bytes)};
  copies.copier->start({&copy, 1});
  return true;
}

Result<bool> Landing::oldest_is_there() {
  PEGAFLOW_CHECK(!messages_.empty());
  const Waiting& oldest = messages_.front();
  if (oldest.region >= regions_.size()) return true;
  Copies& copies = regions_[oldest.region];
  if (copies.copier == nullptr) return true;
  std::array<memory::SlotCopied, 32> copied;
  while (copies.ended < oldest.copies) {
    const std::size_t count = copies.copier->poll(copied);
    if (count == 0) return false;
    for (std::size_t i = 0; i < count; ++i) {
      if (!copied[i].ok) return Error(Code::kSystem, "a copy within the GPU's memory failed");
    }
    copies.ended += count;
  }
  return true;
}

void Landing::take_oldest() { messages_.try_pop(); }

}  // namespace pegaflow::agent
