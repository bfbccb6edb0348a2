#include "server/server.h"

#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "core/base/cpu_count.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/base/version.h"
#include "server/attention_metrics.h"
#include "server/grpc_connections.h"
#include "server/listen_address.h"
#include "server/status_report.h"
#include "spdlog/spdlog.h"

namespace vitok {
namespace {

int ThreadsOrCores(int threads) { return threads > 0 ? threads : AvailableCpus(); }

TokenQuotas::Options ToQuotas(const std::vector<QuotaOptions>& configured) {
  TokenQuotas::Options options;
  for (const QuotaOptions& entry : configured) {
    if (entry.identity == "*") {
      options.other = entry.quota;
    } else {
      options.quotas.emplace(entry.identity, entry.quota);
    }
  }
  return options;
}

}  // namespace

Server::Server(const ServerOptions& options, FailureHandler on_failure)
    : options_(options),
      on_failure_(std::move(on_failure)),
      quotas_(ToQuotas(options.quotas)),
      metrics_(Version()),
      health_(v1::Tokenizer::service_full_name()),
      memory_({.limit_bytes = options.memory_limit_bytes, .free_bytes = &FreeMemory}),
      workers_(
          options.batching, &metrics_, [this](const absl::Status& status) { OnDeviceFailure(status); },
          [this] { return tracer_->StartBatch(); }),
      models_(
          options.default_model,
          {.on_state = [this](const ModelKey& model, std::optional<ModelState> state) { OnModelState(model, state); },
           .on_ready = [this](const std::set<std::string>& names) { health_.SetReady(names); }}),
      jobs_(ThreadsOrCores(options.preprocess_threads)) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options, const TokenizerLoader& load,
                                                      FailureHandler on_failure, Hooks hooks) {
  std::unique_ptr<Server> server(new Server(options, std::move(on_failure)));
  VITOK_RETURN_IF_ERROR(server->CheckAddresses());
  VITOK_RETURN_IF_ERROR(server->ReadCredentials());
  server->MakeLifecycle(load, hooks);
  VITOK_RETURN_IF_ERROR(server->Listen());
  if (const absl::Status status = server->LoadModels(hooks.before_serving); !status.ok()) {
    // A thread that hangs in the device's driver can not be joined; the process is about to end anyway.
    if (server->failed_) (void)server.release();
    return status;
  }
  server->serving_ = true;
  return server;
}

Server::~Server() {
  if (port_.server != nullptr) Shutdown();
  http_endpoint_.reset();  // its pages look at all the rest
  reaper_.Stop();          // its jobs use the workers and the manager
}

absl::Status Server::CheckAddresses() const {
  for (const std::string& text : {options_.listen, options_.admin_listen, options_.http_listen}) {
    if (text.empty()) continue;
    VITOK_ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(text));
    VITOK_RETURN_IF_ERROR(PrepareToBind(address));
  }
  return absl::OkStatus();
}

absl::Status Server::ReadCredentials() {
  VITOK_ASSIGN_OR_RETURN(authenticator_, Authenticator::Create(options_.auth));
  if (options_.tls.enabled()) {
    VITOK_ASSIGN_OR_RETURN(tls_, TlsCredentials::Create(options_.tls));
  } else if (!options_.auth.tokens_file.empty() && !IsLocal(*ParseListenAddress(options_.listen))) {
    spdlog::warn("auth.tokens_file without tls: on {} tokens can be read by whoever sees the traffic", options_.listen);
  }
  return absl::OkStatus();
}

void Server::MakeLifecycle(const TokenizerLoader& load, Hooks& hooks) {
  const ModelLoader::Context context = {
      .options = &options_, .workers = &workers_, .memory = &memory_, .reaper = &reaper_, .metrics = &metrics_};
  ModelLoader loader(context, load, std::move(hooks.estimate), std::move(hooks.fetch));
  manager_ = std::make_unique<ModelManager>(std::move(loader), &models_, &reaper_, &metrics_);
}

absl::Status Server::Listen() {
  // Calls that come before the models are told that these are loading. Names are unique: server_config has seen to it.
  for (const ModelOptions& model : options_.models) VITOK_RETURN_IF_ERROR(models_.BeginLoad(model.key()));
  for (const AliasOptions& alias : options_.aliases) {
    models_.DeclareAlias(alias.alias, alias.model);
    health_.Announce(alias.alias);
  }
  VITOK_ASSIGN_OR_RETURN(tracer_,
                         Tracer::Create(options_.tracing, Version(),
                                        {.exported = [this](int64_t spans) { metrics_.RecordExportedSpans(spans); },
                                         .dropped = [this](int64_t spans) { metrics_.RecordDroppedSpans(spans); }}));
  sends_ = std::make_unique<SendWatch>(options_.connections.stall_timeout);
  service_ = std::make_unique<TokenizerService>(ServiceContext{.options = &options_,
                                                               .models = &models_,
                                                               .authenticator = authenticator_.get(),
                                                               .quotas = &quotas_,
                                                               .metrics = &metrics_,
                                                               .gate = &gate_,
                                                               .jobs = &jobs_,
                                                               .sends = sends_.get(),
                                                               .tracer = tracer_.get()});
  const AdminService::Context admin = {
      .authenticator = authenticator_.get(), .gate = &gate_, .models = &models_, .manager = manager_.get()};
  admin_refusal_ = std::make_unique<AdminService>(
      admin, options_.admin_listen.empty() ? "the admin service is off; set admin.listen in the server's configuration"
                                           : "the admin service has a port of its own: admin.listen");
  if (!options_.http_listen.empty()) {
    AddScrapeValues();
    rates_ = std::make_unique<RateSampler>([this] { return metrics_.CountsByMethod(); });
    VITOK_ASSIGN_OR_RETURN(http_endpoint_, HttpEndpoint::Create(options_.http_listen, HttpPages()));
  }
  VITOK_ASSIGN_OR_RETURN(port_, OpenGrpcPort(options_.listen, options_,
                                             tls_ != nullptr ? tls_->credentials() : grpc::InsecureServerCredentials(),
                                             {service_.get(), admin_refusal_.get()}));
  // gRPC's own health service calls "" SERVING from the bind up to here, some microseconds.
  health_.Attach(port_.server->GetHealthCheckService());
  return options_.admin_listen.empty() ? absl::OkStatus() : ListenForAdmin(admin);
}

