// Certificates made for one test, so that none in the repository can expire.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace vitok {

struct TestCertificate {
  std::string certificate_pem;
  std::string key_pem;
};

// What a certificate says of its holder.
struct TestSubject {
  std::string common_name;
  std::string alternative_names;  // "DNS:localhost,IP:127.0.0.1", "URI:spiffe://x/y"; empty: none
  int expires_in_s = 3600;        // negative: expired
};

// A certificate authority, with a key of its own each time. Aborts where OpenSSL fails.
//
//   TestCa ca;
//   TestCertificate server = ca.Issue({.common_name = "server", .alternative_names = "DNS:localhost"});
class TestCa {
 public:
  TestCa();

  const std::string& certificate_pem() const { return pem_; }
  TestCertificate Issue(const TestSubject& subject) const;

 private:
  struct FreeKey {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  struct FreeCertificate {
    void operator()(X509* certificate) const { X509_free(certificate); }
  };
  using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
  using Certificate = std::unique_ptr<X509, FreeCertificate>;

  // Signed by `issuer`, or by itself for nullptr.
  static Certificate Make(const TestSubject& subject, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key);

  const Key key_;
  const Certificate certificate_;
  const std::string pem_;
};

// The key in PEM form, encrypted with `password`.
std::string EncryptKey(const std::string& key_pem, const std::string& password);

}  // namespace vitok
