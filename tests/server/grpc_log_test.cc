#include "server/grpc_log.h"

#include <gmock/gmock.h>
#include <grpc/support/log.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/eventually.h"
#include "tests/support/log_capture.h"

namespace vitok {
namespace {

TEST(GrpcLogTest, F23_HoldsBackMessagesThatRepeat) {
  LogCapture log;
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);  // as after grpc_init
  RouteGrpcLog();
  const auto flood = [&log] {
    for (int i = 0; i < 10'000; ++i) gpr_log(GPR_ERROR, "Handshake failed");
    return !log.text().empty();
  };
  // The limit is the process's: what came before may have used this second up.
  EXPECT_TRUE(Eventually(flood));
  gpr_log(GPR_ERROR, "something else");
  gpr_set_log_function(nullptr);
  const std::string text = log.text();
  EXPECT_THAT(text, testing::StartsWith("grpc text=\"Handshake failed\""));
  EXPECT_THAT(text, testing::EndsWith("grpc text=\"something else\"\n"));
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 5000);
}

}  // namespace
}  // namespace vitok
