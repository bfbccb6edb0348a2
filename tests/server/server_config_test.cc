#include "server/server_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const char kModels[] = "models=[{name: tiny, folder: models/tiny}]";

absl::StatusOr<ServerOptions> With(std::vector<std::string> overrides) {
  overrides.insert(overrides.begin(), kModels);
  return LoadServerConfig("", overrides);
}

std::string ErrorOf(std::vector<std::string> overrides) {
  const absl::StatusOr<ServerOptions> options = With(std::move(overrides));
  EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(options.status().message());
}

TEST(ServerConfigTest, FillsInTheDefaults) {
  const absl::StatusOr<ServerOptions> options = With({});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->listen, "127.0.0.1:8500");
  EXPECT_EQ(options->http_listen, "127.0.0.1:8501");
  EXPECT_EQ(options->shutdown_grace, absl::Seconds(30));
  EXPECT_EQ(options->limits.max_message_bytes, 67108864);
  EXPECT_EQ(options->batching.max_batch_tokens, 16384);
  EXPECT_EQ(options->default_model, "tiny");
  ASSERT_EQ(options->models.size(), 1);
  EXPECT_EQ(options->models[0].load.precision, Precision::kFloat32);
  EXPECT_EQ(options->models[0].load.device, "cpu");
  EXPECT_EQ(options->models[0].load.sliding_window, std::nullopt);
}

TEST(ServerConfigTest, ReadsTheDemoFile) {
  const absl::StatusOr<ServerOptions> options = LoadServerConfig("configs/demo.yaml", {});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->models[0].name, "tiny-f16x64");
  EXPECT_EQ(options->models[0].load.folder, "models/tiny-f16x64");
}

TEST(ServerConfigTest, TheCommentedFileShowsTheDefaults) {
  const absl::StatusOr<ServerOptions> shown = LoadServerConfig("configs/server.yaml", {});
  const absl::StatusOr<ServerOptions> defaults =
      LoadServerConfig("", {"models=[{name: tiny-f16x64, folder: models/tiny-f16x64}]"});
  ASSERT_TRUE(shown.ok()) << shown.status();
  EXPECT_EQ(ServerConfigToYaml(*shown), ServerConfigToYaml(*defaults));
}

TEST(ServerConfigTest, PrintsWhatItWouldReadAgain) {
  const absl::StatusOr<ServerOptions> options =
      With({"server.listen=unix:/tmp/a b.sock", "server.http_listen=''", "server.shutdown_grace_s=1.5",
            "limits.max_image_tokens=4096", "batching.max_batch_square_tokens=1000000", "batching.max_delay_ms=2.5",
            "quotas=[{identity: a, tokens_per_second: 5}, {identity: '*', tokens_per_second: 2.5, burst_tokens: 7}]",
            "batching.hang_timeout_s=7", "batching.warm_up_s=0", "log.format=json", "log.level=warn",
            "models.0.dtype=bf16", "models.0.device=cuda:1", "models.0.halves=decoder", "models.0.sliding_window=8",
            "models.0.attend_padding_to=256", "models.0.preprocess='to_tensor|normalize|patchify(16, 64)'"});
  ASSERT_TRUE(options.ok()) << options.status();
  const TempFolder folder;
  std::ofstream(folder / "printed.yaml") << ServerConfigToYaml(*options);
  const absl::StatusOr<ServerOptions> again = LoadServerConfig(folder / "printed.yaml", {});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(ServerConfigToYaml(*again), ServerConfigToYaml(*options));
  EXPECT_EQ(again->listen, "unix:/tmp/a b.sock");
  EXPECT_EQ(again->http_listen, "");
  EXPECT_EQ(again->shutdown_grace, absl::Seconds(1.5));
  ASSERT_EQ(again->quotas.size(), 2);
  EXPECT_EQ(again->quotas[0].quota.burst_tokens, 50);
  EXPECT_EQ(again->quotas[1].quota.burst_tokens, 7);
  EXPECT_EQ(again->batching.max_batch_square_tokens, 1000000);
  EXPECT_EQ(again->batching.max_delay, absl::Microseconds(2500));
  EXPECT_EQ(again->batching.hang_timeout, absl::Seconds(7));
  EXPECT_EQ(again->batching.warm_up, absl::ZeroDuration());
  EXPECT_EQ(again->models[0].load.precision, Precision::kBfloat16);
  EXPECT_EQ(again->models[0].load.halves, LoadOptions::Halves::kDecoder);
  EXPECT_EQ(again->models[0].load.sliding_window, 8);
  EXPECT_EQ(again->models[0].load.attend_padding_to, 256);
}

