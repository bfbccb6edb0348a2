// TLS between a server in this process and its clients, with certificates made for one test.
#pragma once

#include <memory>
#include <string>

#include "grpcpp/grpcpp.h"
#include "server/security/tls_files.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"
#include "tests/support/text_file.h"

namespace vitok {

class TestTls {
 public:
  // Writes the files of a server at 127.0.0.1 into `folder`. `mutual`: it asks for clients' certificates.
  TlsOptions WriteServerFiles(const TempFolder& folder, bool mutual) const {
    const TestCertificate server = ca_.Issue({.common_name = "server", .alternative_names = "IP:127.0.0.1"});
    return {.certificate_file = WriteTextFile(folder / "server.pem", server.certificate_pem),
            .private_key_file = WriteTextFile(folder / "server.key", server.key_pem),
            .client_ca_file = mutual ? WriteTextFile(folder / "ca.pem", ca_.certificate_pem()) : ""};
  }

  // As a client without a certificate.
  std::shared_ptr<grpc::Channel> Connect(const std::string& address) const { return Connect(address, {}); }

  // As a client that is `subject`.
  std::shared_ptr<grpc::Channel> ConnectAs(const TestSubject& subject, const std::string& address) const {
    return Connect(address, ca_.Issue(subject));
  }

 private:
  std::shared_ptr<grpc::Channel> Connect(const std::string& address, const TestCertificate& client) const {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ca_.certificate_pem();
    options.pem_cert_chain = client.certificate_pem;
    options.pem_private_key = client.key_pem;
    return grpc::CreateChannel(address, grpc::SslCredentials(options));
  }

  const TestCa ca_;
};

}  // namespace vitok
