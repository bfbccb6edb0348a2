// Clients of servers with TLS, certificates and tokens: what works, and what a user is told where it does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/tokenizer_client.h"
#include "tests/client/fake_service.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"
#include "tests/support/text_file.h"

namespace vitok {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kToken[] = "secret-token-of-the-client";

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// Answers ListModels, and remembers the tokens that came with it.
class TokenService final : public v1::Tokenizer::Service {
 public:
  grpc::Status ListModels(grpc::ServerContext* context, const v1::ListModelsRequest*,
                          v1::ListModelsResponse*) override {
    const auto found = context->client_metadata().find("authorization");
    absl::MutexLock lock(&mutex_);
    authorization_ =
        found == context->client_metadata().end() ? "" : std::string(found->second.data(), found->second.size());
    return grpc::Status::OK;
  }

  std::string authorization() const {
    absl::MutexLock lock(&mutex_);
    return authorization_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::string authorization_ ABSL_GUARDED_BY(mutex_);
};

class SecureConnectionTest : public ::testing::Test {
 protected:
  ~SecureConnectionTest() override {
    if (server_ != nullptr) server_->Shutdown();
  }

  void Serve(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    target_ = "127.0.0.1:" + std::to_string(port);
  }

  void ServeTls(const TestSubject& subject, bool ask_for_certificate = false) {
    const TestCertificate certificate = ca_.Issue(subject);
    grpc::SslServerCredentialsOptions options(ask_for_certificate
                                                  ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                                  : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
    options.pem_root_certs = ca_.certificate_pem();
    options.pem_key_cert_pairs.push_back({certificate.key_pem, certificate.certificate_pem});
    Serve(grpc::SslServerCredentials(options));
  }

  absl::Status Call(const TokenizerClientOptions& options) {
    const auto client = TokenizerClient::Create(target_, options);
    return client.ok() ? (*client)->ListModels().status() : client.status();
  }
  std::string ErrorOf(const TlsClientOptions& tls) {
    const absl::Status status = Call({.tls = tls});
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    return Message(status);
  }

  ProgramResult Vitok(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), VITOK_PROGRAM);
    arguments.insert(arguments.end(), {"--server", target_});
    return RunProgram(arguments);
  }

