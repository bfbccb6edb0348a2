// What a user says on the command line about TLS and tokens.
#pragma once

#include <string>

namespace vitok {

struct CredentialOptions {
  bool tls = false;  // each of the following asks for TLS too
  std::string tls_ca_file;
  std::string tls_cert_file;
  std::string tls_key_file;
  std::string tls_server_name;
  std::string token_file;  // empty: the token of the environment
  std::string environment_token;
};

}  // namespace vitok
