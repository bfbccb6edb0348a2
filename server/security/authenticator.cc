#include "server/security/authenticator.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "server/security/small_file.h"
#include "spdlog/spdlog.h"

namespace vitok {
namespace {

constexpr absl::string_view kScheme = "bearer ";

// One text for whatever is wrong: a caller who guesses learns nothing from it.
absl::Status Unauthenticated() {
  return absl::UnauthenticatedError(
      "the call carries no valid credential; expected metadata \"authorization: Bearer TOKEN\" or a client certificate "
      "that the server knows");
}

// nullptr unless this is one well-formed value of a known token.
const Identity* FindBearer(const TokenTable& table, const std::vector<std::string_view>& authorizations) {
  if (authorizations.size() != 1) return nullptr;
  const absl::string_view value = ToAbsl(authorizations[0]);
  if (!absl::StartsWithIgnoreCase(value, kScheme)) return nullptr;
  const absl::string_view token = absl::StripLeadingAsciiWhitespace(value.substr(kScheme.size()));
  return table.FindToken({token.data(), token.size()});
}

std::vector<std::string> CertificateNames(const grpc::AuthContext& context) {
  std::vector<std::string> names;
  const auto add = [&](const char* property) {
    for (const grpc::string_ref& value : context.FindPropertyValues(property)) {
      names.emplace_back(value.data(), value.size());
    }
  };
  add(GRPC_PEER_URI_PROPERTY_NAME);
  add(GRPC_PEER_DNS_PROPERTY_NAME);
  if (names.empty()) add(GRPC_X509_CN_PROPERTY_NAME);
  return names;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Authenticator>> Authenticator::Create(const AuthOptions& options,
                                                                     absl::Duration reload_interval) {
  std::unique_ptr<Authenticator> authenticator(new Authenticator(options));
  if (options.tokens_file.empty()) return authenticator;
  authenticator->watch_ = std::make_unique<FileWatch>(std::vector<std::string>{options.tokens_file}, reload_interval);
  VITOK_RETURN_IF_ERROR(authenticator->Load());
  authenticator->watch_->Start([self = authenticator.get()] {
    const absl::Status status = self->Load();
    if (!status.ok()) spdlog::error("{}; the entries read before stay in force", std::string(status.message()));
  });
  return authenticator;
}

absl::Status Authenticator::Load() {
  const auto error = [](const absl::Status& status, std::string_view text) {
    return absl::Status(status.code(), StrCat("auth.tokens_file ", text, status.message()));
  };
  const absl::StatusOr<std::string> text = ReadSmallFile(options_.tokens_file);
  if (!text.ok()) return error(text.status(), "");
  absl::StatusOr<TokenTable> table = TokenTable::Parse(*text);
  if (!table.ok()) return error(table.status(), StrCat(options_.tokens_file, ": "));
  if (table->num_entries() == 0)
    spdlog::warn("auth.tokens_file {}: no entries; all calls are refused", options_.tokens_file);
  spdlog::info("read {} entries of {}", table->num_entries(), options_.tokens_file);
  if (table->has_clear_tokens()) {
    spdlog::warn("auth.tokens_file {}: holds tokens in the clear; prefer sha256: and their digests",
                 options_.tokens_file);
  }
  auto shared = std::make_shared<const TokenTable>(*std::move(table));
  absl::MutexLock lock(&mutex_);
  table_ = std::move(shared);
  return absl::OkStatus();
}

absl::StatusOr<Identity> Authenticator::Authenticate(const grpc::ServerContextBase& rpc, Role needed) const {
  std::vector<std::string_view> authorizations;
  const auto [begin, end] = rpc.client_metadata().equal_range("authorization");
  for (auto value = begin; value != end; ++value) {
    authorizations.emplace_back(value->second.data(), value->second.size());
  }
  const std::shared_ptr<const grpc::AuthContext> context = rpc.auth_context();
  return Authenticate(authorizations, CertificateNames(*context), needed);
}

absl::StatusOr<Identity> Authenticator::Authenticate(const std::vector<std::string_view>& authorizations,
                                                     const std::vector<std::string>& certificate_names,
                                                     Role needed) const {
  std::shared_ptr<const TokenTable> table;
  {
    absl::MutexLock lock(&mutex_);
    table = table_;
  }
  if (table == nullptr) {
    return Identity{.name = certificate_names.empty() ? "anonymous" : certificate_names.front(),
                    .roles = RoleSet::All()};
  }
  const Identity* identity =
      authorizations.empty() ? table->FindCertificate(certificate_names) : FindBearer(*table, authorizations);
  if (identity == nullptr) return Unauthenticated();
  if (!identity->roles.Has(needed)) {
    return absl::PermissionDeniedError(
        StrCat("identity '", identity->name, "' does not have the role '", RoleName(needed), "' that this call needs"));
  }
  return *identity;
}

}  // namespace vitok
