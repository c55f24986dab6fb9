// SimEngine: slots that are looked at before the agent tells what they hold (LENT).
#include <algorithm>

#include "core/slot_word.h"
#include "tests/simulation/sim_agent.h"

namespace pegaflow::simulation {
namespace {

auto find_early(std::vector<SimEngine::Early>& early, const wire::SlotRef& ref) {
  return std::find_if(early.begin(), early.end(),
                      [&ref](const SimEngine::Early& one) { return one.ref == ref; });
}

}  // namespace

void SimEngine::on_lent(const wire::RingLent& message) {
  if (!looks) ledger_.broken(name() + " is told of lent slots, and did not ask to be");
  if (!sinks.contains(message.stream)) return;
  for (const wire::SlotRef& ref : message.slots) {
    lent.push_back({message.stream, message.writer, ref});
  }
}

void SimEngine::on_scatter(const wire::RingScatter& message) {
  for (const wire::ScatterSlot& slot : message.slots) {
    std::erase_if(lent, [&slot](const Lent& one) { return one.ref == slot.slot; });
    const auto begun = find_early(early, slot.slot);
    if (begun == early.end()) {
      const auto stream = sinks.find(message.stream);
      if (stream != sinks.end()) stream->second.accepted.insert(slot.chunk.value);
      scatters.push_back({message.stream, slot});
    } else if (begun->scattered) {
      early.erase(begun);
    } else {
      begun->told = true;
    }
  }
}

bool SimEngine::filled(const Lent& slot) const {
  const ClientRegion own = session->region(slot.ref.region);
  return own.region->word(slot.ref.slot).load() ==
         core::filled_word(slot.ref.generation, slot.writer);
}

bool SimEngine::can_look() const {
  return connected() &&
         std::any_of(lent.begin(), lent.end(), [this](const Lent& slot) { return filled(slot); });
}

bool SimEngine::look_one() {
  const auto at =
      std::find_if(lent.begin(), lent.end(), [this](const Lent& slot) { return filled(slot); });
  if (at == lent.end()) return false;
  const Lent found = *at;
  lent.erase(at);
  SinkStream& stream = sinks.at(found.stream);
  const memory::SlotHeader header =
      *session->region(found.ref.region).region->mapped.control().header(found.ref.slot);
  const ChunkIndex chunk{header.chunk};
  const bool fits =
      header.xfer == found.stream.xfer.value && header.stream == found.stream.stream.value &&
      chunk.value < stream.plan.n_chunks && header.bytes == core::cell(stream.plan, chunk).bytes;
  if (!fits || !stream.accepted.insert(chunk.value).second) return true;
  wire::ScatterSlot slot;
  slot.slot = found.ref;
  slot.chunk = chunk;
  slot.bytes = header.bytes;
  early.push_back({found.stream, found.ref});
  scatters.push_back({found.stream, slot, true});
  return true;
}

bool SimEngine::told_early(const Scatter& work, bool current) {
  const auto at = find_early(early, work.slot.slot);
  const bool told = at->told;
  if (told || !current) {
    early.erase(at);
  } else {
    at->scattered = true;
  }
  return told;
}

}  // namespace pegaflow::simulation
