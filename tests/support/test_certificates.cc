#include "tests/support/test_certificates.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstdlib>

namespace vitok {
namespace {

void Check(bool good) {
  if (!good) std::abort();
}

// What `write` puts into a BIO, as a string.
template <typename Write>
std::string ToPem(Write write) {
  BIO* bio = BIO_new(BIO_s_mem());
  Check(write(bio) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, size);
  BIO_free(bio);
  return pem;
}

std::string CertificatePem(X509* certificate) {
  return ToPem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

// Authorities of one name would be taken for each other, up to the signature.
std::string NextCaName() {
  static std::atomic<int> count{0};
  return "test CA " + std::to_string(++count);
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  Check(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

}  // namespace

TestCa::TestCa()
    : key_(EVP_EC_gen("P-256")),
      certificate_(Make({.common_name = NextCaName()}, key_.get(), nullptr, key_.get())),
      pem_(CertificatePem(certificate_.get())) {}

TestCa::Certificate TestCa::Make(const TestSubject& subject, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  Certificate certificate(X509_new());
  X509* const x509 = certificate.get();
  Check(X509_set_version(x509, X509_VERSION_3) == 1);
  uint32_t serial = 0;
  Check(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial)) == 1);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial);
  X509_gmtime_adj(X509_getm_notBefore(x509), -7200);
  X509_gmtime_adj(X509_getm_notAfter(x509), subject.expires_in_s);
  X509_NAME* name = X509_get_subject_name(x509);
  Check(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(subject.common_name.c_str()), -1, -1,
                                   0) == 1);
  Check(X509_set_issuer_name(x509, issuer != nullptr ? X509_get_subject_name(issuer) : name) == 1);
  Check(X509_set_pubkey(x509, key) == 1);
  AddExtension(x509, issuer != nullptr ? issuer : x509, NID_basic_constraints,
               issuer != nullptr ? "critical,CA:FALSE" : "critical,CA:TRUE");
  if (!subject.alternative_names.empty()) {
    AddExtension(x509, issuer != nullptr ? issuer : x509, NID_subject_alt_name, subject.alternative_names);
  }
  Check(X509_sign(x509, issuer_key, EVP_sha256()) > 0);
  return certificate;
}

TestCertificate TestCa::Issue(const TestSubject& subject) const {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate = Make(subject, key.get(), certificate_.get(), key_.get());
  return {CertificatePem(certificate.get()), ToPem([&](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

std::string EncryptKey(const std::string& key_pem, const std::string& password) {
  BIO* bio = BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  Check(key != nullptr);
  std::string encrypted = ToPem([&](BIO* out) {
    return PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(), password.data(),
                                         static_cast<int>(password.size()), nullptr, nullptr);
  });
  EVP_PKEY_free(key);
  BIO_free(bio);
  return encrypted;
}

}  // namespace vitok
