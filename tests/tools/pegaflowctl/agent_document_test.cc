#include "agent_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_deployment.h"

namespace pegaflow::ctl {
namespace {

TEST(AgentDocument, what_is_used_is_read) {
  const auto document = read_agent_document(FakeStatus{}.text());
  ASSERT_TRUE(document.ok()) << document.error().message();
  EXPECT_TRUE(document->ready);
  EXPECT_EQ(document->sessions, 2U);
  EXPECT_EQ(document->offers, 3U);
  EXPECT_EQ(document->receives, 4U);
  EXPECT_EQ(document->transfers, 1U);
  ASSERT_EQ(document->links.size(), 1U);
  EXPECT_EQ(document->links[0].bytes_per_second, 2'000'000'000U);
  EXPECT_EQ(document->links[0].round_trip_ns, 4'200U);
  ASSERT_EQ(document->regions.size(), 1U);
  EXPECT_THAT(document->regions[0].slots, testing::Contains(testing::Pair("free", 30U)));
}

TEST(AgentDocument, gpus_are_read_and_a_context_may_be_unknown) {
  FakeStatus status;
  status.gpu = true;
  const auto document = read_agent_document(status.text());
  ASSERT_TRUE(document.ok()) << document.error().message();
  EXPECT_EQ(document->regions[0].memory, "cuda");
  EXPECT_TRUE(document->regions[0].dmabuf);
  ASSERT_EQ(document->gpus.size(), 2U);
  EXPECT_EQ(document->gpus[0].context_bytes, 500U << 20U);
  EXPECT_EQ(document->gpus[1].context_bytes, std::nullopt);
}

TEST(AgentDocument, faults_have_pointers) {
  EXPECT_FALSE(read_agent_document("<html>").ok());
  EXPECT_THAT(read_agent_document("{}").error().message(), testing::HasSubstr("is missing"));
  std::string text = FakeStatus{}.text();
  text.replace(text.find("\"from\""), 6, "\"down\"");
  EXPECT_THAT(read_agent_document(text).error().message(),
              testing::StartsWith("/links/0/direction: "));
}

}  // namespace
}  // namespace pegaflow::ctl
