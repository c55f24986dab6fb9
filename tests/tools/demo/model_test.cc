#include "pegaflow-demo/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace pegaflow::demo {
namespace {

using testing::HasSubstr;

Model bundled(const std::string& name) {
  const auto model = load_model(PEGAFLOW_CONFIG_DIR "/models/" + name + ".json");
  EXPECT_TRUE(model.ok()) << model.error().message();
  return model.ok() ? *model : Model{};
}

std::string fault_of(const std::string& text) {
  const auto model = parse_model(text);
  return model.ok() ? "no fault" : model.error().message();
}

TEST(Model, bundled_models_have_the_published_geometry) {
  EXPECT_EQ(bundled("qwen3-8b").token_bytes(), 36u * 8 * 2 * 128 * 2);
  EXPECT_EQ(bundled("llama-3.1-8b").token_bytes(), 32u * 8 * 2 * 128 * 2);
  EXPECT_EQ(bundled("deepseek-v3").token_bytes(), 61u * (512 + 64) * 2);
  EXPECT_EQ(bundled("gpt2").token_bytes(), 12u * 12 * 2 * 64 * 2);
}

TEST(Model, its_text_reads_back) {
  const auto model = bundled("deepseek-v3");
  const auto again = parse_model(model_to_json(model));
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(*again, model);
}

TEST(Model, faults_name_the_key) {
  const std::string rest =
      R"("kv_heads": 8, "parts": 2, "head_elements": 128, "dtype": "bfloat16"})";
  EXPECT_THAT(fault_of(R"({"name": "m", "layers": 0, )" + rest), HasSubstr("/layers: expected"));
  EXPECT_THAT(fault_of(R"({"name": "m", "layers": 4, "speed": 1, )" + rest), HasSubstr("speed"));
  EXPECT_THAT(fault_of(R"({"name": "m", )" + rest), HasSubstr("layers"));
  EXPECT_THAT(fault_of(R"({"name": "m", "layers": 4, "kv_heads": 8, "parts": 3,
                           "head_elements": 128, "dtype": "bfloat16"})"),
              HasSubstr("/parts"));
  EXPECT_THAT(fault_of(R"({"name": "m", "layers": 4, "kv_heads": 8, "parts": 2,
                           "head_elements": 128, "dtype": "int4"})"),
              HasSubstr("/dtype"));
  EXPECT_THAT(fault_of("[]"), HasSubstr("expected"));
}

TEST(Model, models_differ_in_fingerprint_and_ranks_of_one_do_not) {
  const auto qwen = shape_of(bundled("qwen3-8b"), 0, 2, 16);
  EXPECT_EQ(qwen.fingerprint, shape_of(bundled("qwen3-8b"), 1, 2, 32).fingerprint);
  EXPECT_NE(qwen.fingerprint, shape_of(bundled("llama-3.1-8b"), 0, 2, 16).fingerprint);
}

}  // namespace
}  // namespace pegaflow::demo
