// Who may call a server, and what a connection may take of it.
#include <gmock/gmock.h>

#include <thread>

#include "absl/synchronization/notification.h"
#include "tests/server/raw_call.h"
#include "tests/server/server_fixture.h"
#include "tests/server/test_tls.h"
#include "tests/support/eventually.h"
#include "tests/support/log_capture.h"
#include "tests/support/text_file.h"

namespace vitok {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kInferToken[] = "infer-token-infer-token";
constexpr char kAdminToken[] = "admin-token-admin-token";

class SecureServerTest : public ServerTest {
 protected:
  SecureServerTest() {
    options_.auth.tokens_file =
        WriteTextFile(folder_ / "tokens", StrCat(kInferToken, " trainer infer\n", kAdminToken, " ops admin\n"));
  }

  static grpc::Status ListModels(v1::Tokenizer::Stub& stub, const std::string& token) {
    grpc::ClientContext context;
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
    v1::ListModelsResponse response;
    return stub.ListModels(&context, {}, &response);
  }

  grpc::Status EncodeAs(const std::string& token, const v1::EncodeRequest& request) {
    grpc::ClientContext context;
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
    v1::EncodeResponse response;
    return stub_->Encode(&context, request, &response);
  }

  LogCapture log_;
};

TEST_F(SecureServerTest, F22_AsksForATokenBeforeItLooksAtTheRequest) {
  StartServer();
  v1::EncodeRequest nonsense;  // no items, and no such model
  nonsense.set_model("unknown");
  for (const char* token : {"", "wrong-token-wrong-token"}) {
    EXPECT_EQ(EncodeAs(token, nonsense).error_code(), grpc::StatusCode::UNAUTHENTICATED);
    EXPECT_EQ(ListModels(*stub_, token).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  }
  EXPECT_EQ(EncodeAs("", nonsense).error_message(), EncodeAs("wrong-token-wrong-token", nonsense).error_message());
  EXPECT_EQ(EncodeAs(kAdminToken, nonsense).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(ListModels(*stub_, kAdminToken).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(EncodeAs(kInferToken, nonsense).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(ListModels(*stub_, kInferToken).ok());
  EXPECT_TRUE(EncodeAs(kInferToken, EncodeOf(Raw(Image(2, 2)))).ok());
  EXPECT_TRUE(control_->batches().size() == 1);
}

TEST_F(SecureServerTest, LogsWhoCallsAndNoToken) {
  StartServer();
  EXPECT_TRUE(EncodeAs(kInferToken, EncodeOf(Raw(Image(2, 2)))).ok());
  EXPECT_FALSE(EncodeAs("wrong-token-wrong-token", EncodeOf(Raw(Image(2, 2)))).ok());
  EXPECT_FALSE(ListModels(*stub_, "wrong-token-wrong-token").ok());
  server_.reset();
  EXPECT_THAT(log_.text(), AllOf(HasSubstr("identity=trainer method=Encode"), HasSubstr("code=UNAUTHENTICATED"),
                                 HasSubstr("method=ListModels code=UNAUTHENTICATED"), HasSubstr("peer=")));
  EXPECT_THAT(log_.text(), AllOf(Not(HasSubstr(kInferToken)), Not(HasSubstr(kAdminToken)), Not(HasSubstr("wrong"))));
}

TEST_F(SecureServerTest, AnswersHealthAndReflectionWithoutAToken) {
  StartServer();
  EXPECT_EQ(Health("vitok.v1.Tokenizer"), kServing);
  EXPECT_THAT(CallRaw(channel_, kReflection, kListServices).message, HasSubstr("vitok.v1.Tokenizer"));
}

TEST_F(SecureServerTest, HasNoReflectionIfItIsOff) {
  options_.reflection = false;
  StartServer();
  EXPECT_EQ(CallRaw(channel_, kReflection, kListServices).status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(Health(""), kServing);
}

TEST_F(SecureServerTest, NamesTheFilesThatItCannotUse) {
  options_.auth.tokens_file = folder_ / "none";
  EXPECT_EQ(Server::Start(options_, load_).status().message(),
            StrCat("auth.tokens_file ", folder_ / "none", ": No such file or directory"));
  options_.auth.tokens_file = "";
  options_.tls = {.certificate_file = folder_ / "none", .private_key_file = folder_ / "none"};
  EXPECT_EQ(Server::Start(options_, load_).status().message(),
            StrCat("tls.certificate_file ", folder_ / "none", ": No such file or directory"));
}

// A server with TLS on a free port of loopback.
class TlsServerTest : public SecureServerTest {
 protected:
  TlsServerTest() { options_.listen = "127.0.0.1:0"; }

  void StartTlsServer(bool mutual) {
    options_.tls = tls_.WriteServerFiles(folder_, mutual);
    StartServer();
  }

  std::unique_ptr<v1::Tokenizer::Stub> Connect() const {
    return v1::Tokenizer::NewStub(tls_.Connect(server_->address()));
  }
  std::unique_ptr<v1::Tokenizer::Stub> ConnectAs(const TestSubject& subject) const {
    return v1::Tokenizer::NewStub(tls_.ConnectAs(subject, server_->address()));
  }

  const TestTls tls_;
};

TEST_F(TlsServerTest, TakesTokensOverTls) {
  StartTlsServer(/*mutual=*/false);
  const auto stub = Connect();
  EXPECT_TRUE(ListModels(*stub, kInferToken).ok());
  EXPECT_EQ(ListModels(*stub, "").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ListModels(*stub_, kInferToken).error_code(), grpc::StatusCode::UNAVAILABLE) << "plaintext";
}

TEST_F(TlsServerTest, F22_KnowsCallersByTheirCertificates) {
  WriteTextFile(options_.auth.tokens_file,
                "certificate:spiffe://here/a a infer\ncertificate:b.example b admin\ncertificate:only-cn c infer\n");
  StartTlsServer(/*mutual=*/true);
  const auto list = [this](const TestSubject& subject) { return ListModels(*ConnectAs(subject), ""); };
  EXPECT_TRUE(list({.common_name = "x", .alternative_names = "DNS:z.example,URI:spiffe://here/a"}).ok());
  EXPECT_TRUE(list({.common_name = "only-cn"}).ok());
  EXPECT_EQ(list({.common_name = "x", .alternative_names = "DNS:b.example"}).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(list({.common_name = "stranger"}).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(list({.common_name = "only-cn", .alternative_names = "DNS:other.example"}).error_code(),
            grpc::StatusCode::UNAUTHENTICATED)
      << "a common name counts only where there is no other name";
  EXPECT_EQ(ListModels(*Connect(), "").error_code(), grpc::StatusCode::UNAVAILABLE) << "no certificate: no handshake";
}

TEST_F(TlsServerTest, NamesCallersAfterTheirCertificatesWithoutATokensFile) {
  options_.auth.tokens_file = "";
  StartTlsServer(/*mutual=*/true);
  grpc::ClientContext context;
  v1::EncodeResponse response;
  EXPECT_TRUE(ConnectAs({.common_name = "gateway"})->Encode(&context, EncodeOf(Raw(Image(2, 2))), &response).ok());
  server_.reset();
  EXPECT_THAT(log_.text(), HasSubstr("identity=gateway"));
}

TEST_F(ServerTest, F23_RefusesMetadataAboveItsLimit) {
  options_.connections.max_metadata_bytes = 4096;
  StartServer();
  for (const size_t size : {1000, 10'000}) {
    grpc::ClientContext context;
    context.AddMetadata("x-padding", std::string(size, 'x'));
    v1::ListModelsResponse response;
    const grpc::Status status = stub_->ListModels(&context, {}, &response);
    EXPECT_EQ(status.error_code(), size < 4096 ? grpc::StatusCode::OK : grpc::StatusCode::RESOURCE_EXHAUSTED)
        << status.error_message();
  }
  // gRPC 1.51 then closes the connection; a call that is sent before the client knows would break off with it.
  EXPECT_TRUE(channel_->WaitForStateChange(GRPC_CHANNEL_READY, absl::ToChronoTime(absl::Now() + absl::Minutes(1))));
  ExpectGoodService();
}

TEST_F(ServerTest, F23_KeepsCallsBeyondTheStreamsOfAConnectionAtTheClient) {
  options_.connections.max_streams = 2;
  absl::Notification release;
  control_->hook = [&](const std::vector<int64_t>&) {
    release.WaitForNotification();
    return absl::OkStatus();
  };
  StartServer();
  std::vector<std::thread> callers;
  for (int i = 0; i < 2; ++i) {
    callers.emplace_back([this] { EXPECT_TRUE(Encode(EncodeOf(Raw(Image(2, 2)))).ok()); });
  }
  EXPECT_TRUE(Eventually([this] { return Metric("vitok_queued_requests{device=\"cpu\"}") == 2; }));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Milliseconds(50)));
  v1::ListModelsResponse response;
  EXPECT_EQ(stub_->ListModels(&context, {}, &response).error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  release.Notify();
  for (std::thread& caller : callers) caller.join();
  ExpectGoodService();
}

TEST_F(ServerTest, SendsOldConnectionsAwayAndServesTheirCalls) {
  options_.connections.max_age = absl::Milliseconds(20);
  options_.connections.max_age_grace = absl::Seconds(60);
  StartServer();
  ExpectGoodService();
  // gRPC's channel becomes idle once the server has told it to go, and the next call connects anew.
  EXPECT_TRUE(Eventually([this] { return channel_->GetState(false) == GRPC_CHANNEL_IDLE; }));
  ExpectGoodService();
}

}  // namespace
}  // namespace vitok
