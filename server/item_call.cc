#include "server/item_call.h"

#include <algorithm>
#include <utility>

#include "core/base/log.h"
#include "core/base/monotonic_clock.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/model/pixel_sequences.h"
#include "server/device_worker.h"
#include "server/exceptions.h"
#include "server/request_bytes.h"
#include "server/request_id.h"
#include "server/request_log.h"
#include "server/status_details.h"
#include "server/tensor_convert.h"

namespace vitok {
namespace {

// What an item holds.
struct Contents {
  int64_t tokens = 0;
  int64_t pixels = 0;                  // of the image; 0 for latents
  const at::Tensor* values = nullptr;  // floats; null for pixels
  int64_t bytes = 0;
};

Contents ContentsOf(const TokenizerInput& input, int64_t patch_px) {
  if (const auto* image = std::get_if<PixelImage>(&input)) {
    const ImageGeometry geometry = GeometryOf(*image, patch_px);
    return {geometry.cells(), geometry.pixels(), nullptr, static_cast<int64_t>(image->pixels_HW3.nbytes())};
  }
  const auto* patches = std::get_if<PatchSequence>(&input);
  const at::Tensor& values = patches != nullptr ? patches->patches_ND : std::get<LatentSequence>(input).z_NZ;
  return {values.size(0), patches != nullptr ? patches->geometry.pixels() : 0, &values,
          static_cast<int64_t>(values.nbytes())};
}

// Of an item while it is worked on, before it is read: its values in float32, in and out.
int64_t HostBytes(int64_t tokens, const TokenizerInfo& model) {
  return tokens * (model.patch_values + model.latent_channels) * int64_t{sizeof(float)};
}

// Of the result of an item.
int64_t ResultBytes(OutputForm form, int64_t tokens, const TokenizerInfo& model) {
  switch (form) {
    case OutputForm::kLatents: return tokens * model.latent_channels * int64_t{sizeof(float)};
    case OutputForm::kPatches: return tokens * model.patch_values * int64_t{sizeof(float)};
    case OutputForm::kPicture: return tokens * model.patch_values;
  }
  return 0;
}

// One item of so many bytes that is no file is prepared within some 50 µs, about what it takes to wake another thread
// up: a small image is then not late because of its way from thread to thread.
constexpr int64_t kSmallRequestBytes = 1 << 20;
// The same for results.
constexpr int64_t kSmallResultTokens = 256;

// In the other requests too.
constexpr int kModelField = v1::EncodeRequest::kModelFieldNumber;
constexpr int kItemsField = v1::EncodeRequest::kImagesFieldNumber;
static_assert(kItemsField == v1::ReconstructRequest::kImagesFieldNumber &&
              kItemsField == v1::DecodeRequest::kLatentsFieldNumber);

uint64_t NextCallNumber() {
  static std::atomic<uint64_t> calls{0};
  return ++calls;
}

absl::StatusOr<Priority> ReadPriority(v1::Priority priority) {
  switch (priority) {
    case v1::PRIORITY_UNSPECIFIED:
    case v1::PRIORITY_INTERACTIVE: return Priority::kInteractive;
    case v1::PRIORITY_BATCH: return Priority::kBatch;
    case v1::PRIORITY_BACKGROUND: return Priority::kBackground;
    default: break;
  }
  return FieldError("priority", StrCat("must be a known Priority; was ", static_cast<int>(priority)));
}

absl::Status CheckHalves(TokenizerOp op, const LoadedModel& model) {
  if (op != TokenizerOp::kDecode && !model.info().can_encode) {
    return absl::UnimplementedError(StrCat("model '", model.key.name, "' has no encoder loaded"));
  }
  if (op != TokenizerOp::kEncode && !model.info().can_decode) {
    return absl::UnimplementedError(StrCat("model '", model.key.name, "' has no decoder loaded"));
  }
  return absl::OkStatus();
}

}  // namespace

ItemCall::ItemCall(const ServiceContext& context, TokenizerOp op, std::string_view items_field, Caller caller,
                   Done done)
    : context_(context),
      op_(op),
      items_field_(items_field),
      caller_(std::move(caller)),
      done_(std::move(done)),
      request_id_(NextRequestId()),
      arrival_(MonotonicNow()),
      number_(NextCallNumber()),
      trace_(context.tracer->StartRequest(*caller_.metadata, caller_.method, arrival_)) {}

std::string ItemCall::ItemField(int item) const { return StrCat(items_field_, "[", item, "]"); }

void ItemCall::Cancel() {
  cancelled_ = true;
  if (DeviceWorker* worker = worker_) worker->Cancel(number_);
}

void ItemCall::Start(const grpc::ByteBuffer& request) {
  request_bytes_ = static_cast<int64_t>(request.Length());
  if (absl::Status status = Admit(request); !status.ok()) {
    End(status, 0, RequestTimings());
    return;
  }
  AddResults();
  remaining_.store(request_.num_items);
  if (request_bytes_ <= kSmallRequestBytes && request_.num_items == 1 && !IsPictureFile(0)) {
    CpuJobs::RunHere([this] { PrepareItem(0); });
    return;
  }
  for (int i = 0; i < request_.num_items; ++i) {
    context_.jobs->Schedule([self = shared_from_this(), i] { self->PrepareItem(i); });
  }
}

absl::Status ItemCall::Admit(const grpc::ByteBuffer& request) {
  VITOK_RETURN_IF_ERROR(caller_.identity.status());
  std::optional<DrainGate::Ticket> ticket = context_.gate->Enter();
  if (!ticket.has_value()) return DrainingError();
  ticket_ = *std::move(ticket);
  // All that can be refused without parsing comes first: under overload a refusal must cost next to nothing.
  const std::string name = PeekString(request, kModelField);
  VITOK_ASSIGN_OR_RETURN(model_, context_.models->Find(name));
  VITOK_RETURN_IF_ERROR(CheckHalves(op_, *model_));
  VITOK_RETURN_IF_ERROR(model_->worker->admission().CheckRoom());
  VITOK_RETURN_IF_ERROR(CheckItemCount(CountMessages(request, kItemsField), 0));
  VITOK_ASSIGN_OR_RETURN(request_, Parse(request));
  VITOK_RETURN_IF_ERROR(CheckItemCount(request_.num_items, 1));
  VITOK_RETURN_IF_ERROR(CheckOptions());
  items_ = std::vector<Item>(request_.num_items);
  VITOK_ASSIGN_OR_RETURN(priority_, ReadPriority(request_.priority));
  Admission::Load load{.bytes = request_bytes_};
  BatchSize size;
  for (int i = 0; i < request_.num_items; ++i) {
    absl::StatusOr<int64_t> count = CatchExceptions(ItemField(i), [this, i] { return CountTokens(i); });
    items_[i].status = count.status();
    if (!count.ok()) continue;
    ++load.items;
    load.tokens += *count;
    load.bytes += HostBytes(*count, model_->info());
    size += {.tokens = *count, .square_tokens = *count * *count};
  }
  VITOK_RETURN_IF_ERROR(CheckDeadline(size));
  VITOK_ASSIGN_OR_RETURN(permit_, model_->worker->admission().Admit(load));
  context_.metrics->AddQueued(model_->worker->device(), load.items, load.tokens);
  // Last, so that only what is admitted is paid for.
  return context_.quotas->Take(caller_.identity->name, load.tokens);
}

absl::Status ItemCall::CheckItemCount(int64_t count, int64_t least) const {
  const int64_t max_items = context_.options->limits.max_images_per_request;
  if (count >= least && count <= max_items) return absl::OkStatus();
  return FieldError(items_field_,
                    StrCat("must have between 1 and ", max_items, " entries (max_images_per_request); has ", count));
}

absl::Status ItemCall::CheckDeadline(const BatchSize& size) const {
  if (caller_.deadline == absl::InfiniteFuture()) return absl::OkStatus();
  const absl::Duration left = caller_.deadline - MonotonicNow();
  const absl::Duration needed = model_->worker->PredictTime({model_->id, op_}, priority_, size);
  return needed <= left ? absl::OkStatus() : DeadlinePredictedError(needed, left);
}

absl::Status ItemCall::CheckAlive() const {
  if (cancelled_) return absl::CancelledError("cancelled by the client");
  if (caller_.deadline <= MonotonicNow()) return absl::DeadlineExceededError("deadline passed before preprocessing");
  return absl::OkStatus();
}

void ItemCall::PrepareItem(int i) {
  Item& item = items_[i];
  if (item.status.ok()) item.status = CheckAlive();
  if (item.status.ok()) {
    item.status = CatchExceptions(ItemField(i), [this, i, &item]() -> absl::Status {
      VITOK_ASSIGN_OR_RETURN(item.input, ReadItem(i));
      const Contents contents = ContentsOf(item.input, model_->info().patch_px);
      item.tokens = contents.tokens;
      item.pixels = contents.pixels;
      item.bytes = contents.bytes + ResultBytes(output_form(), contents.tokens, model_->info());
      item.finite_input = !request_.allow_nonfinite || contents.values == nullptr || AllFinite(*contents.values);
      return absl::OkStatus();
    });
  }
  if (remaining_.fetch_sub(1) == 1) ScheduleTasks();
}

void ItemCall::ScheduleTasks() {
  std::vector<std::unique_ptr<TokenizerTask>> tasks;
  ready_ = MonotonicNow();
  for (int i = 0; i < request_.num_items; ++i) {
    Item& item = items_[i];
    item.timings.preprocess = ready_ - arrival_;
    if (!item.status.ok()) continue;
    item.place = ItemPlace::kQueue;
    auto task = std::make_unique<TokenizerTask>();
    task->lane = {model_->id, op_};
    task->priority = priority_;
    task->tokens = item.tokens;
    task->bytes = item.bytes;
    task->request = number_;
    task->deadline = caller_.deadline;
    task->trace = trace_.context();
    task->model = model_;
    task->item = {std::move(item.input), output_form()};
    task->item_owner = shared_from_this();
    task->done = [self = shared_from_this(), i](absl::StatusOr<TokenizerOutput> output, const TaskTimes& times) {
      self->OnTaskDone(i, std::move(output), times);
    };
    tasks.push_back(std::move(task));
  }
  if (tasks.empty()) {
    EndItems(0);
    return;
  }
  remaining_.store(static_cast<int>(tasks.size()));
  worker_ = model_->worker;
  model_->worker->Schedule(std::move(tasks));
  // A cancellation that came before the tasks were queued found nothing to cancel.
  if (cancelled_) model_->worker->Cancel(number_);
}

void ItemCall::OnTaskDone(int i, absl::StatusOr<TokenizerOutput> output, const TaskTimes& times) {
  Item& item = items_[i];
  item.status = output.status();
  if (times.batch_start != absl::Time()) item.place = ItemPlace::kDispatched;
  if (output.ok()) {
    item.output = *std::move(output);
    item.timings.host_to_device = times.batch.host_to_device;
    item.timings.compute = times.batch.compute;
    item.timings.device_to_host = times.batch.device_to_host;
    // All else until the batch's end, the worker's own steps too, so that the stages add up to the whole.
    item.timings.queue = times.batch_end - ready_ - times.batch.total();
    item.computed = times.batch_end;
    item.batch = times.trace;
  }
  // The device waits for this thread, but nobody else does when the batch held nothing else.
  if (times.alone && item.tokens <= kSmallResultTokens && !WritesPictureFiles()) {
    CpuJobs::RunHere([this, i] { FinishItem(i); });
    return;
  }
  context_.jobs->Schedule([self = shared_from_this(), i] { self->FinishItem(i); });
}

void ItemCall::FinishItem(int i) {
  Item& item = items_[i];
  if (item.status.ok() && cancelled_) item.status = absl::CancelledError("cancelled by the client while it ran");
  if (item.status.ok()) {
    item.status = CatchExceptions(ItemField(i), [this, i, &item]() -> absl::Status {
      VITOK_ASSIGN_OR_RETURN(WrittenValue value, WriteItem(i, item.output));
      VITOK_RETURN_IF_ERROR(CheckOutput(item, value.finite));
      context_.metrics->RecordCopy(ServerMetrics::CopyDirection::kOut, value.copied_bytes);
      item.value = std::move(value.bytes);
      return absl::OkStatus();
    });
    item.output = TokenizerOutput();
  }
  const absl::Time now = MonotonicNow();
  if (item.status.ok()) {
    item.timings.postprocess = now - item.computed;
    item.timings.total = now - arrival_;
    context_.metrics->RecordItem(op_, model_->key, item.tokens, item.timings, item.pixels);
  }
  if (remaining_.fetch_sub(1) == 1) EndItems(i);
}

absl::Status ItemCall::CheckOutput(const Item& item, bool finite) const {
  if (!item.finite_input || finite) return absl::OkStatus();
  context_.metrics->RecordNonfinite(model_->key);
  return absl::InternalError(StrCat("model '", model_->key.name, "' gave NaN or infinity for finite input"));
}

void ItemCall::EndItems(int last_item) {
  int64_t tokens = 0;
  const absl::Duration total = MonotonicNow() - arrival_;
  for (int i = 0; i < request_.num_items; ++i) {
    Item& item = items_[i];
    if (item.status.ok()) {
      tokens += item.tokens;
    } else {
      item.timings.total = total;
      context_.metrics->RecordItemError(model_->key, item.status.code(), item.place);
    }
    trace_.AddItem({.start = arrival_,
                    .tokens = item.tokens,
                    .ok = item.status.ok(),
                    .timings = item.timings,
                    .batch = item.batch});
    EndItem(i, item.status, item.status.ok() ? item.tokens : 0, item.timings);
  }
  const Item& last = items_[last_item];
  last.timings.WriteTo(reply_timings());
  End(request_.num_items == 1 ? last.status : absl::OkStatus(), tokens, last.timings);
}

void ItemCall::End(const absl::Status& status, int64_t tokens, const RequestTimings& timings) {
  CallEnd end{.ticket = std::move(ticket_), .permit = std::move(permit_), .status = status};
  if (status.ok()) {
    std::vector<grpc::Slice> values;
    for (Item& item : items_) values.push_back(std::move(item.value));
    end.reply = Serialize(std::move(values));
  }
  RequestTimings call_timings = timings;
  call_timings.total = MonotonicNow() - arrival_;
  const auto reply_bytes = static_cast<int64_t>(end.reply.Length());
  context_.metrics->RecordCall({.op = op_,
                                .model = model_ != nullptr ? model_->key : ModelKey(),
                                .code = status.code(),
                                .rejection = ErrorReason(status),
                                .duration = call_timings.total,
                                .bytes_in = request_bytes_,
                                .bytes_out = reply_bytes,
                                .items = request_.num_items,
                                .error = {status.message().data(), status.message().size()}});
  Log(status, tokens, call_timings);
  trace_.End({.model = model_ != nullptr ? &model_->key : nullptr,
              .images = request_.num_items,
              .tokens = tokens,
              .request_id = request_id_,
              .status = status});
  if (const Admission::Load load = end.permit.load(); load.items > 0) {
    context_.metrics->AddQueued(model_->worker->device(), -load.items, -load.tokens);
  }
  end.permit.Keep({.bytes = reply_bytes});
  std::move(done_)(std::move(end));
}

void ItemCall::Log(const absl::Status& status, int64_t tokens, const RequestTimings& timings) const {
  LogRequest(status.code(), [&] {
    std::vector<LogField> fields = {
        {"request_id", request_id_},
        {"identity", caller_.identity.ok() ? caller_.identity->name : std::string()},
        {"method", std::string(MethodName(op_))},
        {"model", model_ != nullptr ? model_->key.ToString() : std::string()},
        {"images", int64_t{request_.num_items}},
        {"tokens", tokens},
        {"queue_us", absl::ToInt64Microseconds(timings.queue)},
        {"compute_us", absl::ToInt64Microseconds(timings.compute)},
        {"total_us", absl::ToInt64Microseconds(timings.total)},
        {"code", std::string(CodeName(status.code()))},
    };
    if (!status.ok()) fields.push_back({"error", WireMessage(status)});
    if (absl::IsUnauthenticated(status)) fields.push_back({"peer", caller_.peer});
    if (std::string trace = trace_.trace_id(); !trace.empty()) fields.push_back({"trace_id", std::move(trace)});
    return fields;
  });
}

}  // namespace vitok
