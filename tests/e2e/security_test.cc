// The real programs with tokens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>

#include "tests/e2e/running_server.h"
#include "tests/support/eventually.h"
#include "tests/support/text_file.h"

namespace vitok {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kOld[] = "old-token-old-token";
constexpr char kNew[] = "new-token-new-token";

TEST(Security, F22_TheServerAsksForATokenAndTakesItsSuccessorWhileItServes) {
  const TempFolder folder;
  const std::string tokens = WriteTextFile(folder / "tokens", std::string(kOld) + " trainer infer\n");
  const std::string new_token = WriteTextFile(folder / "new", kNew);
  setenv("VITOK_TOKEN", kOld, /*overwrite=*/1);
  RunningServer server(OneModel("float32"), {"auth.tokens_file=" + tokens});
  ASSERT_TRUE(server.WaitUntilServing());
  EXPECT_EQ(server.Vitok({"info"}).exit_code, 0);
  const ProgramResult refused = server.Vitok({"info", "--token-file", new_token});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("UNAUTHENTICATED"));
  WriteTextFile(tokens, std::string(kNew) + " trainer infer\n");
  EXPECT_TRUE(Eventually([&] { return server.Vitok({"info", "--token-file", new_token}).exit_code == 0; }));
  EXPECT_EQ(server.Vitok({"info"}).exit_code, 1);
  EXPECT_EQ(server.Vitok({"encode", "photos/astronaut.png", "-o", folder / "z.safetensors", "--token-file", new_token})
                .exit_code,
            0);
  unsetenv("VITOK_TOKEN");
  server.process().Signal(SIGTERM);
  const ProgramResult ended = server.process().Wait();
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("identity=trainer method=Encode"), HasSubstr("code=UNAUTHENTICATED")));
  EXPECT_THAT(ended.err, AllOf(Not(HasSubstr(kOld)), Not(HasSubstr(kNew))));
}

}  // namespace
}  // namespace vitok
