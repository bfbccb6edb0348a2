#include "server/security/tls_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"
#include "tests/support/text_file.h"

namespace vitok {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class TlsFilesTest : public ::testing::Test {
 protected:
  std::string ErrorOf(const TlsOptions& options) {
    const absl::StatusOr<TlsFiles> files = ReadTlsFiles(options);
    EXPECT_FALSE(files.ok());
    return std::string(files.status().message());
  }

  TempFolder folder_;
  const TestCa ca_;
  const TestCertificate server_ = ca_.Issue({.common_name = "server"});
  const TlsOptions options_ = {.certificate_file = WriteTextFile(folder_ / "server.pem", server_.certificate_pem),
                               .private_key_file = WriteTextFile(folder_ / "server.key", server_.key_pem),
                               .client_ca_file = WriteTextFile(folder_ / "ca.pem", ca_.certificate_pem())};
};

TEST_F(TlsFilesTest, ReadsFilesThatBelongTogether) {
  const absl::StatusOr<TlsFiles> files = ReadTlsFiles(options_);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(files->identity_pem, AllOf(StartsWith(server_.key_pem), EndsWith(server_.certificate_pem)));
  EXPECT_EQ(files->client_ca_pem, ca_.certificate_pem());
  EXPECT_GT(files->expiry, absl::Now());
}

TEST_F(TlsFilesTest, TakesAChainWithTheServersCertificateFirst) {
  WriteTextFile(options_.certificate_file, server_.certificate_pem + ca_.certificate_pem());
  EXPECT_TRUE(ReadTlsFiles(options_).ok());
  WriteTextFile(options_.certificate_file, ca_.certificate_pem() + server_.certificate_pem);
  EXPECT_THAT(ErrorOf(options_), HasSubstr("is not the key of the certificate"));
}

TEST_F(TlsFilesTest, SaysThatACertificateHasExpired) {
  const TestCertificate old = ca_.Issue({.common_name = "server", .expires_in_s = -60});
  WriteTextFile(options_.certificate_file, old.certificate_pem);
  WriteTextFile(options_.private_key_file, old.key_pem);
  EXPECT_LT(ReadTlsFiles(options_)->expiry, absl::Now());
}

TEST_F(TlsFilesTest, NamesFieldFileAndReason) {
  const std::string text = WriteTextFile(folder_ / "text", "not PEM\n");
  TlsOptions options = options_;
  options.certificate_file = folder_ / "none";
  EXPECT_EQ(ErrorOf(options), "tls.certificate_file " + options.certificate_file + ": No such file or directory");
  options.certificate_file = text;
  EXPECT_THAT(ErrorOf(options), AllOf(StartsWith("tls.certificate_file " + text), HasSubstr("holds no certificate")));
  options.certificate_file = WriteTextFile(folder_ / "cut.pem", server_.certificate_pem.substr(0, 300));
  EXPECT_THAT(ErrorOf(options), HasSubstr("cannot be parsed"));
  options = options_;
  options.private_key_file = text;
  EXPECT_THAT(ErrorOf(options), AllOf(StartsWith("tls.private_key_file " + text), HasSubstr("holds no private key")));
  options.private_key_file = WriteTextFile(folder_ / "encrypted.key", EncryptKey(server_.key_pem, "password"));
  EXPECT_THAT(ErrorOf(options), HasSubstr("is encrypted"));
  options.private_key_file = WriteTextFile(folder_ / "other.key", ca_.Issue({.common_name = "other"}).key_pem);
  EXPECT_EQ(ErrorOf(options), "tls.private_key_file " + options.private_key_file +
                                  ": is not the key of the certificate in " + options.certificate_file);
  options = options_;
  options.client_ca_file = text;
  EXPECT_THAT(ErrorOf(options), StartsWith("tls.client_ca_file " + text));
}

}  // namespace
}  // namespace vitok
