#include "client/cli/connection.h"

#include <cstdio>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "client/call_status.h"
#include "client/cli/file_io.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

void PrintErrorLine(const std::string& line) {
  // One line a problem, whatever the server wrote.
  std::fprintf(stderr, "vitok: %s\n", absl::StrReplaceAll(line, {{"\n", " "}, {"\r", " "}}).c_str());
}

// The text of a file that an option names, "" without one.
absl::StatusOr<std::string> ReadOptional(const std::string& path) {
  return path.empty() ? std::string() : ReadFile(path);
}

absl::StatusOr<std::optional<TlsClientOptions>> ReadTls(const CredentialOptions& options) {
  TlsClientOptions tls = {.server_name = options.tls_server_name};
  VITOK_ASSIGN_OR_RETURN(tls.ca_pem, ReadOptional(options.tls_ca_file));
  VITOK_ASSIGN_OR_RETURN(tls.certificate_pem, ReadOptional(options.tls_cert_file));
  VITOK_ASSIGN_OR_RETURN(tls.key_pem, ReadOptional(options.tls_key_file));
  const bool asked =
      options.tls || !options.tls_ca_file.empty() || !options.tls_cert_file.empty() || !options.tls_server_name.empty();
  return asked ? std::optional(std::move(tls)) : std::nullopt;
}

absl::StatusOr<std::string> ReadToken(const CredentialOptions& options) {
  if (options.token_file.empty()) return options.environment_token;
  VITOK_ASSIGN_OR_RETURN(const std::string text, ReadFile(options.token_file));
  const std::string token(absl::StripAsciiWhitespace(text));
  if (token.empty()) return absl::InvalidArgumentError(StrCat(options.token_file, " must hold a token; was empty"));
  return token;
}

}  // namespace

std::string CheckServer(const std::string& server) {
  return std::string(TokenizerClient::Create(server).status().message());
}

void AddCredentialOptions(CLI::App& command, const Environment& environment, CredentialOptions* options) {
  options->environment_token = environment.token;
  command.add_flag("--tls", options->tls, "Use TLS; the server's certificate must be signed by a CA of this system");
  command.add_option("--tls-ca", options->tls_ca_file, "Use TLS; PEM file of the CA of the server's certificate")
      ->type_name("FILE");
  CLI::Option* const certificate =
      command.add_option("--tls-cert", options->tls_cert_file, "Use TLS and show this certificate (PEM) to the server")
          ->type_name("FILE");
  CLI::Option* const key =
      command.add_option("--tls-key", options->tls_key_file, "Private key (PEM) of --tls-cert")->type_name("FILE");
  certificate->needs(key);
  key->needs(certificate);
  command
      .add_option("--tls-server-name", options->tls_server_name,
                  "Use TLS; the name that the server's certificate must be for, in place of the host of --server")
      ->type_name("NAME");
  command
      .add_option("--token-file", options->token_file,
                  "File with the token that the server asks for; default: the environment variable VITOK_TOKEN")
      ->type_name("FILE");
}

absl::Status ReadCredentials(const CredentialOptions& options, TokenizerClientOptions* client) {
  VITOK_ASSIGN_OR_RETURN(client->tls, ReadTls(options));
  VITOK_ASSIGN_OR_RETURN(client->token, ReadToken(options));
  return absl::OkStatus();
}

void AddConnectionOptions(CLI::App& command, const Environment& environment, ConnectionOptions* options) {
  command.add_option("--server", options->server, "Where the server listens: host:port or unix:/path")
      ->check(CLI::Validator(CheckServer, ""))
      ->capture_default_str();
  command.add_option("--deadline", options->deadline_s, "Seconds that one request may take")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  AddCredentialOptions(command, environment, &options->credentials);
  command.add_flag("--json", options->json, "Print JSON lines instead of a table");
}

absl::StatusOr<std::unique_ptr<TokenizerClient>> Connect(const ConnectionOptions& options, bool wait_for_ready) {
  TokenizerClientOptions client_options = {.deadline = absl::Seconds(options.deadline_s),
                                           .max_message_bytes = int64_t{1} << 31,
                                           .wait_for_ready = wait_for_ready};
  VITOK_RETURN_IF_ERROR(ReadCredentials(options.credentials, &client_options));
  return TokenizerClient::Create(options.server, client_options);
}

void PrintError(const absl::Status& status) {
  PrintErrorLine(StrCat(absl::StatusCodeToString(status.code()), ": ", status.message()));
}

void PrintError(const std::string& file, const absl::Status& status) {
  absl::string_view message = status.message();
  const std::string prefix = file + ": ";
  if (absl::StartsWith(message, prefix)) message.remove_prefix(prefix.size());
  PrintErrorLine(StrCat(prefix, absl::StatusCodeToString(status.code()), ": ", message));
}

ExitCode ExitCodeOf(const absl::Status& status) {
  return IsUnreachable(status) ? ExitCode::kUnreachable : ExitCode::kFailed;
}

}  // namespace vitok