TEST(ServerConfigTest, ReadsVersionsAliasesAndTheAdminService) {
  const absl::StatusOr<ServerOptions> options =
      With({"models=[{name: a, folder: x}, {name: a, version: 7, folder: y}]",
            "aliases=[{alias: stable, model: a}, {alias: next, model: a, version: 7}]", "default_model=stable",
            "admin.listen=unix:/tmp/admin.sock", "memory.limit_bytes=123", "server.drain_delay_s=2.5"});
  ASSERT_TRUE(options.ok()) << options.status();
  const TempFolder folder;
  std::ofstream(folder / "printed.yaml") << ServerConfigToYaml(*options);
  const absl::StatusOr<ServerOptions> again = LoadServerConfig(folder / "printed.yaml", {});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(ServerConfigToYaml(*again), ServerConfigToYaml(*options));
  EXPECT_EQ(again->models[0].key(), (ModelKey{"a", 1}));
  EXPECT_EQ(again->models[1].key(), (ModelKey{"a", 7}));
  ASSERT_EQ(again->aliases.size(), 2);
  EXPECT_EQ(again->aliases[0].model, (ModelKey{"a", 1}));
  EXPECT_EQ(again->aliases[1].alias, "next");
  EXPECT_EQ(again->aliases[1].model, (ModelKey{"a", 7}));
  EXPECT_EQ(again->default_model, "stable");
  EXPECT_EQ(again->admin_listen, "unix:/tmp/admin.sock");
  EXPECT_EQ(again->memory_limit_bytes, 123);
  EXPECT_EQ(again->drain_delay, absl::Seconds(2.5));
}

// Without a tokens file every caller has every role.
TEST(ServerConfigTest, RefusesAnAdminServiceForEveryoneWhoReachesIt) {
  const std::string open = "admin.listen=0.0.0.0:8502";
  const std::string loopback = "admin.listen=127.0.0.1:8502";
  const std::string tokens = "auth.tokens_file=/etc/vitok/tokens";
  const std::string certificate = "tls={certificate_file: a.pem, private_key_file: a.key}";
  const std::string mutual = "tls={certificate_file: a.pem, private_key_file: a.key, client_ca_file: ca.pem}";
  for (const auto& overrides : {std::vector{open}, std::vector{open, certificate}}) {
    EXPECT_THAT(ErrorOf(overrides), AllOf(HasSubstr("admin.listen must be empty or an address of this machine only"),
                                          HasSubstr("auth.tokens_file"), HasSubstr("was '0.0.0.0:8502'")));
  }
  for (const std::string& listen : {open, loopback}) {
    EXPECT_THAT(ErrorOf({listen, mutual}), AllOf(HasSubstr("admin.listen must be empty or a unix socket"),
                                                 HasSubstr("auth.tokens_file"), HasSubstr("tls.client_ca_file")));
  }
  for (const auto& overrides :
       {std::vector{loopback}, std::vector{loopback, certificate}, std::vector{open, tokens},
        std::vector{open, mutual, tokens}, std::vector<std::string>{"admin.listen=unix:/tmp/admin.sock", mutual}}) {
    EXPECT_TRUE(With(overrides).ok()) << With(overrides).status();
  }
}

TEST(ServerConfigTest, RefusesNamesThatLeadNowhereOrTwice) {
  EXPECT_THAT(ErrorOf({"models=[{name: a, folder: x}, {name: a, version: 1, folder: y}]"}),
              AllOf(HasSubstr("models[1].name and version must be unique"), HasSubstr("'a:1' is models[0] too")));
  EXPECT_THAT(ErrorOf({"models.0.version=0"}), HasSubstr("models[0].version must be between 1 and"));
  EXPECT_THAT(ErrorOf({"aliases=[{alias: tiny, model: tiny}]"}), HasSubstr("aliases[0].alias must be a name that no"));
  EXPECT_THAT(ErrorOf({"aliases=[{alias: 'a:b', model: tiny}]"}), HasSubstr("aliases[0].alias must be 1 to 128"));
  EXPECT_THAT(ErrorOf({"aliases=[{alias: s, model: tiny}, {alias: s, model: tiny}]"}),
              HasSubstr("aliases[1].alias must be unique"));
  EXPECT_THAT(ErrorOf({"aliases=[{alias: s, model: tiny, version: 2}]"}),
              AllOf(HasSubstr("aliases[0].model must be"), HasSubstr("was 'tiny:2'")));
  EXPECT_THAT(ErrorOf({"default_model=tiny:1"}), HasSubstr("default_model must be one of tiny"));
  EXPECT_THAT(ErrorOf({"admin.listen=nowhere"}), HasSubstr("admin.listen"));
  EXPECT_THAT(ErrorOf({"server.listen=unix:/tmp/x", "admin.listen=unix:/tmp/x"}),
              HasSubstr("admin.listen must be another address than server.listen"));
  EXPECT_THAT(ErrorOf({"memory.limit_bytes=-1"}), HasSubstr("memory.limit_bytes must be"));
  EXPECT_THAT(ErrorOf({"server.drain_delay_s=-1"}), HasSubstr("server.drain_delay_s must be"));
}

