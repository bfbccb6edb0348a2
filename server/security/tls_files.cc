#include "server/security/tls_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "server/security/small_file.h"

namespace vitok {
namespace {

template <auto Function>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    Function(object);
  }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

// A file of the configuration, and the field that names it.
struct PemFile {
  std::string_view field;
  const std::string& path;

  absl::Status Error(std::string_view problem) const {
    return absl::InvalidArgumentError(StrCat(field, " ", path, ": ", problem));
  }
};

absl::StatusOr<std::string> Read(const PemFile& file) {
  absl::StatusOr<std::string> bytes = ReadSmallFile(file.path);
  if (bytes.ok()) return bytes;
  return absl::Status(bytes.status().code(), StrCat(file.field, " ", bytes.status().message()));
}

Bio Memory(const std::string& bytes) { return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size()))); }

// The first of at least one good certificate. gRPC itself skips what it cannot read, and fails at the first handshake.
absl::StatusOr<Certificate> ParseCertificates(const PemFile& file, const std::string& pem) {
  const Bio bio = Memory(pem);
  Certificate first;
  ERR_clear_error();
  while (Certificate next{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    if (first == nullptr) first = std::move(next);
  }
  // The end of the file looks like this; any other error is a broken certificate.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (first == nullptr && at_end) return file.Error("holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
  if (!at_end) return file.Error("holds a certificate that cannot be parsed");
  return first;
}

// Instead of asking at the terminal, which is what OpenSSL does by default.
int NoPassword(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

absl::StatusOr<Key> ParseKey(const PemFile& file, const std::string& pem) {
  bool is_encrypted = false;
  Key key(PEM_read_bio_PrivateKey(Memory(pem).get(), nullptr, &NoPassword, &is_encrypted));
  ERR_clear_error();
  if (key != nullptr) return key;
  if (is_encrypted) return file.Error("is encrypted; must be a private key without a password");
  return file.Error("holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)");
}

absl::Time Expiry(const X509& certificate) {
  tm time = {};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &time) != 1) return absl::InfiniteFuture();
  return absl::FromTM(time, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<TlsFiles> ReadTlsFiles(const TlsOptions& options) {
  const PemFile certificate_file{"tls.certificate_file", options.certificate_file};
  const PemFile key_file{"tls.private_key_file", options.private_key_file};
  VITOK_ASSIGN_OR_RETURN(const std::string chain_pem, Read(certificate_file));
  VITOK_ASSIGN_OR_RETURN(const std::string key_pem, Read(key_file));
  VITOK_ASSIGN_OR_RETURN(const Certificate certificate, ParseCertificates(certificate_file, chain_pem));
  VITOK_ASSIGN_OR_RETURN(const Key key, ParseKey(key_file, key_pem));
  const bool match = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (!match) return key_file.Error(StrCat("is not the key of the certificate in ", options.certificate_file));
  TlsFiles files{.identity_pem = StrCat(key_pem, "\n", chain_pem), .expiry = Expiry(*certificate)};
  if (options.client_ca_file.empty()) return files;
  const PemFile client_ca_file{"tls.client_ca_file", options.client_ca_file};
  VITOK_ASSIGN_OR_RETURN(files.client_ca_pem, Read(client_ca_file));
  VITOK_RETURN_IF_ERROR(ParseCertificates(client_ca_file, files.client_ca_pem).status());
  return files;
}

}  // namespace vitok
