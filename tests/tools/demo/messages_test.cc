#include "pegaflow-demo/messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"

namespace pegaflow::demo {
namespace {

using testing::HasSubstr;

const Model kModel{"gpt", "float16", 12, 12, 2, 64, 2};

template <typename T>
T again(const T& message) {
  if constexpr (std::is_constructible_v<Command, T>) {
    const auto decoded = decode_command(encode(Command(message)));
    EXPECT_TRUE(decoded.ok()) << decoded.error().message();
    return std::get<T>(*decoded);
  } else {
    const auto decoded = decode_report(encode(Report(message)));
    EXPECT_TRUE(decoded.ok()) << decoded.error().message();
    return std::get<T>(*decoded);
  }
}

TEST(Messages, a_setup_survives) {
  const EngineSetup setup{EngineRole::kConsumer,
                          "decode-0",
                          "prefill-0",
                          "/tmp/x/d.sock",
                          {kModel, 1, 2, "nhd", 32, 100, "GPU-1"},
                          Push::kRequest,
                          800,
                          UINT64_MAX};
  const auto copy = again(setup);
  EXPECT_EQ(copy.role, EngineRole::kConsumer);
  EXPECT_EQ(copy.instance, "decode-0");
  EXPECT_EQ(copy.source_instance, "prefill-0");
  EXPECT_EQ(copy.socket_path, "/tmp/x/d.sock");
  EXPECT_EQ(copy.pool.model, kModel);
  EXPECT_EQ(copy.pool.tp, 1u);
  EXPECT_EQ(copy.pool.tp_size, 2u);
  EXPECT_EQ(copy.pool.layout, "nhd");
  EXPECT_EQ(copy.pool.block_tokens, 32u);
  EXPECT_EQ(copy.pool.n_blocks, 100u);
  EXPECT_EQ(copy.pool.gpu, "GPU-1");
  EXPECT_EQ(copy.push, Push::kRequest);
  EXPECT_EQ(copy.compute_ns, 800u);
  EXPECT_EQ(copy.seed, UINT64_MAX);
}

TEST(Messages, a_submit_survives) {
  const Submit submit{7, Key::random(), {70, 32, {1, 2, UINT64_MAX}}, true};
  const auto copy = again(submit);
  EXPECT_EQ(copy.id, 7u);
  EXPECT_EQ(copy.key, submit.key);
  EXPECT_EQ(copy.prompt, submit.prompt);
  EXPECT_TRUE(copy.corrupt);
}

TEST(Messages, reports_survive) {
  Received received{3, 64, 123456789, {}};
  received.stats.bytes = 1u << 30;
  received.stats.scatter = Nanos(77);
  EXPECT_EQ(again(received).stats.bytes, 1u << 30);
  EXPECT_EQ(again(received).stats.scatter, Nanos(77));
  EXPECT_EQ(again(received).cached_tokens, 64u);
  EXPECT_EQ(again(Produced{1, 2, 3, 4}).last_ready_ns, 4u);
  EXPECT_EQ(again(Verified{1, 5, "layer 0"}).first, "layer 0");
  EXPECT_EQ(again(EngineUp{99}).pool_bytes, 99u);
  EXPECT_EQ(again(Abandon{4}).id, 4u);
  const auto ended = again(OfferEnded{2, EventKind::kUnconfirmed, Reason::kLinkLost, "why"});
  EXPECT_EQ(ended.kind, EventKind::kUnconfirmed);
  EXPECT_EQ(ended.reason, Reason::kLinkLost);
  EXPECT_EQ(ended.detail, "why");
}

TEST(Messages, texts_of_others_are_cleaned_and_shortened) {
  const auto failed = again(EngineFailed{"two\nlines " + std::string(10'000, 'x')});
  EXPECT_THAT(failed.message, testing::StartsWith("two lines x"));
  EXPECT_LE(failed.message.size(), 4096u);
}

TEST(Messages, nonsense_is_refused_with_a_pointer) {
  EXPECT_FALSE(decode_command("").ok());
  EXPECT_FALSE(decode_report("{}").ok());
  EXPECT_THAT(
      decode_report(R"({"type":"verified","id":-1,"wrong_bytes":0,"first":""})").error().message(),
      HasSubstr("/id"));
  EXPECT_THAT(decode_report(R"({"type":"offer_ended","id":1,"kind":77,"reason":0,"detail":""})")
                  .error()
                  .message(),
              HasSubstr("/kind"));
  // Three tiles of 32 tokens can't hold 97 tokens.
  Submit submit{7, Key::random(), {97, 32, {1, 2, 3}}, false};
  EXPECT_THAT(decode_command(encode(Command(submit))).error().message(), HasSubstr("/tiles"));
}

}  // namespace
}  // namespace pegaflow::demo