TEST(ServerConfigTest, PrintsTheSecurityThatItWouldReadAgain) {
  const absl::StatusOr<ServerOptions> options =
      With({"server.reflection=false", "tls.certificate_file=server.pem", "tls.private_key_file=server.key",
            "tls.client_ca_file=ca.pem", "auth.tokens_file=tokens", "connections.max_age_s=0.5",
            "connections.max_age_grace_s=7", "connections.max_idle_s=0", "connections.max_streams=3",
            "connections.stall_timeout_s=4", "connections.max_metadata_bytes=4096",
            "connections.memory_bytes=300000000", "connections.max_threads=9"});
  ASSERT_TRUE(options.ok()) << options.status();
  const TempFolder folder;
  std::ofstream(folder / "printed.yaml") << ServerConfigToYaml(*options);
  const absl::StatusOr<ServerOptions> again = LoadServerConfig(folder / "printed.yaml", {});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(ServerConfigToYaml(*again), ServerConfigToYaml(*options));
  EXPECT_FALSE(again->reflection);
  EXPECT_EQ(again->tls.certificate_file, "server.pem");
  EXPECT_EQ(again->tls.private_key_file, "server.key");
  EXPECT_EQ(again->tls.client_ca_file, "ca.pem");
  EXPECT_EQ(again->auth.tokens_file, "tokens");
  EXPECT_EQ(again->connections.max_age, absl::Milliseconds(500));
  EXPECT_EQ(again->connections.max_age_grace, absl::Seconds(7));
  EXPECT_EQ(again->connections.max_idle, absl::ZeroDuration());
  EXPECT_EQ(again->connections.max_streams, 3);
  EXPECT_EQ(again->connections.stall_timeout, absl::Seconds(4));
  EXPECT_EQ(again->connections.max_metadata_bytes, 4096);
  EXPECT_EQ(again->connections.memory_bytes, 300'000'000);
  EXPECT_EQ(again->connections.max_threads, 9);
}

TEST(ServerConfigTest, PrintsTheTracingThatItWouldReadAgain) {
  const absl::StatusOr<ServerOptions> options =
      With({"tracing.endpoint='http://collector:4318'", "tracing.sample_ratio=0.25", "tracing.queue_spans=1000",
            "tracing.timeout_s=1.5"});
  ASSERT_TRUE(options.ok()) << options.status();
  const TempFolder folder;
  std::ofstream(folder / "printed.yaml") << ServerConfigToYaml(*options);
  const absl::StatusOr<ServerOptions> again = LoadServerConfig(folder / "printed.yaml", {});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(ServerConfigToYaml(*again), ServerConfigToYaml(*options));
  EXPECT_EQ(again->tracing.endpoint, "http://collector:4318");
  EXPECT_EQ(again->tracing.sample_ratio, 0.25);
  EXPECT_EQ(again->tracing.queue_spans, 1000);
  EXPECT_EQ(again->tracing.timeout, absl::Seconds(1.5));
}

TEST(ServerConfigTest, RefusesTracingThatCannotWork) {
  EXPECT_THAT(ErrorOf({"tracing.endpoint='https://a:4318'"}),
              AllOf(HasSubstr("tracing.endpoint must be http://host:port"), HasSubstr("was 'https://a:4318'")));
  EXPECT_THAT(ErrorOf({"tracing.sample_ratio=1.5"}),
              HasSubstr("tracing.sample_ratio must be between 0 and 1; was 1.5"));
  EXPECT_THAT(ErrorOf({"tracing.queue_spans=10"}), HasSubstr("tracing.queue_spans must be between 512 and"));
  EXPECT_THAT(ErrorOf({"tracing.timeout_s=0"}), HasSubstr("tracing.timeout_s must be between 0.001 and"));
}