void Server::AddScrapeValues() {
  ScrapeValues& values = metrics_.scrape_values();
  AddAttentionMetrics(values);
  values.Add(ScrapeValues::Kind::kGauge, "vitok_ready", "1 while the server takes calls", {},
             [this] { return WhyNotReady().empty() ? 1 : 0; });
  values.Add(ScrapeValues::Kind::kGauge, "vitok_grpc_connections", "Standing gRPC connections", {},
             []() -> std::optional<double> { return CountGrpcConnections(); });
  if (tls_ == nullptr) return;
  values.Add(ScrapeValues::Kind::kGauge, "vitok_certificate_expiry_timestamp_seconds",
             "Unix time at which the server's certificate expires", {},
             [this] { return static_cast<double>(absl::ToUnixSeconds(tls_->expiry())); });
}

absl::Status Server::ListenForAdmin(const AdminService::Context& context) {
  admin_service_ = std::make_unique<AdminService>(context);
  // A unix socket needs no TLS: the file's permissions say who may connect.
  VITOK_ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(options_.admin_listen));
  const bool use_tls = tls_ != nullptr && !address.is_unix;
  if (!use_tls && !IsLocal(address)) {
    spdlog::warn("admin.listen without tls: on {} tokens can be read by whoever sees the traffic",
                 options_.admin_listen);
  }
  VITOK_ASSIGN_OR_RETURN(admin_port_, OpenGrpcPort(options_.admin_listen, options_,
                                                   use_tls ? tls_->credentials() : grpc::InsecureServerCredentials(),
                                                   {admin_service_.get()}));
  return absl::OkStatus();
}

absl::Status Server::LoadModels(const std::function<void()>& before_serving) {
  VITOK_RETURN_IF_ERROR(manager_->LoadConfigured(options_.models, before_serving));
  health_.Started();
  return absl::OkStatus();
}

void Server::OnModelState(const ModelKey& model, std::optional<ModelState> state) {
  metrics_.SetModelState(model, state);
  health_.Announce(model.name);
  health_.Announce(model.ToString());
}

void Server::OnDeviceFailure(const absl::Status& status) {
  spdlog::critical("{}; the server takes no more calls and should be started again", std::string(status.message()));
  failed_ = true;
  health_.Stop();
  if (on_failure_) on_failure_(status);
}

std::map<std::string, HttpHandler> Server::HttpPages() {
  return {
      {"/metrics",
       [this] {
         return HttpReply{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                          .body = metrics_.PrometheusText()};
       }},
      {"/livez", [] { return HttpReply{.body = "ok\n"}; }},
      {"/readyz",
       [this] {
         const std::string reason = WhyNotReady();
         return reason.empty() ? HttpReply{.body = "ok\n"} : HttpReply{.status = 503, .body = reason + "\n"};
       }},
      {"/",
       [this] {
         const StatusReport report = MakeStatusReport(options_, models_, metrics_, *rates_, WhyNotReady());
         return HttpReply{.content_type = "text/html; charset=utf-8", .body = RenderStatusPage(report)};
       }},
  };
}

std::string Server::WhyNotReady() const { return failed_ ? "a device failed" : health_.WhyNotServing(); }

bool Server::Shutdown() {
  // For answers that are on their way: refusals, and results of the batch that runs.
  constexpr absl::Duration kAnswerTime = absl::Seconds(1);
  constexpr absl::Duration kQuietTime = absl::Milliseconds(100);
  health_.Stop();
  // Clients still come until all have seen that.
  if (std::exchange(serving_, false) && !failed_) absl::SleepFor(options_.drain_delay);
  manager_->Shutdown();
  const bool drained = gate_.Drain(options_.shutdown_grace);
  workers_.Shutdown();
  if (!drained) gate_.Drain(kAnswerTime);
  gate_.AwaitQuiet(kQuietTime, kAnswerTime);
  const absl::Time last = absl::Now() + (drained ? kAnswerTime : absl::ZeroDuration());
  health_.Detach();
  for (GrpcPort* port : {&admin_port_, &port_}) {
    if (port->server != nullptr) port->server->Shutdown(absl::ToChronoTime(last));
    port->server.reset();
  }
  return drained;
}

}  // namespace vitok
