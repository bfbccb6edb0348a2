// Who reaches the admin service of a server with TLS.
#include <gmock/gmock.h>

#include "tests/server/lifecycle/admin_fixture.h"
#include "tests/server/test_tls.h"
#include "tests/support/text_file.h"

namespace vitok {
namespace {

using ::testing::ElementsAre;

constexpr char kAdminToken[] = "admin-token-admin-token";

class TlsAdminTest : public AdminTest {
 protected:
  TlsAdminTest() {
    options_.listen = "127.0.0.1:0";
    options_.admin_listen = "127.0.0.1:0";
    options_.auth.tokens_file =
        WriteTextFile(folder_ / "tokens", StrCat(kAdminToken,
                                                 " ops admin\n"
                                                 "certificate:ops.example ops admin\n"
                                                 "certificate:trainer.example trainer infer\n"));
  }

  void StartTlsServer(bool mutual) {
    options_.tls = tls_.WriteServerFiles(folder_, mutual);
    StartServer();
  }

  static grpc::StatusCode ListModels(const std::shared_ptr<grpc::Channel>& channel, const std::string& token = "") {
    grpc::ClientContext context;
    if (!token.empty()) context.AddMetadata("authorization", StrCat("Bearer ", token));
    v1::ListAllModelsResponse response;
    return v1::Admin::NewStub(channel)->ListModels(&context, {}, &response).error_code();
  }

  // As a client whose certificate is for `name`.
  std::shared_ptr<grpc::Channel> ConnectAs(const std::string& name) const {
    return tls_.ConnectAs({.common_name = name, .alternative_names = StrCat("DNS:", name)}, server_->admin_address());
  }

  const TestTls tls_;
};

TEST_F(TlsAdminTest, F22_KnowsAdministratorsByTheirCertificates) {
  StartTlsServer(/*mutual=*/true);
  EXPECT_EQ(ListModels(ConnectAs("trainer.example")), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(ListModels(ConnectAs("stranger.example")), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ListModels(tls_.Connect(server_->admin_address())), grpc::StatusCode::UNAVAILABLE) << "no handshake";
  admin_ = v1::Admin::NewStub(ConnectAs("ops.example"));
  EXPECT_TRUE(Load("fake", 2, "large").ok());
  EXPECT_THAT(Models(), ElementsAre("fake:1 READY", "fake:2 READY"));
}

TEST_F(TlsAdminTest, F22_TakesTokensOverTlsOnly) {
  StartTlsServer(/*mutual=*/false);
  const auto secure = tls_.Connect(server_->admin_address());
  EXPECT_EQ(ListModels(secure, kAdminToken), grpc::StatusCode::OK);
  EXPECT_EQ(ListModels(secure), grpc::StatusCode::UNAUTHENTICATED);
  const auto plaintext = grpc::CreateChannel(server_->admin_address(), grpc::InsecureChannelCredentials());
  EXPECT_EQ(ListModels(plaintext, kAdminToken), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsAdminTest, AsksForATokenOnAUnixSocketToo) {
  options_.admin_listen = StrCat("unix:", folder_ / "admin.sock");
  StartTlsServer(/*mutual=*/true);
  const auto plaintext = grpc::CreateChannel(server_->admin_address(), grpc::InsecureChannelCredentials());
  EXPECT_EQ(ListModels(plaintext, kAdminToken), grpc::StatusCode::OK);
  EXPECT_EQ(ListModels(plaintext), grpc::StatusCode::UNAUTHENTICATED);
}

}  // namespace
}  // namespace vitok