TEST(ServerConfigTest, RefusesSecurityThatWouldNotHold) {
  EXPECT_THAT(ErrorOf({"tls.certificate_file=a"}), HasSubstr("must be given together; was only tls.certificate_file"));
  EXPECT_THAT(ErrorOf({"tls.private_key_file=a"}), HasSubstr("was only tls.private_key_file"));
  EXPECT_THAT(ErrorOf({"tls.client_ca_file=a"}), HasSubstr("tls.client_ca_file must be empty without"));
  EXPECT_THAT(ErrorOf({"tls.certificate_file=a", "tls.private_key_file=b", "server.listen=unix:/tmp/x.sock"}),
              AllOf(HasSubstr("tls and a unix socket do not go together"), HasSubstr("'unix:/tmp/x.sock'")));
  EXPECT_THAT(ErrorOf({"connections.max_age_s=-1"}), HasSubstr("connections.max_age_s must be between 0 and 604800"));
  EXPECT_THAT(ErrorOf({"connections.max_streams=0"}), HasSubstr("connections.max_streams must be between 1"));
  EXPECT_THAT(ErrorOf({"connections.max_metadata_bytes=10"}), HasSubstr("was 10"));
  EXPECT_THAT(ErrorOf({"connections.memory_bytes=1000000"}), HasSubstr("at least 4 times limits.max_message_bytes"));
  EXPECT_THAT(ErrorOf({"connections.max_threads=0"}), HasSubstr("connections.max_threads must be between 4 and 4096"));
}

TEST(ServerConfigTest, NamesFieldValueAndBoundOfABadValue) {
  EXPECT_THAT(ErrorOf({"batching.max_batch_tokens=0"}),
              HasSubstr("batching.max_batch_tokens must be between 1 and 2147483647; was 0"));
  EXPECT_THAT(ErrorOf({"limits.max_message_bytes=2000000000"}), HasSubstr("1073741824; was 2000000000"));
  EXPECT_THAT(ErrorOf({"limits.max_images_per_request=2000"}), HasSubstr("max_queued_requests"));
  EXPECT_THAT(ErrorOf({"batching.max_queued_tokens=100"}), HasSubstr("was 100"));
  EXPECT_THAT(ErrorOf({"quotas=[{identity: a}]"}), HasSubstr("quotas[0].tokens_per_second must be between 1 and"));
  EXPECT_THAT(ErrorOf({"quotas=[{tokens_per_second: 5}]"}), HasSubstr("quotas[0].identity"));
  EXPECT_THAT(ErrorOf({"quotas=[{identity: a, tokens_per_second: 5}, {identity: a, tokens_per_second: 6}]"}),
              HasSubstr("quotas[1].identity must be unique; was 'a' again"));
  EXPECT_THAT(ErrorOf({"batching.max_delay_ms=.nan"}), HasSubstr("batching.max_delay_ms"));
  EXPECT_THAT(ErrorOf({"batching.hang_timeout_s=0"}), HasSubstr("must be between 0.001 and 86400; was 0"));
  EXPECT_THAT(ErrorOf({"cpu.compute_threads=-1"}), HasSubstr("cpu.compute_threads must be between 0 and 1024; was -1"));
  EXPECT_THAT(ErrorOf({"server.shutdown_grace_s=-1"}), HasSubstr("must be between 0 and 3600; was -1"));
  EXPECT_THAT(ErrorOf({"server.listen=nowhere"}), AllOf(HasSubstr("server.listen"), HasSubstr("'nowhere'")));
  EXPECT_THAT(ErrorOf({"server.http_listen=unix:/x"}), HasSubstr("server.http_listen must be host:port"));
  EXPECT_THAT(ErrorOf({"log.format=xml"}), HasSubstr("log.format must be 'text' or 'json'; was 'xml'"));
  EXPECT_THAT(ErrorOf({"log.level=loud"}), HasSubstr("was 'loud'"));
}

TEST(ServerConfigTest, RefusesUnknownFieldsAndWrongTypes) {
  EXPECT_THAT(ErrorOf({"limits.max_tokenz=1"}), HasSubstr("max_tokenz"));
  EXPECT_THAT(ErrorOf({"limits.max_image_tokens=many"}), HasSubstr("many"));
  EXPECT_THAT(ErrorOf({"models.0.colour=red"}), HasSubstr("colour"));
}

