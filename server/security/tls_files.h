// The PEM files of the gRPC port's TLS, read and checked.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace vitok {

struct TlsOptions {
  std::string certificate_file;  // the server's certificate, then those between it and its CA; empty: no TLS
  std::string private_key_file;  // unencrypted; of the first certificate
  std::string client_ca_file;    // CAs that sign clients' certificates; empty: clients are not asked for one

  bool enabled() const { return !certificate_file.empty(); }
};

struct TlsFiles {
  std::string identity_pem;   // private key, then the certificates
  std::string client_ca_pem;  // empty: none
  absl::Time expiry;          // of the server's certificate
};

// INVALID_ARGUMENT (or what the system says) names field, file and reason: not readable, no PEM, an encrypted key, a
// key that is not the certificate's. REQUIRES: options.enabled().
absl::StatusOr<TlsFiles> ReadTlsFiles(const TlsOptions& options);

}  // namespace vitok
