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