TEST(ServerConfigTest, ChecksTheModels) {
  EXPECT_THAT(ErrorOf({"models=[]"}), HasSubstr("models must list at least one model"));
  EXPECT_THAT(ErrorOf({"models=[{name: a, folder: x}, {name: a, folder: y}]"}),
              HasSubstr("models[1].name and version must be unique; 'a:1' is models[0] too"));
  EXPECT_THAT(ErrorOf({"models.0.name="}), HasSubstr("models[0].name"));
  EXPECT_THAT(ErrorOf({"models.0.name='a b'"}), HasSubstr("was 'a b'"));
  EXPECT_THAT(ErrorOf({"models.0.folder=''"}), HasSubstr("models[0].folder"));
  EXPECT_THAT(ErrorOf({"models.0.dtype=float16"}),
              HasSubstr("models[0].dtype must be 'float32', 'bfloat16' or 'fp8'; was 'float16'"));
  EXPECT_THAT(ErrorOf({"models.0.device=tpu"}), HasSubstr("models[0].device"));
  EXPECT_THAT(ErrorOf({"models.0.device='cuda:'"}), HasSubstr("models[0].device"));
  EXPECT_THAT(ErrorOf({"models.0.halves=third"}), HasSubstr("was 'third'"));
  EXPECT_THAT(ErrorOf({"models.0.attend_padding_to=-2"}), HasSubstr("was -2"));
  EXPECT_THAT(ErrorOf({"default_model=huge"}), HasSubstr("default_model must be one of tiny; was 'huge'"));
}

TEST(ServerConfigTest, AModelComesFromAFolderOrFromTheHub) {
  const auto options = With({"models=[{name: a, hub: 350M-f16x64}, {name: b, hub: org/repo@v1}]"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->models[0].hub, "350M-f16x64");
  EXPECT_EQ(options->models[0].load.folder, "");
  EXPECT_EQ(options->models[1].hub, "org/repo@v1");
  EXPECT_THAT(ErrorOf({"models.0.hub=350M-f16x64"}), HasSubstr("models[0].hub must be empty when .folder is set"));
  EXPECT_THAT(ErrorOf({"models=[{name: a}]"}), HasSubstr("models[0].folder"));
  EXPECT_THAT(ErrorOf({"models=[{name: a, hub: 350M}]"}),
              AllOf(HasSubstr("models[0].hub: no published model is named '350M'"), HasSubstr("5B-f32x256")));
  EXPECT_THAT(ErrorOf({"models=[{name: a, hub: ../x}]"}), HasSubstr("models[0].hub: "));
}

TEST(ServerConfigTest, ModelsOfTheCommandLineStandBehindThoseOfTheFile) {
  const auto options =
      LoadServerConfig("configs/demo.yaml", {"models.1.dtype=bfloat16"}, {"350M-f16x64@v1", "org/repo", "./models/"});
  ASSERT_TRUE(options.ok()) << options.status();
  ASSERT_EQ(options->models.size(), 4);
  EXPECT_EQ(options->default_model, "tiny-f16x64");
  EXPECT_EQ(options->models[1].name, "350M-f16x64");
  EXPECT_EQ(options->models[1].hub, "350M-f16x64@v1");
  EXPECT_EQ(options->models[1].load.precision, Precision::kBfloat16);
  EXPECT_EQ(options->models[2].name, "org/repo");
  EXPECT_EQ(options->models[3].name, "models");
  EXPECT_EQ(options->models[3].load.folder, "./models/");
  EXPECT_EQ(LoadServerConfig("", {}, {"350M-f16x64"})->default_model, "350M-f16x64");
  EXPECT_THAT(std::string(LoadServerConfig("", {}, {"no-such"}).status().message()),
              AllOf(HasSubstr("--model 'no-such': no such folder, and no published model"), HasSubstr("350M-f16x64")));
}

TEST(ServerConfigTest, SaysWhichFileIsMissingOrWrong) {
  EXPECT_EQ(LoadServerConfig("/nonexistent.yaml", {}).status().code(), absl::StatusCode::kNotFound);
  const TempFolder folder;
  std::ofstream(folder / "bad.yaml") << "servers:\n  listen: x\n";
  EXPECT_THAT(std::string(LoadServerConfig(folder / "bad.yaml", {}).status().message()),
              AllOf(HasSubstr("bad.yaml"), HasSubstr("servers")));
}

}  // namespace
}  // namespace vitok
