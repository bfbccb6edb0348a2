#include "core/base/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/strings/escaping.h"
#include "core/base/str_cat.h"

namespace vitok {

Sha256::Sha256() : context_(EVP_MD_CTX_new()) { Reset(); }

Sha256::~Sha256() { EVP_MD_CTX_free(context_); }

void Sha256::Update(std::string_view bytes) { EVP_DigestUpdate(context_, bytes.data(), bytes.size()); }

std::string Sha256::Finish() {
  std::array<unsigned char, 32> digest = {};
  EVP_DigestFinal_ex(context_, digest.data(), nullptr);
  Reset();
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

void Sha256::Reset() { EVP_DigestInit_ex(context_, EVP_sha256(), nullptr); }

absl::StatusOr<std::string> Sha256OfFile(const std::string& path) {
  constexpr size_t kChunkBytes = size_t{1} << 20;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (file == nullptr) {
    const absl::StatusCode code = errno == ENOENT ? absl::StatusCode::kNotFound : absl::StatusCode::kInternal;
    return absl::Status(code, StrCat(path, ": ", std::strerror(errno)));
  }
  Sha256 digest;
  std::vector<char> chunk(kChunkBytes);
  while (const size_t got = std::fread(chunk.data(), 1, chunk.size(), file.get())) digest.Update({chunk.data(), got});
  if (std::ferror(file.get()) != 0) return absl::InternalError(StrCat(path, ": ", std::strerror(errno)));
  return digest.Finish();
}

}  // namespace vitok
