// Who makes a call, and whether they may.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "server/security/file_watch.h"
#include "server/security/identity.h"
#include "server/security/token_table.h"

namespace vitok {

struct AuthOptions {
  std::string tokens_file;  // empty: everyone may do everything
};

// To be asked first in every call of every service, before anything of the request is looked at:
//
//   VITOK_ASSIGN_OR_RETURN(Identity identity, authenticator->Authenticate(*rpc, Role::kAdmin));
//
// A caller is known by a bearer token (metadata "authorization: Bearer TOKEN") or, without one, by the names in the
// certificate that TLS verified (URI and DNS names; the common name if it has none of them). Without a tokens file all
// roles are given to everyone, under the certificate's first name or "anonymous".
//
// The tokens file is read again when it changes; one that cannot be read or parsed leaves the old entries in force and
// logs an error. Thread-safe; Authenticate never blocks on files.
class Authenticator {
 public:
  // `reload_interval`: how often to look at the file. Errors name the file, and the line that is wrong.
  static absl::StatusOr<std::unique_ptr<Authenticator>> Create(const AuthOptions& options,
                                                               absl::Duration reload_interval = absl::Seconds(1));

  // UNAUTHENTICATED: no credential, or one that nobody has; the message is the same. PERMISSION_DENIED: the caller is
  // known and does not have the role.
  absl::StatusOr<Identity> Authenticate(const grpc::ServerContextBase& rpc, Role needed) const;

  // The same for what a call carries: its "authorization" metadata, and the names in its verified certificate.
  absl::StatusOr<Identity> Authenticate(const std::vector<std::string_view>& authorizations,
                                        const std::vector<std::string>& certificate_names, Role needed) const;

 private:
  explicit Authenticator(const AuthOptions& options) : options_(options) {}

  absl::Status Load();

  const AuthOptions options_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const TokenTable> table_ ABSL_GUARDED_BY(mutex_);  // nullptr: no tokens file
  std::unique_ptr<FileWatch> watch_;                                 // last: its thread uses all of the above
};

}  // namespace vitok
