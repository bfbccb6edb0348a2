#include "server/security/token_table.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr std::string_view kDigestPrefix = "sha256:";
constexpr std::string_view kCertificatePrefix = "certificate:";
constexpr size_t kMinTokenBytes = 16;
constexpr size_t kMaxTokenBytes = 4096;
constexpr size_t kMaxNameBytes = 128;

bool HasPrefix(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

bool IsHexDigest(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return absl::ascii_isxdigit(c); });
}

// RFC 6750's characters of a bearer token.
bool IsToken(std::string_view text) {
  return text.size() >= kMinTokenBytes && text.size() <= kMaxTokenBytes &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || std::string_view("-._~+/=").find(c) != std::string_view::npos;
         });
}

bool IsName(std::string_view text) {
  return text.size() <= kMaxNameBytes && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || std::string_view("-._/:@").find(c) != std::string_view::npos;
         });
}

absl::StatusOr<RoleSet> ParseRoles(absl::string_view text) {
  RoleSet roles;
  for (const absl::string_view name : absl::StrSplit(text, ',')) {
    const std::optional<Role> role = ParseRole({name.data(), name.size()});
    if (!role.has_value()) {
      return absl::InvalidArgumentError("the roles must be infer, admin or infer,admin");
    }
    roles.Add(*role);
  }
  return roles;
}

}  // namespace

TokenTable::Digest TokenTable::DigestOf(std::string_view token) {
  Digest digest = {};
  // Fails only without memory.
  EVP_Digest(token.data(), token.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return digest;
}

absl::StatusOr<TokenTable> TokenTable::Parse(std::string_view text) {
  TokenTable table;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(ToAbsl(text), '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    if (const absl::Status status = table.AddLine({line.data(), line.size()}); !status.ok()) {
      return absl::InvalidArgumentError(StrCat("line ", number, ": ", status.message()));
    }
  }
  return table;
}

absl::Status TokenTable::AddLine(std::string_view line) {
  const std::vector<std::string> fields = absl::StrSplit(ToAbsl(line), absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (fields.size() != 3) {
    return absl::InvalidArgumentError(
        StrCat("must have three fields, credential, identity and roles; has ", fields.size()));
  }
  const std::string_view credential = fields[0];
  if (!IsName(fields[1])) {
    return absl::InvalidArgumentError(
        StrCat("the identity must be 1 to ", kMaxNameBytes, " letters, digits, '-', '.', '_', '/', ':', '@'"));
  }
  Identity identity{.name = fields[1]};
  VITOK_ASSIGN_OR_RETURN(identity.roles, ParseRoles(fields[2]));
  if (HasPrefix(credential, kCertificatePrefix)) {
    const std::string_view name = credential.substr(kCertificatePrefix.size());
    if (name.empty()) return absl::InvalidArgumentError("must have a name after 'certificate:'");
    if (FindCertificate({std::string(name)}) != nullptr) {
      return absl::InvalidArgumentError("the certificate's name stands on an earlier line too");
    }
    certificates_.push_back({std::string(name), std::move(identity)});
    return absl::OkStatus();
  }
  if (HasPrefix(credential, kDigestPrefix)) {
    const std::string_view hex = credential.substr(kDigestPrefix.size());
    if (!IsHexDigest(hex)) {
      return absl::InvalidArgumentError(
          StrCat("'sha256:' must be followed by 64 hexadecimal digits; has ", hex.size()));
    }
    Digest digest;
    const std::string bytes = absl::HexStringToBytes(ToAbsl(hex));
    std::copy(bytes.begin(), bytes.end(), digest.begin());
    return AddToken(digest, std::move(identity));
  }
  if (!IsToken(credential)) {
    return absl::InvalidArgumentError(
        StrCat("the credential must be 'sha256:' and a digest, 'certificate:' and a name, or ", kMinTokenBytes, " to ",
               kMaxTokenBytes, " letters, digits, '-', '.', '_', '~', '+', '/', '='"));
  }
  has_clear_tokens_ = true;
  return AddToken(DigestOf(credential), std::move(identity));
}

absl::Status TokenTable::AddToken(const Digest& digest, Identity identity) {
  for (const TokenEntry& entry : tokens_) {
    if (entry.digest == digest) return absl::InvalidArgumentError("the token stands on an earlier line too");
  }
  tokens_.push_back({digest, std::move(identity)});
  return absl::OkStatus();
}

const Identity* TokenTable::FindToken(std::string_view token) const {
  const Digest digest = DigestOf(token);
  const Identity* found = nullptr;
  // No early end, and digests of equal length: the time tells nothing about which bytes or entries match.
  for (const TokenEntry& entry : tokens_) {
    if (CRYPTO_memcmp(entry.digest.data(), digest.data(), digest.size()) == 0) found = &entry.identity;
  }
  return found;
}

const Identity* TokenTable::FindCertificate(const std::vector<std::string>& names) const {
  for (const CertificateEntry& entry : certificates_) {
    if (std::find(names.begin(), names.end(), entry.name) != names.end()) return &entry.identity;
  }
  return nullptr;
}

}  // namespace vitok
