#include "server/security/tls_credentials.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "spdlog/spdlog.h"

namespace vitok {
namespace {

using grpc::experimental::FileWatcherCertificateProvider;
using grpc::experimental::TlsServerCredentialsOptions;

constexpr unsigned kGrpcInterval_s = 1;  // the shortest that gRPC takes

void LogExpiry(const TlsOptions& options, const TlsFiles& files) {
  const std::string expiry = absl::FormatTime(absl::RFC3339_sec, files.expiry, absl::UTCTimeZone());
  if (files.expiry <= absl::Now()) {
    spdlog::warn("certificate {} has expired: {}", options.certificate_file, expiry);
  } else {
    spdlog::info("certificate {} is good until {}", options.certificate_file, expiry);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsCredentials>> TlsCredentials::Create(const TlsOptions& options,
                                                                       absl::Duration reload_interval) {
  std::unique_ptr<TlsCredentials> tls(new TlsCredentials(options));
  std::vector<std::string> paths = {options.certificate_file, options.private_key_file};
  if (!options.client_ca_file.empty()) paths.push_back(options.client_ca_file);
  tls->watch_ = std::make_unique<FileWatch>(std::move(paths), reload_interval);
  VITOK_ASSIGN_OR_RETURN(const TlsFiles files, ReadTlsFiles(options));
  tls->UseExpiry(files);
  VITOK_ASSIGN_OR_RETURN(tls->identity_, SwappableFile::Create(files.identity_pem));
  std::string client_ca_path;
  if (!files.client_ca_pem.empty()) {
    VITOK_ASSIGN_OR_RETURN(tls->client_ca_, SwappableFile::Create(files.client_ca_pem));
    client_ca_path = tls->client_ca_->path();
  }
  // Key and certificates are one file, so that gRPC cannot see a new key beside an old certificate.
  const std::string& identity_path = tls->identity_->path();
  TlsServerCredentialsOptions grpc_options(
      std::make_shared<FileWatcherCertificateProvider>(identity_path, identity_path, client_ca_path, kGrpcInterval_s));
  grpc_options.watch_identity_key_cert_pairs();
  if (tls->client_ca_ != nullptr) {
    grpc_options.watch_root_certs();
    grpc_options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  tls->credentials_ = grpc::experimental::TlsServerCredentials(grpc_options);
  tls->watch_->Start([self = tls.get()] {
    const absl::Status status = self->Reload();
    if (!status.ok()) spdlog::error("{}; the certificate read before stays in use", std::string(status.message()));
  });
  return tls;
}

void TlsCredentials::UseExpiry(const TlsFiles& files) {
  expiry_unix_seconds_ = absl::ToUnixSeconds(files.expiry);
  LogExpiry(options_, files);
}

absl::Status TlsCredentials::Reload() {
  VITOK_ASSIGN_OR_RETURN(const TlsFiles files, ReadTlsFiles(options_));
  if (client_ca_ != nullptr) VITOK_RETURN_IF_ERROR(client_ca_->Replace(files.client_ca_pem));
  VITOK_RETURN_IF_ERROR(identity_->Replace(files.identity_pem));
  UseExpiry(files);
  return absl::OkStatus();
}

}  // namespace vitok
