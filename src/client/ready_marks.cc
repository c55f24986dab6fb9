// SourceBook: what becomes ready when the GPU reaches a mark. Each offer has two maps: what was
// announced, which new calls are checked against, and what is ready, which gathers go by.
#include <algorithm>
#include <string>
#include <utility>

#include "client/limits.h"
#include "client/source_book.h"

namespace pegaflow::client {

Status SourceBook::check_room(bool queued) const {
  if (!queued || marks_.room() != 0) return {};
  return Error{Code::kResourceExhausted,
               std::to_string(kMaxReadyMarks) + " marks wait for the GPU already"};
}

void SourceBook::mark_offer(const ReadyEffect& effect, std::uint64_t now_ns, memory::Mark& mark) {
  if (!must_queue(*effect.offer, mark)) return apply(effect, now_ns);
  marks_.push(std::exchange(mark, {}), effect);
  effect.offer->last_mark = marks_.pushed();
}

bool SourceBook::must_queue(const Step& step, memory::Mark mark) const {
  return mark.value != 0 ||
         (!marks_.empty() &&
          std::any_of(step.entries.begin(), step.entries.end(),
                      [this](const StepEntry& entry) { return has_marks(*entry.offer); }));
}

void SourceBook::mark_step(const ReadyEffect& effect, std::uint64_t now_ns, memory::Mark& mark) {
  Step& step = *effect.step;
  const bool queue = must_queue(step, mark);
  if (queue) {
    marks_.push(std::exchange(mark, {}), effect);
    ++step.marks;
  }
  for (const StepEntry& entry : step.entries) {
    ReadyMap& announced = entry.offer->announced;
    effect.all_layers ? announced.mark_span(entry.tokens)
                      : announced.mark_span(effect.group, effect.layers, entry.tokens);
    if (queue) entry.offer->last_mark = marks_.pushed();
  }
  if (!queue) apply(effect, now_ns);
}

void SourceBook::mark_passed(std::uint64_t now_ns) {
  const ReadyEffect effect = marks_.pop();
  if (effect.step != nullptr) --effect.step->marks;
  apply(effect, now_ns);
}

void SourceBook::apply(const ReadyEffect& effect, std::uint64_t now_ns) {
  if (effect.offer != nullptr) apply_to(*effect.offer, effect, effect.tokens, now_ns);
  if (effect.step == nullptr) return;
  for (const StepEntry& entry : effect.step->entries) {
    apply_to(*entry.offer, effect, entry.tokens, now_ns);
  }
}

void SourceBook::apply_to(Offer& offer, const ReadyEffect& effect, TokenInterval tokens,
                          std::uint64_t now_ns) {
  const bool grew = effect.all_layers ? offer.ready.mark_span(tokens)
                                      : offer.ready.mark_span(effect.group, effect.layers, tokens);
  if (grew) touch(offer, now_ns);
}

// What is queued for the offer's tokens from `token` on is dropped.
void SourceBook::cut_marks(const Offer& offer, std::uint32_t token) {
  marks_.for_each([&](ReadyEffect& effect) {
    if (effect.offer == &offer) effect.tokens.end = std::min(effect.tokens.end, token);
  });
  steps_.cut(offer, token);
}

}  // namespace pegaflow::client
