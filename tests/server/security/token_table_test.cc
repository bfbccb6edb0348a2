#include "server/security/token_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/str_cat.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kToken[] = "correct-horse-battery";
// printf %s correct-horse-battery | sha256sum
constexpr char kDigest[] = "62249369389075490555a758353aec61500c6218fa597252d52dc4bd0148f12d";

TokenTable Parse(const std::string& text) {
  absl::StatusOr<TokenTable> table = TokenTable::Parse(text);
  EXPECT_TRUE(table.ok()) << table.status();
  return table.ok() ? *std::move(table) : TokenTable();
}

std::string ErrorOf(const std::string& text) {
  const absl::Status status = TokenTable::Parse(text).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(TokenTableTest, FindsATokenByItselfAndByItsDigest) {
  for (const std::string& credential : {std::string(kToken), StrCat("sha256:", kDigest)}) {
    const TokenTable table = Parse(StrCat(credential, " trainer infer\n"));
    const Identity* found = table.FindToken(kToken);
    ASSERT_NE(found, nullptr) << credential;
    EXPECT_EQ(found->name, "trainer");
    EXPECT_TRUE(found->roles.Has(Role::kInfer));
    EXPECT_FALSE(found->roles.Has(Role::kAdmin));
    EXPECT_EQ(table.FindToken("correct-horse-batterz"), nullptr);
    EXPECT_EQ(table.FindToken(kDigest), nullptr) << "a digest must not pass for the token";
    EXPECT_EQ(table.FindToken(""), nullptr);
    EXPECT_EQ(table.has_clear_tokens(), credential == kToken);
  }
}

TEST(TokenTableTest, FindsACertificateByAnyOfItsNames) {
  const TokenTable table = Parse("certificate:spiffe://here/ops ops infer,admin\ncertificate:b.example b infer\n");
  EXPECT_EQ(table.FindCertificate({"a.example"}), nullptr);
  EXPECT_EQ(table.FindCertificate({}), nullptr);
  EXPECT_EQ(table.FindCertificate({"a.example", "b.example"})->name, "b");
  EXPECT_TRUE(table.FindCertificate({"spiffe://here/ops"})->roles.Has(Role::kAdmin));
  EXPECT_EQ(table.FindToken("certificate:b.example"), nullptr);
}

TEST(TokenTableTest, TakesCommentsBlankLinesTabsAndCarriageReturns) {
  const TokenTable table = Parse("# who may call\r\n\r\n  \t\nfirst-first-first\ta  infer # the first\r\n# end");
  EXPECT_EQ(table.num_entries(), 1);
  EXPECT_NE(table.FindToken("first-first-first"), nullptr);
}

TEST(TokenTableTest, LetsOneIdentityHaveSeveralTokens) {
  const TokenTable table = Parse("old-old-old-old-old a infer\nnew-new-new-new-new a admin\n");
  EXPECT_EQ(table.FindToken("old-old-old-old-old")->name, "a");
  EXPECT_TRUE(table.FindToken("new-new-new-new-new")->roles.Has(Role::kAdmin));
  EXPECT_FALSE(table.FindToken("new-new-new-new-new")->roles.Has(Role::kInfer));
}

TEST(TokenTableTest, NamesLineAndProblem) {
  EXPECT_THAT(ErrorOf("# x\n\ncorrect-horse-battery trainer\n"), HasSubstr("line 3: must have three fields"));
  EXPECT_THAT(ErrorOf("correct-horse-battery trainer infer admin\n"), HasSubstr("has 4"));
  EXPECT_THAT(ErrorOf("correct-horse-battery trainer root\n"), HasSubstr("infer, admin or infer,admin"));
  EXPECT_THAT(ErrorOf("correct-horse-battery trainer infer,\n"), HasSubstr("roles"));
  EXPECT_THAT(ErrorOf("trainer correct-horse-battery infer\n"), HasSubstr("16 to 4096 letters"));
  EXPECT_THAT(ErrorOf("correct-horse-battery tr\"ainer infer\n"), HasSubstr("identity must be 1 to 128"));
  EXPECT_THAT(ErrorOf("sha256:abcd trainer infer\n"), HasSubstr("64 hexadecimal digits; has 4"));
  EXPECT_THAT(ErrorOf("certificate: trainer infer\n"), HasSubstr("must have a name after 'certificate:'"));
  EXPECT_THAT(ErrorOf(StrCat(kToken, " a infer\nsha256:", kDigest, " b infer\n")),
              HasSubstr("line 2: the token stands"));
  EXPECT_THAT(ErrorOf("certificate:x a infer\ncertificate:x b infer\n"), HasSubstr("line 2: the certificate's name"));
}

TEST(TokenTableTest, QuotesNothingOfABadLine) {
  for (const char* line :
       {"secret-secret-secret", "secret-secret-secret a", "secret-secret-secret a root", "a secret-secret-secret infer",
        "a infer secret-secret-secret", "sha256:secret a infer", "secret!secret!secret a infer"}) {
    EXPECT_THAT(ErrorOf(line), Not(HasSubstr("secret"))) << line;
  }
}

}  // namespace
}  // namespace vitok
