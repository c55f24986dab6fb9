#include "transport/ucx/lanes.h"

#include <gtest/gtest.h>

namespace pegaflow::transport {
namespace {

using Names = std::vector<std::string>;

// What ucp_ep_print_info() of these versions printed here. "peer" and the tag_send tables of the
// newer one are shortened.
constexpr const char* kTcp_1_13 = R"(#
# UCP endpoint 
#
#               peer: <no debug data>
#                 lane[0]:  0:tcp/lo.0 md[0]                -> md[0]/tcp/sysdev[255] am am_bw#0 keepalive wireup
#
#                tag_send: 0..<egr/short>..8185..<egr/zcopy>..(inf)
#            tag_send_nbr: 0..<egr/short>..8185..<egr/bcopy>..(inf)
#           tag_send_sync: 0..<egr/short>..8185..<egr/zcopy>..(inf)
#
#                  rma_bw: mds rndv_rkey_size 9
#
)";

constexpr const char* kShm_1_13 = R"(#
# UCP endpoint 
#
#               peer: <no debug data>
#                 lane[0]:  1:sysv/memory.0 md[1]           -> md[1]/sysv/sysdev[255] am am_bw#0 keepalive
#                 lane[1]:  2:posix/memory.0 md[2]          -> md[2]/posix/sysdev[255]
#
#                tag_send: 0..<egr/short>..93..<egr/bcopy>..(inf)
#            tag_send_nbr: 0..<egr/short>..93..<egr/bcopy>..(inf)
#           tag_send_sync: 0..<egr/short>..93..<egr/bcopy>..(inf)
#                  put[0]: 0..<short>..4294967296..<bcopy>..(inf)
#                  get[0]: 0..<bcopy>..(inf)
#                  put[1]: 0..<short>..4294967296..<bcopy>..(inf)
#                  get[1]: 0..<bcopy>..(inf)
#
#                  rma_bw: mds rndv_rkey_size 9
#
)";

// Soft-RoCE.
constexpr const char* kRc_1_13 = R"(#
# UCP endpoint 
#
#               peer: <no debug data>
#                 lane[0]:  0:rc_verbs/rxe0:1.0 md[0]       -> md[0]/ib/sysdev[255] rma_bw#0 am am_bw#0
#                 lane[1]:  1:ud_verbs/rxe0:1.0 md[0]       -> md[0]/ib/sysdev[255] keepalive wireup
#
#                tag_send: 0..<egr/short>..72..<egr/bcopy>..(inf)
#            tag_send_nbr: 0..<egr/short>..72..<egr/bcopy>..(inf)
#           tag_send_sync: 0..<egr/short>..72..<egr/bcopy>..(inf)
#                  put[0]: 0..<short>..81..<bcopy>..16384..<zcopy>..(inf)
#                  get[0]: 0..<bcopy>..945..<zcopy>..(inf)
#
#                  rma_bw: mds [0] rndv_rkey_size 18
#
)";

constexpr const char* kTcp_1_22 = R"(#
# UCP endpoint 
#
#               peer: <no debug data>
#                 lane[0]:  0:tcp/lo.0 md[0]                -> md[0]/tcp/sysdev[255] seg 4294967295 rma_bw#0 am keepalive wireup
#
# +-----------+-----------------------------------+-------------------+
# | pegaflow intra-node cfg#0                                         |
# | tagged message by ucp_tag_send*(fast-completion) from host memory |
# +-----------+-----------------------------------+-------------------+
# |   Range   |            Description            |      Config       |
# +-----------+-----------------------------------+-------------------+
# |   0..8184 | eager short                       | tcp/lo            |
# | 8185..inf | multi-frag eager copy-in copy-out | tcp/lo            |
# +-----------+-----------------------------------+-------------------+
)";

constexpr const char* kShm_1_22 = R"(#
# UCP endpoint 
#
#               peer: <no debug data>
#                 lane[0]:  1:sysv/memory.0 md[1]           -> md[1]/sysv/sysdev[255] seg 4294967295 am keepalive
#                 lane[1]:  2:posix/memory.0 md[2]          -> md[2]/posix/sysdev[255] seg 4294967295
#                 lane[2]:  3:cma/memory.0 md[3]            -> md[3]/cma/sysdev[255] seg 4294967295 rma_bw#0
#
# +-----------+-----------------------------------+-------------------+
)";

LaneInfo info_of(std::string_view text) {
  const auto lanes = parse_lanes(text);
  EXPECT_TRUE(lanes.ok()) << lanes.error().message();
  return lanes.ok() ? summarise(*lanes) : LaneInfo{};
}

