// TLS of the gRPC port, with certificates that can be renewed while it serves.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "server/security/file_watch.h"
#include "server/security/swappable_file.h"
#include "server/security/tls_files.h"

namespace vitok {

// TLS 1.2 or newer. With client_ca_file every client must show a certificate that one of those CAs signed; the
// handshake of any other fails.
//
// The files are read again when they change. New ones that are good together are used for handshakes from then on, a
// few seconds later; connections that stand go on as they are. New ones that are not good (a key that does not belong
// to the certificate, because only one of the two files has been replaced yet) leave the old ones in use and log an
// error: gRPC's own watcher would take them, and refuse every new connection.
//
//   VITOK_ASSIGN_OR_RETURN(std::unique_ptr<TlsCredentials> tls, TlsCredentials::Create(options));
//   builder.AddListeningPort("0.0.0.0:8500", tls->credentials());
//
// Must outlive the gRPC server. Thread-safe.
class TlsCredentials {
 public:
  // Errors as ReadTlsFiles has them. `reload_interval`: how often to look at the files. REQUIRES: options.enabled().
  static absl::StatusOr<std::unique_ptr<TlsCredentials>> Create(const TlsOptions& options,
                                                                absl::Duration reload_interval = absl::Seconds(1));

  const std::shared_ptr<grpc::ServerCredentials>& credentials() const { return credentials_; }

  // Of the server's certificate in use.
  absl::Time expiry() const { return absl::FromUnixSeconds(expiry_unix_seconds_); }

 private:
  explicit TlsCredentials(const TlsOptions& options) : options_(options) {}

  absl::Status Reload();
  void UseExpiry(const TlsFiles& files);

  const TlsOptions options_;
  std::atomic<int64_t> expiry_unix_seconds_{0};
  // What gRPC watches; of the watch's thread once that runs.
  std::unique_ptr<SwappableFile> identity_;
  std::unique_ptr<SwappableFile> client_ca_;  // nullptr: none
  std::shared_ptr<grpc::ServerCredentials> credentials_;
  std::unique_ptr<FileWatch> watch_;  // last: its thread uses all of the above
};

}  // namespace vitok
