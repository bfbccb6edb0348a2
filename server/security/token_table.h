// The tokens file: who holds which credential.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/security/identity.h"

namespace vitok {

// A line an entry: credential, name of the identity, roles. '#' begins a comment.
//
//   # credential                                     identity   roles
//   sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4...  trainer    infer        the digest of a token: preferred
//   correct-horse-battery-staple                     notebook   infer        the token itself
//   certificate:ops.example.org                      ops        infer,admin  a name in a client's certificate
//
// Immutable, and so thread-safe. Keeps digests only: a token in the file is forgotten once it is read.
class TokenTable {
 public:
  // INVALID_ARGUMENT names line and problem, but quotes nothing of the line: it may be a token.
  static absl::StatusOr<TokenTable> Parse(std::string_view text);

  // nullptr if nobody has this token. Takes the same time for every token of the same length.
  const Identity* FindToken(std::string_view token) const;

  // The identity of the first entry that has one of these names; nullptr if there is none.
  const Identity* FindCertificate(const std::vector<std::string>& names) const;

  size_t num_entries() const { return tokens_.size() + certificates_.size(); }
  // True if some line holds a token, not its digest.
  bool has_clear_tokens() const { return has_clear_tokens_; }

 private:
  using Digest = std::array<uint8_t, 32>;  // SHA-256
  struct TokenEntry {
    Digest digest;
    Identity identity;
  };
  struct CertificateEntry {
    std::string name;
    Identity identity;
  };

  static Digest DigestOf(std::string_view token);
  absl::Status AddLine(std::string_view line);
  absl::Status AddToken(const Digest& digest, Identity identity);

  std::vector<TokenEntry> tokens_;
  std::vector<CertificateEntry> certificates_;
  bool has_clear_tokens_ = false;
};

}  // namespace vitok
