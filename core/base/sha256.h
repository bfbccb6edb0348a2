// SHA-256 digests. A target of its own: only what needs digests links OpenSSL.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

struct evp_md_ctx_st;  // of OpenSSL

namespace vitok {

// A digest that grows with its bytes. For one thread.
//
//   Sha256 digest;
//   digest.Update("ab");
//   digest.Update("c");
//   digest.Finish();  // that of "abc"
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::string_view bytes);

  // 64 lower-case hex digits; then it starts again with no bytes.
  std::string Finish();

  // Forgets all bytes.
  void Reset();

 private:
  evp_md_ctx_st* const context_;
};

// SHA-256 of a file's bytes as 64 lower-case hex digits. NOT_FOUND: no such file; INTERNAL with the system's reason: it
// cannot be read. Messages begin with the path.
absl::StatusOr<std::string> Sha256OfFile(const std::string& path);

}  // namespace vitok
