#include "server/security/authenticator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "tests/support/eventually.h"
#include "tests/support/log_capture.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text_file.h"

namespace vitok {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kInterval = absl::Milliseconds(1);
constexpr char kOld[] = "old-token-old-token";
constexpr char kNew[] = "new-token-new-token";

class AuthenticatorTest : public ::testing::Test {
 protected:
  void Create() {
    absl::StatusOr<std::unique_ptr<Authenticator>> made = Authenticator::Create({tokens_file_}, kInterval);
    ASSERT_TRUE(made.ok()) << made.status();
    authenticator_ = *std::move(made);
  }

  absl::Status Try(const std::string& authorization, Role role = Role::kInfer) {
    return authenticator_->Authenticate({std::string_view(authorization)}, {}, role).status();
  }
  bool Accepts(const std::string& token) { return Try("Bearer " + token).ok(); }

  TempFolder folder_;
  LogCapture log_;
  const std::string tokens_file_ =
      WriteTextFile(folder_ / "tokens", std::string(kOld) + " trainer infer\ncertificate:ops.example ops admin\n");
  std::unique_ptr<Authenticator> authenticator_;
};

TEST_F(AuthenticatorTest, GivesEveryoneEverythingWithoutATokensFile) {
  const auto authenticator = *Authenticator::Create({});
  const absl::StatusOr<Identity> anyone = authenticator->Authenticate({"Bearer whatever"}, {}, Role::kAdmin);
  ASSERT_TRUE(anyone.ok());
  EXPECT_EQ(anyone->name, "anonymous");
  EXPECT_EQ(anyone->roles, RoleSet::All());
  EXPECT_EQ(authenticator->Authenticate({}, {"uri", "dns"}, Role::kInfer)->name, "uri");
}

TEST_F(AuthenticatorTest, KnowsCallersByToken) {
  Create();
  EXPECT_EQ(authenticator_->Authenticate({"Bearer old-token-old-token"}, {}, Role::kInfer)->name, "trainer");
  EXPECT_TRUE(Try("bearer  old-token-old-token").ok()) << "the scheme's case and more spaces do not matter";
}

TEST_F(AuthenticatorTest, KnowsCallersByCertificate) {
  Create();
  EXPECT_EQ(authenticator_->Authenticate({}, {"other", "ops.example"}, Role::kAdmin)->name, "ops");
  EXPECT_TRUE(absl::IsUnauthenticated(authenticator_->Authenticate({}, {"other"}, Role::kAdmin).status()));
}

TEST_F(AuthenticatorTest, F22_AWrongTokenIsNotMadeGoodByACertificate) {
  Create();
  EXPECT_TRUE(
      absl::IsUnauthenticated(authenticator_->Authenticate({"Bearer wrong"}, {"ops.example"}, Role::kAdmin).status()));
}

TEST_F(AuthenticatorTest, F22_AnswersAMissingAndAWrongTokenAlike) {
  Create();
  const absl::Status missing = authenticator_->Authenticate({}, {}, Role::kInfer).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kUnauthenticated);
  for (const std::string& wrong :
       {std::string("Bearer wrong-token-wrong-token"), std::string("Bearer "), std::string("Basic ") + kOld,
        std::string(kOld), std::string(), std::string("Bearer ") + kOld + "x", std::string("Bearer ops.example")}) {
    EXPECT_EQ(Try(wrong), missing) << wrong;
    EXPECT_EQ(Try(wrong, Role::kAdmin), missing) << wrong;
  }
  const std::string good = std::string("Bearer ") + kOld;
  EXPECT_EQ(authenticator_->Authenticate({good, good}, {}, Role::kInfer).status(), missing);
}

TEST_F(AuthenticatorTest, F22_DeniesARoleThatTheIdentityDoesNotHave) {
  Create();
  const absl::Status denied = Try(std::string("Bearer ") + kOld, Role::kAdmin);
  EXPECT_EQ(denied.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(denied.message()), AllOf(HasSubstr("'trainer'"), HasSubstr("'admin'"), Not(HasSubstr(kOld))));
}

TEST_F(AuthenticatorTest, TakesRotatedTokens) {
  Create();
  WriteTextFile(tokens_file_, std::string(kOld) + " trainer infer\n" + kNew + " trainer infer\n");
  EXPECT_TRUE(Eventually([&] { return Accepts(kNew); }));
  EXPECT_TRUE(Accepts(kOld));
  WriteTextFile(tokens_file_, std::string(kNew) + " trainer infer\n");
  EXPECT_TRUE(Eventually([&] { return !Accepts(kOld); }));
  EXPECT_TRUE(Accepts(kNew));
}

TEST_F(AuthenticatorTest, KeepsTheOldEntriesWhenTheNewFileIsBrokenOrGone) {
  Create();
  WriteTextFile(tokens_file_, std::string(kNew) + " trainer\n");
  EXPECT_TRUE(Eventually([&] { return log_.text().find("line 1: must have three fields") != std::string::npos; }));
  EXPECT_TRUE(Accepts(kOld));
  EXPECT_FALSE(Accepts(kNew));
  std::filesystem::remove(tokens_file_);
  EXPECT_TRUE(Eventually([&] { return log_.text().find("No such file") != std::string::npos; }));
  EXPECT_TRUE(Accepts(kOld));
  WriteTextFile(tokens_file_, std::string(kNew) + " trainer infer\n");
  EXPECT_TRUE(Eventually([&] { return Accepts(kNew); }));
}

TEST_F(AuthenticatorTest, LogsNoToken) {
  Create();
  EXPECT_FALSE(Accepts(kNew));
  WriteTextFile(tokens_file_, std::string(kNew) + "\n");
  EXPECT_TRUE(Eventually([&] { return log_.text().find("line 1") != std::string::npos; }));
  authenticator_.reset();
  EXPECT_THAT(log_.text(), AllOf(Not(HasSubstr(kOld)), Not(HasSubstr(kNew)), HasSubstr("tokens in the clear")));
}

TEST_F(AuthenticatorTest, NamesTheFileThatItCannotUse) {
  const absl::Status missing = Authenticator::Create({folder_ / "none"}).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(missing.message(), "auth.tokens_file " + folder_ / "none" + ": No such file or directory");
  WriteTextFile(tokens_file_, "\nx y\n");
  EXPECT_EQ(
      Authenticator::Create({tokens_file_}).status().message(),
      "auth.tokens_file " + tokens_file_ + ": line 2: must have three fields, credential, identity and roles; has 2");
}

TEST_F(AuthenticatorTest, AnswersWhileTheFileChanges) {
  Create();
  std::atomic<bool> done{false};
  std::thread caller([&] {
    while (!done) ASSERT_TRUE(Accepts(kOld));
  });
  for (int i = 0; i < 20; ++i) {
    const std::string extra = "extra-token-extra-" + std::to_string(i);
    WriteTextFile(tokens_file_, std::string(kOld) + " trainer infer\n" + extra + " extra infer\n");
    EXPECT_TRUE(Eventually([&] { return Accepts(extra); }));
  }
  done = true;
  caller.join();
}

}  // namespace
}  // namespace vitok
