#include "server/server.h"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/base/version.h"
#include "core/model/device.h"
#include "server/grpc_connections.h"
#include "server/listen_address.h"
#include "server/reflection.h"
#include "server/status_report.h"
#include "server/warm_up.h"
#include "spdlog/spdlog.h"

namespace vitok {
namespace {

int ThreadsOrCores(int threads) {
  return threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void SetMessageLimits(const RequestLimits& limits, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits.max_message_bytes));
  builder.SetMaxSendMessageSize(-1);  // replies are bounded by the limits on images and tokens
}

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

std::optional<ServerMetrics::DeviceMemory> ReadGpuMemory(const std::string& device) {
  const std::optional<DeviceMemory> memory = ReadDeviceMemory(device);
  if (!memory.has_value()) return std::nullopt;
  return ServerMetrics::DeviceMemory{
      .allocated = memory->allocated, .reserved = memory->reserved, .free = memory->free, .pinned = memory->pinned};
}

int64_t WeightBytes(const TokenizerInfo& model) {
  return (model.encoder_parameters + model.decoder_parameters) * SizeInBytes(model.dtype);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options, const TokenizerLoader& load,
                                                      FailureHandler on_failure) {
  std::unique_ptr<Server> server(new Server(options, std::move(on_failure)));
  // Before the models, which may take long to load; Listen looks again.
  VITOK_RETURN_IF_ERROR(server->CheckAddresses());
  VITOK_RETURN_IF_ERROR(server->ReadCredentials());
  VITOK_RETURN_IF_ERROR(server->LoadModels(load));
  VITOK_RETURN_IF_ERROR(server->Listen());
  return server;
}

Server::~Server() {
  if (grpc_server_ != nullptr) Shutdown();
  http_endpoint_.reset();  // its pages look at all the rest
}

absl::Status Server::CheckAddresses() const {
  for (const std::string& text : {options_.listen, options_.http_listen}) {
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

absl::Status Server::LoadModels(const TokenizerLoader& load) {
  metrics_ = std::make_unique<ServerMetrics>(Version());
  std::vector<std::shared_ptr<LoadedModel>> models;
  for (const ModelOptions& model_options : options_.models) {
    const absl::Time start = absl::Now();
    VITOK_ASSIGN_OR_RETURN(std::shared_ptr<LoadedModel> model, LoadModel(model_options, options_.limits, load));
    const TokenizerInfo& info = model->info();
    spdlog::info("loaded model '{}': {} {} on {} in {:.2f} s", model->key.name, info.variant, DTypeName(info.dtype),
                 info.device, absl::ToDoubleSeconds(absl::Now() - start));
    std::unique_ptr<DeviceWorker>& worker = workers_[info.device];
    if (worker == nullptr) {
      metrics_->AddDevice(info.device, [device = info.device] { return ReadGpuMemory(device); });
      worker = std::make_unique<DeviceWorker>(WorkerOptions(info.device), metrics_.get());
    }
    metrics_->AddModel(model->key);
    metrics_->AddWeights(info.device, WeightBytes(info));
    model->worker = worker.get();
    VITOK_RETURN_IF_ERROR(WarmUpModel(*model));
    models.push_back(std::move(model));
  }
  models_ = std::make_unique<ModelRegistry>(std::move(models), options_.default_model);
  return absl::OkStatus();
}

DeviceWorker::Options Server::WorkerOptions(const std::string& device) {
  const BatchingOptions& batching = options_.batching;
  const int64_t square_tokens = batching.max_batch_square_tokens > 0
                                    ? batching.max_batch_square_tokens
                                    : batching.max_batch_tokens * batching.max_batch_tokens;
  return {.device = device,
          .batching = {.budget = {.tokens = batching.max_batch_tokens,
                                  .square_tokens = square_tokens,
                                  .bytes = batching.max_batch_bytes},
                       .max_delay = batching.max_delay,
                       .prefetch = 1},
          .admission = {.max_items = batching.max_queued_requests,
                        .max_tokens = batching.max_queued_tokens,
                        .max_bytes = batching.max_queued_bytes},
          .hang_timeout = batching.hang_timeout,
          .on_failure = [this](const absl::Status& status) { OnDeviceFailure(status); }};
}

absl::Status Server::WarmUpModel(const LoadedModel& model) {
  if (options_.batching.warm_up == absl::ZeroDuration()) return absl::OkStatus();
  const absl::Time start = absl::Now();
  const BatchBudget budget = WorkerOptions(model.info().device).batching.budget;
  VITOK_ASSIGN_OR_RETURN(auto costs, WarmUp(model, budget, options_.batching.warm_up));
  for (auto& [op, cost] : costs) {
    constexpr BatchSize kImage{.tokens = 256, .square_tokens = 256 * 256};
    spdlog::info("model '{}' {}: {:.2f} ms for an image of 256 tokens", model.key.name, MethodName(op),
                 absl::ToDoubleMilliseconds(cost.Predict(kImage)));
    model.worker->SetCostModel({model.id, op}, std::move(cost));
  }
  spdlog::info("warmed model '{}' up in {:.2f} s", model.key.name, absl::ToDoubleSeconds(absl::Now() - start));
  return absl::OkStatus();
}

void Server::OnDeviceFailure(const absl::Status& status) {
  spdlog::critical("{}; the server takes no more calls and should be started again", std::string(status.message()));
  {
    absl::MutexLock lock(&health_mutex_);
    failed_ = true;
    if (health_ != nullptr) health_->Shutdown();
  }
  if (on_failure_) on_failure_(status);
}

absl::Status Server::Listen() {
  quotas_ = std::make_unique<TokenQuotas>(ToQuotas(options_.quotas));
  jobs_ = std::make_unique<CpuJobs>(ThreadsOrCores(options_.preprocess_threads));
  VITOK_ASSIGN_OR_RETURN(tracer_,
                         Tracer::Create(options_.tracing, Version(),
                                        {.exported = [this](int64_t spans) { metrics_->RecordExportedSpans(spans); },
                                         .dropped = [this](int64_t spans) { metrics_->RecordDroppedSpans(spans); }}));
  sends_ = std::make_unique<SendWatch>(options_.connections.stall_timeout);
  service_ = std::make_unique<TokenizerService>(ServiceContext{.options = &options_,
                                                               .models = models_.get(),
                                                               .authenticator = authenticator_.get(),
                                                               .quotas = quotas_.get(),
                                                               .metrics = metrics_.get(),
                                                               .gate = &gate_,
                                                               .jobs = jobs_.get(),
                                                               .sends = sends_.get(),
                                                               .tracer = tracer_.get()});
  if (!options_.http_listen.empty()) {
    metrics_->scrape_values().Add(ScrapeValues::Kind::kGauge, "vitok_ready", "1 while the server takes calls", {},
                                  [this] { return WhyNotReady().empty() ? 1 : 0; });
    metrics_->scrape_values().Add(ScrapeValues::Kind::kGauge, "vitok_grpc_connections", "Standing gRPC connections", {},
                                  []() -> std::optional<double> { return CountGrpcConnections(); });
    if (tls_ != nullptr) {
      metrics_->scrape_values().Add(ScrapeValues::Kind::kGauge, "vitok_certificate_expiry_timestamp_seconds",
                                    "Unix time at which the server's certificate expires", {},
                                    [this] { return static_cast<double>(absl::ToUnixSeconds(tls_->expiry())); });
    }
    rates_ = std::make_unique<RateSampler>([this] { return metrics_->CountsByMethod(); });
    VITOK_ASSIGN_OR_RETURN(http_endpoint_, HttpEndpoint::Create(options_.http_listen, HttpPages()));
  }
  VITOK_ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(options_.listen));
  VITOK_RETURN_IF_ERROR(PrepareToBind(address));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  SetReflection(options_.reflection, builder);
  SetMessageLimits(options_.limits, builder);
  ApplyConnectionLimits(options_.connections, builder);
  // Two servers must not share a port unnoticed.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  int port = 0;
  builder.AddListeningPort(options_.listen, tls_ != nullptr ? tls_->credentials() : grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(service_.get());
  grpc_server_ = builder.BuildAndStart();
  if (grpc_server_ == nullptr) return absl::UnavailableError(StrCat("cannot listen on ", options_.listen));
  absl::MutexLock lock(&health_mutex_);
  health_ = grpc_server_->GetHealthCheckService();
  health_->SetServingStatus(std::string(v1::Tokenizer::service_full_name()), true);
  if (failed_) health_->Shutdown();
  was_ready_ = true;
  address_ = address.ToString(port);
  return absl::OkStatus();
}

std::map<std::string, HttpHandler> Server::HttpPages() {
  return {
      {"/metrics",
       [this] {
         return HttpReply{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                          .body = metrics_->PrometheusText()};
       }},
      {"/livez", [] { return HttpReply{.body = "ok\n"}; }},
      {"/readyz",
       [this] {
         const std::string reason = WhyNotReady();
         return reason.empty() ? HttpReply{.body = "ok\n"} : HttpReply{.status = 503, .body = reason + "\n"};
       }},
      {"/",
       [this] {
         const StatusReport report = MakeStatusReport(options_, *models_, *metrics_, *rates_, WhyNotReady());
         return HttpReply{.content_type = "text/html; charset=utf-8", .body = RenderStatusPage(report)};
       }},
  };
}

std::string Server::WhyNotReady() {
  absl::MutexLock lock(&health_mutex_);
  if (failed_) return "a device failed";
  if (health_ != nullptr) return "";
  return was_ready_ ? "draining" : "starting";
}

bool Server::Shutdown() {
  // For answers that are on their way: refusals, and results of the batch that runs.
  constexpr absl::Duration kAnswerTime = absl::Seconds(1);
  constexpr absl::Duration kQuietTime = absl::Milliseconds(100);
  {
    absl::MutexLock lock(&health_mutex_);
    std::exchange(health_, nullptr)->Shutdown();
  }
  const bool drained = gate_.Drain(options_.shutdown_grace);
  for (auto& [device, worker] : workers_) worker->Shutdown();
  if (!drained) gate_.Drain(kAnswerTime);
  gate_.AwaitQuiet(kQuietTime, kAnswerTime);
  const absl::Time last = absl::Now() + (drained ? kAnswerTime : absl::ZeroDuration());
  grpc_server_->Shutdown(absl::ToChronoTime(last));
  grpc_server_.reset();
  return drained;
}

}  // namespace vitok