TEST(Lanes, of_1_13_over_tcp_emulate_puts) {
  const auto info = info_of(kTcp_1_13);
  EXPECT_TRUE(info.emulated);
  EXPECT_EQ(info.rma, Names{"tcp"});
  EXPECT_EQ(info.control, Names{"tcp"});
  EXPECT_EQ(info.text, "rma emulated over tcp/lo; am tcp/lo");
}

TEST(Lanes, of_1_13_over_shared_memory_emulate_puts_because_the_memory_is_ours) {
  const auto info = info_of(kShm_1_13);
  EXPECT_TRUE(info.emulated);
  EXPECT_EQ(info.rma, Names{"sysv"});
  EXPECT_EQ(info.control, (Names{"sysv", "posix"}));
}

TEST(Lanes, of_1_13_over_rc_put_over_rc_only) {
  const auto info = info_of(kRc_1_13);
  EXPECT_FALSE(info.emulated);
  EXPECT_EQ(info.rma, Names{"rc_verbs"});
  EXPECT_EQ(info.control, (Names{"rc_verbs", "ud_verbs"}));
  EXPECT_EQ(info.text, "rma rc_verbs/rxe0:1; am rc_verbs/rxe0:1,ud_verbs/rxe0:1");
}

TEST(Lanes, of_1_22_over_tcp_put) {
  const auto info = info_of(kTcp_1_22);
  EXPECT_FALSE(info.emulated);
  EXPECT_EQ(info.rma, Names{"tcp"});
  EXPECT_EQ(info.text, "rma tcp/lo; am tcp/lo");
}

TEST(Lanes, of_1_22_over_shared_memory_put_over_cma) {
  const auto info = info_of(kShm_1_22);
  EXPECT_FALSE(info.emulated);
  EXPECT_EQ(info.rma, Names{"cma"});
  EXPECT_EQ(info.control, (Names{"sysv", "posix"}));
}

TEST(Lanes, keep_ports_and_paths_of_devices_apart) {
  const auto lanes = parse_lanes(
      "# lane[0]:  4:rc_mlx5/mlx5_0:1.0 md[4] -> md[4]/ib/sysdev[7] seg 8256 rma_bw#0 am wireup\n"
      "# lane[1]:  4:rc_mlx5/mlx5_0:1.1 md[4] -> md[4]/ib/sysdev[7] seg 8256 rma_bw#1\n"
      "# lane[2]:  9:tcp/eth0.1.0 md[1] -> md[1]/tcp/sysdev[255] seg 8256 keepalive\n");
  ASSERT_TRUE(lanes.ok());
  EXPECT_EQ((*lanes)[0].device, "mlx5_0:1");
  EXPECT_EQ((*lanes)[2].device, "eth0.1");
  EXPECT_TRUE((*lanes)[0].messages);
  EXPECT_FALSE((*lanes)[1].messages);
  EXPECT_TRUE((*lanes)[1].puts);
  const auto info = summarise(*lanes);
  EXPECT_EQ(info.rma, Names{"rc_mlx5"});
  EXPECT_EQ(info.control, (Names{"rc_mlx5", "tcp"}));
}

TEST(Lanes, with_a_stand_in_for_the_wire_up_are_understood) {
  const auto lanes = parse_lanes(
      "# lane[0]:  1:rc_verbs/rxe0:1.0 md[1] -> md[1]/ib/sysdev[255] am wireup{ud_verbs/rxe0:1}\n");
  ASSERT_TRUE(lanes.ok());
  EXPECT_EQ((*lanes)[0].transport, "rc_verbs");
}

TEST(Lanes, that_are_not_understood_are_an_error_with_the_line) {
  for (const auto* text : {"", "# UCP endpoint\n", "# lane[0]: cm rdmacm\n",
                           "# lane[1]:  0:tcp/lo.0 md[0] -> md[0]/tcp/sysdev[255] am\n",
                           "# lane[0]:  0:tcp/lo.0 md[0]\n", "# lane[0]:  0:tcp lo.0 -> am\n",
                           "# lane[x]:  0:tcp/lo.0 md[0] -> am\n", "# lane[0]: /. -> am"}) {
    const auto lanes = parse_lanes(text);
    ASSERT_FALSE(lanes.ok()) << text;
    EXPECT_EQ(lanes.error().code(), Code::kInternal);
  }
  const auto message = parse_lanes("# lane[0]: cm rdmacm\n").error().message();
  EXPECT_NE(message.find("cm rdmacm"), std::string::npos) << message;
}

TEST(Lanes, cut_anywhere_do_not_crash_the_parser) {
  const std::string_view text = kShm_1_22;
  for (std::size_t size = 0; size < text.size(); ++size) {
    static_cast<void>(parse_lanes(text.substr(0, size)));
  }
}

}  // namespace
}  // namespace pegaflow::transport
