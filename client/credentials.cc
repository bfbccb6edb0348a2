#include "client/credentials.h"

#include <arpa/inet.h>
#include <grpc/grpc_security_constants.h>

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

bool IsUnix(std::string_view target) { return target.starts_with("unix:"); }

// True if what is sent to the target does not leave this machine.
bool IsLocal(const std::string& target) {
  const std::string host = target.substr(0, target.rfind(':'));
  in_addr ipv4 = {};
  if (inet_pton(AF_INET, host.c_str(), &ipv4) == 1) return (ntohl(ipv4.s_addr) >> 24) == 127;
  return IsUnix(target) || host == "localhost" || host == "[::1]";
}

absl::Status CheckPem(std::string_view what, const std::string& pem, std::string_view kind) {
  if (absl::StrContains(pem, "-----BEGIN ") && absl::StrContains(pem, StrCat(kind, "-----"))) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat(what, " must be in PEM form (-----BEGIN ", kind, "-----); was not"));
}

absl::Status CheckTls(const std::string& target, const TlsClientOptions& tls) {
  if (IsUnix(target)) {
    return absl::InvalidArgumentError(StrCat("TLS is for servers at host:port; was asked for with ", target));
  }
  if (!tls.ca_pem.empty()) VITOK_RETURN_IF_ERROR(CheckPem("the CA certificate", tls.ca_pem, "CERTIFICATE"));
  if (tls.certificate_pem.empty() != tls.key_pem.empty()) {
    return absl::InvalidArgumentError(StrCat("a client certificate and its key must be given together; was only the ",
                                             tls.key_pem.empty() ? "certificate" : "key"));
  }
  if (tls.certificate_pem.empty()) return absl::OkStatus();
  VITOK_RETURN_IF_ERROR(CheckPem("the client certificate", tls.certificate_pem, "CERTIFICATE"));
  return CheckPem("the key of the client certificate", tls.key_pem, "PRIVATE KEY");
}

absl::Status CheckToken(const std::string& target, const TokenizerClientOptions& options) {
  if (options.token.empty()) return absl::OkStatus();
  if (!std::all_of(options.token.begin(), options.token.end(),
                   [](unsigned char c) { return absl::ascii_isgraph(c); })) {
    return absl::InvalidArgumentError("a token must be of visible ASCII characters without spaces; was not");
  }
  if (options.tls.has_value() || IsLocal(target)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("a token is sent to another machine over TLS only; no TLS was asked for with ", target));
}

}  // namespace

absl::Status CheckCredentials(const std::string& target, const TokenizerClientOptions& options) {
  if (options.tls.has_value()) VITOK_RETURN_IF_ERROR(CheckTls(target, *options.tls));
  return CheckToken(target, options);
}

std::shared_ptr<grpc::ChannelCredentials> MakeCredentials(const std::optional<TlsClientOptions>& tls,
                                                          grpc::ChannelArguments& arguments) {
  if (!tls.has_value()) return grpc::InsecureChannelCredentials();
  if (!tls->server_name.empty()) arguments.SetSslTargetNameOverride(tls->server_name);
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = tls->ca_pem;
  options.pem_cert_chain = tls->certificate_pem;
  options.pem_private_key = tls->key_pem;
  return grpc::SslCredentials(options);
}

std::string ExplainUnreachable(const std::string& target, const std::optional<TlsClientOptions>& tls,
                               const std::string& error) {
  const auto says = [&error](std::string_view text) { return absl::StrContains(error, ToAbsl(text)); };
  const std::string server = StrCat("the server at ", target);
  // A server that wants TLS, or another certificate, hangs up without a word.
  if (!tls.has_value()) {
    return says("Socket closed") || says("Connection reset")
               ? StrCat(server, " closed the connection; it may speak TLS only")
               : StrCat("no server at ", target);
  }
  if (says("certificate verify failed")) {
    return StrCat(server, " presented a certificate that no CA of ",
                  tls->ca_pem.empty() ? "this system" : "those given", " has signed, or that has expired");
  }
  if (says("is not in peer certificate")) {
    const std::string name = tls->server_name.empty() ? target.substr(0, target.rfind(':')) : tls->server_name;
    return StrCat(server, " presented a certificate that is not for the name '", name, "'");
  }
  if (says("wrong version number")) return StrCat(server, " does not speak TLS");
  if (says("empty address list")) return "the client certificate and its key cannot be used together";
  if (says("Socket closed") || says("Connection reset")) {
    return StrCat(server, " closed the connection; it may ",
                  tls->certificate_pem.empty() ? "ask for a client certificate" : "not trust this client certificate");
  }
  return StrCat("no server at ", target);
}

}  // namespace vitok
