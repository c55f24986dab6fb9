#include "wire/kv_shape_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pegaflow {
namespace {

KvShape example() {
  KvShape shape;
  shape.rank = {.dp = 1, .dp_size = 2, .pp = 0, .pp_size = 2, .tp = 3, .tp_size = 4};
  KvGroupShape plain;
  plain.stage_bounds = {0, 16, 32};
  plain.heads_total = 8;
  plain.parts = 2;
  plain.part_bytes = {256, 256};
  plain.element_bytes = 2;
  plain.block_tokens = 16;
  plain.window = 4096;
  plain.inner_order = 0xFEDCBA9876543210ULL;
  KvGroupShape opaque;
  opaque.stage_bounds = {0, 1, 2};
  opaque.heads_total = 1;
  opaque.block_tokens = 64;
  opaque.opaque_block_bytes = 1ULL << 40;
  opaque.opaque_digest.fill(0xAB);
  shape.groups = {plain, opaque};
  shape.fingerprint.fill(0x5C);
  shape.incarnation = 0xFFFFFFFFFFFFFFFFULL;
  shape.gpu_uuid = "GPU-01234567-89ab-cdef-0123-456789abcdef";
  return shape;
}

TEST(KvShapeJson, round_trip_keeps_every_field) {
  const auto shape = shape_from_json(shape_to_json(example()));
  ASSERT_TRUE(shape.ok()) << shape.error().message();
  EXPECT_EQ(*shape, example());
}

struct Damage {
  const char* find;
  const char* replace;
  const char* pointer;
};

class DamagedShape : public testing::TestWithParam<Damage> {};

TEST_P(DamagedShape, is_refused_with_a_pointer) {
  const auto& [find, replace, pointer] = GetParam();
  std::string text = shape_to_json(example());
  const auto at = text.find(find);
  ASSERT_NE(at, std::string::npos) << text;
  text.replace(at, std::string_view(find).size(), replace);
  const auto shape = shape_from_json(text);
  ASSERT_FALSE(shape.ok());
  EXPECT_EQ(shape.error().code(), Code::kProtocol);
  EXPECT_THAT(shape.error().message(), testing::StartsWith(pointer));
}

INSTANTIATE_TEST_SUITE_P(
    KvShapeJson, DamagedShape,
    testing::Values(Damage{"\"dp\":1", "\"dp\":-1", "/rank/dp: "},
                    Damage{"\"dp_size\":2", "\"dp_size\":0", "/rank/dp_size: "},
                    Damage{"\"parts\":2", "\"parts\":4294967296", "/groups/0/parts: "},
                    Damage{"[256,256]", "[256]", "/groups/0/part_bytes: "},
                    Damage{"[0,16,32]", "[0]", "/groups/0/stage_bounds: "},
                    Damage{"fedcba9876543210", "fedcba987654321", "/groups/0/inner_order: "},
                    Damage{"abab", "ABAB", "/groups/1/opaque_digest: "},
                    Damage{"\"window\"", "\"windows\"", "/groups/0: "},
                    Damage{"\"rank\"", "\"Rank\"", ": "},
                    Damage{"\"5c5c", "\"5c5", "/fingerprint: "},
                    Damage{"ffffffffffffffff", "gfffffffffffffff", "/incarnation: "},
                    Damage{"GPU-", "\\u0007GPU-", "/gpu_uuid: "}));

TEST(KvShapeJson, too_many_groups_are_refused) {
  auto shape = example();
  shape.groups.resize(KvShape::kMaxGroups + 1, shape.groups[0]);
  EXPECT_FALSE(shape_from_json(shape_to_json(shape)).ok());
}

}  // namespace
}  // namespace pegaflow
