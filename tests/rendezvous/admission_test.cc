#include "rendezvous/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "example.h"

namespace pegaflow::rendezvous {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Admission : public testing::Test {
 protected:
  Error refusal() const {
    const auto status = admit(record_, "d0", topology_);
    return status.ok() ? Error(Code::kInternal, "admitted") : status.error();
  }
  const topology::Topology topology_ = example_topology(2);
  AgentRecord record_ = example_record(topology_, "d0", 1);
};

TEST_F(Admission, fitting_records_are_admitted) {
  record_.links = {{"p", "from", {1}, {}}};
  record_.regions = {{"a", MemoryKind::kHost, 4096, 1, {}}, {"b", MemoryKind::kHost, 4096, 1, {}}};
  record_.pools = {example_pool(1, "x"), example_pool(2, "x")};
  EXPECT_TRUE(admit(record_, "d0", topology_).ok());
}

TEST_F(Admission, another_topology_is_refused_with_both_hashes) {
  record_.topology_hash = std::string(64, '0');
  EXPECT_EQ(refusal().code(), Code::kFailedPrecondition);
  EXPECT_THAT(refusal().message(), HasSubstr(topology_.hash));
  EXPECT_THAT(refusal().message(), HasSubstr(record_.topology_hash));
}

TEST_F(Admission, contradictions_name_the_place) {
  record_.name = "d1";
  EXPECT_THAT(refusal().message(), StartsWith("/record/name: "));
  record_ = example_record(topology_, "d0", 0);
  EXPECT_THAT(refusal().message(), StartsWith("/record/epoch: "));
  record_ = example_record(topology_, "d0", 1);
  record_.control = "127.0.0.1:1";
  EXPECT_THAT(refusal().message(), StartsWith("/record/control: "));
  record_ = example_record(topology_, "d0", 1);
  record_.http = "127.0.0.1:1";
  EXPECT_THAT(refusal().message(), StartsWith("/record/http: "));
}

TEST_F(Admission, links_must_be_the_topologys_and_unique) {
  record_.links = {{"p", "to", {1}, {}}};
  EXPECT_THAT(refusal().message(), StartsWith("/record/links/0: "));
  record_.links = {{"d1", "from", {1}, {}}};
  EXPECT_THAT(refusal().message(), HasSubstr("from d1"));
  record_.links = {{"p", "from", {1}, {}}, {"p", "from", {2}, {}}};
  EXPECT_THAT(refusal().message(), StartsWith("/record/links/1: expected each link once"));
}

TEST_F(Admission, region_names_and_pool_ids_must_be_unique) {
  record_.regions = {{"a", MemoryKind::kHost, 4096, 1, {}}, {"a", MemoryKind::kHost, 4096, 1, {}}};
  EXPECT_THAT(refusal().message(), StartsWith("/record/regions/1/name: "));
  record_.regions.clear();
  record_.pools = {example_pool(1, "x"), example_pool(1, "y")};
  EXPECT_THAT(refusal().message(), StartsWith("/record/pools/1/id: "));
}

}  // namespace
}  // namespace pegaflow::rendezvous
