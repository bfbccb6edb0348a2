// Real handshakes over loopback.
#include "server/security/tls_credentials.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "absl/synchronization/notification.h"
#include "core/base/str_cat.h"
#include "tests/support/eventually.h"
#include "tests/support/log_capture.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"
#include "tests/support/text_file.h"
#include "vitok/v1/tokenizer.grpc.pb.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kInterval = absl::Milliseconds(5);

class ListService final : public v1::Tokenizer::Service {
 public:
  std::function<void()> on_call = [] {};

  grpc::Status ListModels(grpc::ServerContext*, const v1::ListModelsRequest*, v1::ListModelsResponse*) override {
    on_call();
    return grpc::Status::OK;
  }
};

class TlsCredentialsTest : public ::testing::Test {
 protected:
  using Channel = std::shared_ptr<grpc::Channel>;

  ~TlsCredentialsTest() override {
    if (server_ != nullptr) server_->Shutdown();
  }

  void WriteServer(const TestCertificate& certificate) {
    WriteTextFile(options_.certificate_file, certificate.certificate_pem);
    WriteTextFile(options_.private_key_file, certificate.key_pem);
  }

  void Start() {
    WriteServer(Named("first"));
    auto tls = TlsCredentials::Create(options_, kInterval);
    ASSERT_TRUE(tls.ok()) << tls.status();
    tls_ = *std::move(tls);
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", tls_->credentials(), &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  TestCertificate Named(const std::string& name) const {
    return ca_.Issue({.common_name = name, .alternative_names = "DNS:localhost"});
  }

  // A new connection, at the first call.
  Channel Connect(const std::shared_ptr<grpc::ChannelCredentials>& credentials) const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(StrCat("localhost:", port_), credentials, arguments);
  }
  Channel ConnectTls(const std::string& roots, const TestCertificate& client = {}) const {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = roots;
    options.pem_cert_chain = client.certificate_pem;
    options.pem_private_key = client.key_pem;
    return Connect(grpc::SslCredentials(options));
  }

  // `seen_name`: the common name of the server's certificate.
  grpc::Status Call(const Channel& channel, std::string* seen_name = nullptr) const {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(60)));
    v1::ListModelsResponse response;
    const grpc::Status status = v1::Tokenizer::NewStub(channel)->ListModels(&context, {}, &response);
    if (seen_name != nullptr && status.ok()) {
      const auto names = context.auth_context()->FindPropertyValues(GRPC_X509_CN_PROPERTY_NAME);
      *seen_name = names.empty() ? "" : std::string(names[0].data(), names[0].size());
    }
    return status;
  }

  // What a new connection sees.
  std::string NewConnectionSees(const TestCertificate& client = {}) const {
    std::string name;
    const grpc::Status status = Call(ConnectTls(ca_.certificate_pem(), client), &name);
    return status.ok() ? name : status.error_message();
  }

  void ExpectRefused(const Channel& channel) const {
    const grpc::Status status = Call(channel);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
  }

  TempFolder folder_;
  LogCapture log_;
  const TestCa ca_, other_ca_;
  TlsOptions options_ = {.certificate_file = folder_ / "server.pem", .private_key_file = folder_ / "server.key"};
  std::unique_ptr<TlsCredentials> tls_;
  ListService service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

TEST_F(TlsCredentialsTest, ServesClientsThatTrustItsCa) {
  Start();
  EXPECT_EQ(NewConnectionSees(), "first");
}

TEST_F(TlsCredentialsTest, F22_RefusesPlaintext) {
  Start();
  ExpectRefused(Connect(grpc::InsecureChannelCredentials()));
  EXPECT_EQ(NewConnectionSees(), "first");
}

TEST_F(TlsCredentialsTest, IsRefusedByClientsThatTrustAnotherCa) {
  Start();
  ExpectRefused(ConnectTls(other_ca_.certificate_pem()));
}

TEST_F(TlsCredentialsTest, F22_RefusesClientsWithoutACertificateOfTheClientCa) {
  options_.client_ca_file = WriteTextFile(folder_ / "ca.pem", ca_.certificate_pem());
  Start();
  ExpectRefused(ConnectTls(ca_.certificate_pem()));
  ExpectRefused(ConnectTls(ca_.certificate_pem(), other_ca_.Issue({.common_name = "stranger"})));
  ExpectRefused(ConnectTls(ca_.certificate_pem(), ca_.Issue({.common_name = "late", .expires_in_s = -60})));
  EXPECT_EQ(NewConnectionSees(ca_.Issue({.common_name = "friend"})), "first");
}

TEST_F(TlsCredentialsTest, TakesARenewedCertificateWhileCallsAndConnectionsGoOn) {
  absl::Notification started, release;
  Start();
  service_.on_call = [&] {
    if (started.HasBeenNotified()) return;
    started.Notify();
    release.WaitForNotification();
  };
  const Channel old = ConnectTls(ca_.certificate_pem());
  std::thread running([&] { EXPECT_TRUE(Call(old).ok()); });
  started.WaitForNotification();
  WriteServer(Named("renewed"));
  EXPECT_TRUE(Eventually([&] { return NewConnectionSees() == "renewed"; }));
  std::string seen_by_old;
  EXPECT_TRUE(Call(old, &seen_by_old).ok());
  EXPECT_EQ(seen_by_old, "first") << "it is still the same connection";
  release.Notify();
  running.join();
}

TEST_F(TlsCredentialsTest, KnowsWhenTheCertificateInUseExpires) {
  Start();
  EXPECT_LT(tls_->expiry(), absl::Now() + absl::Hours(2));
  WriteServer(ca_.Issue({.common_name = "long", .alternative_names = "DNS:localhost", .expires_in_s = 90 * 86400}));
  EXPECT_TRUE(Eventually([&] { return tls_->expiry() > absl::Now() + absl::Hours(24 * 89); }));
}

TEST_F(TlsCredentialsTest, KeepsTheOldCertificateUntilTheNewFilesAreGoodTogether) {
  Start();
  const TestCertificate renewed = Named("renewed");
  WriteTextFile(options_.certificate_file, renewed.certificate_pem);
  EXPECT_TRUE(Eventually([&] { return log_.text().find("is not the key of the certificate") != std::string::npos; }));
  EXPECT_EQ(NewConnectionSees(), "first");
  WriteTextFile(options_.private_key_file, "garbage");
  EXPECT_TRUE(Eventually([&] { return log_.text().find("holds no private key") != std::string::npos; }));
  EXPECT_EQ(NewConnectionSees(), "first");
  WriteTextFile(options_.private_key_file, renewed.key_pem);
  EXPECT_TRUE(Eventually([&] { return NewConnectionSees() == "renewed"; }));
}

TEST_F(TlsCredentialsTest, TakesARenewedClientCa) {
  options_.client_ca_file = WriteTextFile(folder_ / "ca.pem", ca_.certificate_pem());
  Start();
  const TestCertificate before = ca_.Issue({.common_name = "before"});
  const TestCertificate after = other_ca_.Issue({.common_name = "after"});
  ASSERT_EQ(NewConnectionSees(before), "first");
  WriteTextFile(options_.client_ca_file, other_ca_.certificate_pem());
  EXPECT_TRUE(Eventually([&] { return NewConnectionSees(after) == "first"; }));
  EXPECT_NE(NewConnectionSees(before), "first");
}

}  // namespace
}  // namespace vitok