  TempFolder folder_;
  const TestCa ca_, other_ca_;
  const TlsClientOptions trusting_ = {.ca_pem = ca_.certificate_pem()};
  TokenService service_;
  std::unique_ptr<grpc::Server> server_;
  std::string target_;
};

const TestSubject kLoopback = {.common_name = "server", .alternative_names = "IP:127.0.0.1"};

TEST_F(SecureConnectionTest, SendsTheTokenOverTls) {
  ServeTls(kLoopback);
  EXPECT_TRUE(Call({.tls = trusting_, .token = kToken}).ok());
  EXPECT_EQ(service_.authorization(), std::string("Bearer ") + kToken);
  EXPECT_TRUE(Call({.tls = trusting_}).ok());
  EXPECT_EQ(service_.authorization(), "");
}

TEST_F(SecureConnectionTest, ShowsItsCertificate) {
  ServeTls(kLoopback, /*ask_for_certificate=*/true);
  TlsClientOptions tls = trusting_;
  EXPECT_THAT(ErrorOf(tls), HasSubstr("closed the connection; it may ask for a client certificate"));
  const TestCertificate stranger = other_ca_.Issue({.common_name = "stranger"});
  tls.certificate_pem = stranger.certificate_pem;
  tls.key_pem = stranger.key_pem;
  EXPECT_THAT(ErrorOf(tls), HasSubstr("it may not trust this client certificate"));
  const TestCertificate friendly = ca_.Issue({.common_name = "friend"});
  tls.certificate_pem = friendly.certificate_pem;
  EXPECT_THAT(ErrorOf(tls), HasSubstr("the client certificate and its key cannot be used together"));
  tls.key_pem = friendly.key_pem;
  EXPECT_TRUE(Call({.tls = tls}).ok());
}

TEST_F(SecureConnectionTest, SaysWhatIsWrongWithTheServersCertificate) {
  ServeTls(kLoopback);
  EXPECT_THAT(ErrorOf({.ca_pem = other_ca_.certificate_pem()}),
              StartsWith("the server at " + target_ +
                         " presented a certificate that no CA of those given has signed, or that has expired"));
  EXPECT_THAT(ErrorOf({}), HasSubstr("no CA of this system has signed"));
  EXPECT_THAT(ErrorOf({.ca_pem = ca_.certificate_pem(), .server_name = "elsewhere.example"}),
              HasSubstr("presented a certificate that is not for the name 'elsewhere.example'"));
}

TEST_F(SecureConnectionTest, RefusesAnExpiredCertificate) {
  ServeTls({.common_name = "old", .alternative_names = "IP:127.0.0.1", .expires_in_s = -60});
  EXPECT_THAT(ErrorOf(trusting_), HasSubstr("or that has expired"));
}

TEST_F(SecureConnectionTest, TakesAnotherNameForTheServerIfAsked) {
  ServeTls({.common_name = "server", .alternative_names = "DNS:tokens.example"});
  EXPECT_THAT(ErrorOf(trusting_), HasSubstr("is not for the name '127.0.0.1'"));
  EXPECT_TRUE(Call({.tls = TlsClientOptions{.ca_pem = ca_.certificate_pem(), .server_name = "tokens.example"}}).ok());
}

TEST_F(SecureConnectionTest, SaysThatOneSideSpeaksTlsAndTheOtherDoesNot) {
  ServeTls(kLoopback);
  EXPECT_THAT(Message(Call({})), HasSubstr("closed the connection; it may speak TLS only"));
  server_->Shutdown();
  Serve(grpc::InsecureServerCredentials());
  EXPECT_THAT(ErrorOf(trusting_), HasSubstr("the server at " + target_ + " does not speak TLS"));
}

TEST(ClientCredentialsTest, RefusesWhatCannotBeUsed) {
  const auto error_of = [](const std::string& target, const TokenizerClientOptions& options) {
    const absl::Status status = TokenizerClient::Create(target, options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return Message(status);
  };
  const TestCa ca;
  const std::string pem = ca.certificate_pem();
  EXPECT_THAT(error_of("a:1", {.tls = TlsClientOptions{.ca_pem = "junk"}}),
              HasSubstr("the CA certificate must be in PEM form (-----BEGIN CERTIFICATE-----)"));
  EXPECT_THAT(error_of("a:1", {.tls = TlsClientOptions{.certificate_pem = pem}}),
              HasSubstr("was only the certificate"));
  EXPECT_THAT(error_of("a:1", {.tls = TlsClientOptions{.certificate_pem = pem, .key_pem = pem}}),
              HasSubstr("the key of the client certificate must be in PEM form"));
  EXPECT_THAT(error_of("unix:/x", {.tls = TlsClientOptions{}}), HasSubstr("TLS is for servers at host:port"));
  EXPECT_THAT(error_of("unix:/x", {.token = "two words"}), AllOf(HasSubstr("visible ASCII"), Not(HasSubstr("words"))));
}

TEST(ClientCredentialsTest, SendsTokensInTheClearOnThisMachineOnly) {
  for (const char* local : {"unix:/x", "127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"}) {
    EXPECT_TRUE(TokenizerClient::Create(local, {.token = kToken}).ok()) << local;
  }
  for (const char* other : {"example.org:1", "10.0.0.1:1", "127.example.org:1", "[::2]:1", "0.0.0.0:1"}) {
    const absl::Status status = TokenizerClient::Create(other, {.token = kToken}).status();
    EXPECT_THAT(Message(status), AllOf(HasSubstr("over TLS only"), HasSubstr(other), Not(HasSubstr(kToken))));
    EXPECT_TRUE(TokenizerClient::Create(other, {.tls = TlsClientOptions{}, .token = kToken}).ok());
  }
}

TEST_F(SecureConnectionTest, TheProgramReadsCertificatesAndTokenFromFiles) {
  ServeTls(kLoopback, /*ask_for_certificate=*/true);
  const TestCertificate client = ca_.Issue({.common_name = "friend"});
  const std::vector<std::string> tls = {"--tls-ca",   WriteTextFile(folder_ / "ca.pem", ca_.certificate_pem()),
                                        "--tls-cert", WriteTextFile(folder_ / "client.pem", client.certificate_pem),
                                        "--tls-key",  WriteTextFile(folder_ / "client.key", client.key_pem)};
  std::vector<std::string> arguments = {"models", "--token-file",
                                        WriteTextFile(folder_ / "token", std::string(kToken) + "\n")};
  arguments.insert(arguments.end(), tls.begin(), tls.end());
  const ProgramResult result = Vitok(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(service_.authorization(), std::string("Bearer ") + kToken);
}

TEST_F(SecureConnectionTest, TheProgramTakesTheTokenOfItsEnvironment) {
  Serve(grpc::InsecureServerCredentials());
  setenv("VITOK_TOKEN", "token-of-the-environment", /*overwrite=*/1);
  EXPECT_EQ(Vitok({"models"}).exit_code, 0);
  EXPECT_EQ(service_.authorization(), "Bearer token-of-the-environment");
  EXPECT_EQ(Vitok({"models", "--token-file", WriteTextFile(folder_ / "token", kToken)}).exit_code, 0);
  EXPECT_EQ(service_.authorization(), std::string("Bearer ") + kToken) << "a file that is named wins";
  unsetenv("VITOK_TOKEN");
}

TEST_F(SecureConnectionTest, TheProgramTellsInOneLineWhatIsWrong) {
  ServeTls(kLoopback);
  const std::string wrong = WriteTextFile(folder_ / "other.pem", other_ca_.certificate_pem());
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"models", "--tls-ca", wrong}, {"models", "--tls-ca", wrong, "--wait", "0.3"}}) {
    const ProgramResult result = Vitok(arguments);
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_THAT(result.err, AllOf(StartsWith("vitok: UNAVAILABLE: the server at " + target_),
                                  HasSubstr("presented a certificate that no CA of those given has signed")));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
  const ProgramResult missing = Vitok({"models", "--token-file", folder_ / "none"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, HasSubstr("NOT_FOUND: cannot open " + folder_ / "none"));
  const ProgramResult empty = Vitok({"models", "--token-file", WriteTextFile(folder_ / "empty", "\n")});
  EXPECT_THAT(empty.err, HasSubstr("must hold a token; was empty"));
  EXPECT_EQ(Vitok({"models", "--tls-cert", "x"}).exit_code, 2);
}

}  // namespace
}  // namespace vitok
