#include "server/stream_call.h"

#include <utility>
#include <vector>

#include "core/base/log.h"
#include "core/base/monotonic_clock.h"
#include "core/base/str_cat.h"
#include "server/new_call.h"
#include "server/reply_bytes.h"
#include "server/request_bytes.h"
#include "server/status_details.h"

namespace vitok {
namespace {

std::string_view StreamMethod(TokenizerOp op) {
  switch (op) {
    case TokenizerOp::kEncode: return "vitok.v1.Tokenizer/EncodeStream";
    case TokenizerOp::kDecode: return "vitok.v1.Tokenizer/DecodeStream";
    case TokenizerOp::kReconstruct: break;
  }
  return "vitok.v1.Tokenizer/ReconstructStream";
}

}  // namespace

StreamCall* StreamCall::Start(const ServiceContext& context, TokenizerOp op, grpc::CallbackServerContext* rpc) {
  const std::shared_ptr<StreamCall> stream(new StreamCall(context, op, rpc));
  stream->self_ = stream;
  if (!stream->caller_.identity.ok()) stream->End(stream->caller_.identity.status());
  // Elsewhere, since the gate calls under its lock.
  stream->drain_watch_ = context.gate->Watch([weak = stream->weak_from_this(), jobs = context.jobs] {
    if (std::shared_ptr<StreamCall> open = weak.lock()) {
      jobs->Schedule([open = std::move(open)] {
        open->End(DrainingError());
        open->Advance();
      });
    }
  });
  stream->Advance();
  return stream.get();
}

StreamCall::StreamCall(const ServiceContext& context, TokenizerOp op, grpc::CallbackServerContext* rpc)
    : context_(context),
      op_(op),
      rpc_(rpc),
      caller_(ReadCaller(context, *rpc, StreamMethod(op))),
      opened_(MonotonicNow()) {}

void StreamCall::End(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  if (std::exchange(ended_, true)) return;
  status_ = std::move(status);
}

void StreamCall::OnReadDone(bool ok) {
  const std::shared_ptr<StreamCall> self = self_;
  if (ok) {
    StartCall(incoming_);
  } else {
    // A stream that is cut off ends reading too, before OnCancel comes.
    End(rpc_->IsCancelled() ? absl::CancelledError("cancelled by the client") : absl::OkStatus());
  }
  incoming_.Clear();
  {
    absl::MutexLock lock(&mutex_);
    reading_ = false;
  }
  Advance();
}

void StreamCall::StartCall(const grpc::ByteBuffer& message) {
  absl::StatusOr<Envelope> envelope = OpenEnvelope(message);
  if (!envelope.ok()) {
    End(envelope.status());
    return;
  }
  const uint64_t number = ++last_number_;
  const std::shared_ptr<ItemCall> call =
      NewCall(context_, op_, caller_, [self = shared_from_this(), number, id = envelope->id](CallEnd end) {
        self->OnCallEnd(number, id, std::move(end));
      });
  {
    absl::MutexLock lock(&mutex_);
    calls_[number] = call;
    if (cancelled_) call->Cancel();
  }
  call->Start(envelope->request);
}

void StreamCall::OnCallEnd(uint64_t number, uint64_t id, CallEnd end) {
  const bool ok = end.status.ok();
  Reply reply{.bytes = CloseEnvelope(id, ToRpcStatus(end.status), ok ? &end.reply : nullptr), .end = std::move(end)};
  reply.end.reply.Clear();
  {
    absl::MutexLock lock(&mutex_);
    calls_.erase(number);
    if (!cancelled_) replies_.push_back(std::move(reply));
  }
  Advance();
}

void StreamCall::OnWriteDone(bool ok) {
  const std::shared_ptr<StreamCall> self = self_;
  context_.sends->End(send_watch_);
  Reply written;
  {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    written = std::move(replies_.front());
    replies_.pop_front();
  }
  if (!ok) OnCancel();  // the client is gone; nothing else can be written
  Advance();
}

void StreamCall::OnCancel() {
  const std::shared_ptr<StreamCall> self = self_;
  std::vector<std::shared_ptr<ItemCall>> calls;
  std::deque<Reply> dropped;
  {
    absl::MutexLock lock(&mutex_);
    cancelled_ = true;
    ended_ = true;
    if (!finished_) status_ = absl::CancelledError("cancelled by the client");
    for (const auto& [number, call] : calls_) calls.push_back(call);
    while (replies_.size() > (writing_ ? 1 : 0)) {
      dropped.push_back(std::move(replies_.back()));
      replies_.pop_back();
    }
  }
  for (const std::shared_ptr<ItemCall>& call : calls) call->Cancel();
  Advance();
}

void StreamCall::OnDone() {
  context_.gate->Forget(drain_watch_);
  Log();
  self_.reset();
}

void StreamCall::Log() {
  absl::MutexLock lock(&mutex_);
  LogEvent(spdlog::level::info, "stream",
           {{{"method", std::string(caller_.method)},
             {"identity", caller_.identity.ok() ? caller_.identity->name : std::string()},
             {"peer", caller_.peer},
             {"requests", static_cast<int64_t>(last_number_)},
             {"total_us", absl::ToInt64Microseconds(MonotonicNow() - opened_)},
             {"code", std::string(CodeName(status_.code()))},
             {"error", std::string(status_.message())}}});
}

void StreamCall::Advance() {
  const std::shared_ptr<StreamCall> self = shared_from_this();
  {
    absl::MutexLock lock(&mutex_);
    if (std::exchange(advancing_, true)) return;  // that thread looks again after its step
  }
  for (;;) {
    Step step = Step::kNone;
    const grpc::ByteBuffer* reply = nullptr;
    grpc::Status status;
    {
      absl::MutexLock lock(&mutex_);
      step = NextStep();
      reading_ |= step == Step::kRead;
      writing_ |= step == Step::kWrite;
      finished_ |= step == Step::kFinish;
      if (step == Step::kNone) advancing_ = false;
      if (step == Step::kWrite) reply = &replies_.front().bytes;
      if (step == Step::kFinish) status = ToGrpcStatus(status_);
    }
    // gRPC may call back before these return.
    switch (step) {
      case Step::kNone: return;
      case Step::kRead: StartRead(&incoming_); break;
      case Step::kWrite:
        send_watch_ = context_.sends->Begin([this] { rpc_->TryCancel(); });
        StartWrite(reply);
        break;
      case Step::kFinish: Finish(status); break;
    }
  }
}

StreamCall::Step StreamCall::NextStep() {
  if (finished_) return Step::kNone;
  if (!writing_ && !replies_.empty()) return Step::kWrite;
  if (ended_) return calls_.empty() && !writing_ ? Step::kFinish : Step::kNone;
  const size_t open = calls_.size() + replies_.size();
  return !reading_ && open < static_cast<size_t>(context_.options->limits.max_stream_requests) ? Step::kRead
                                                                                               : Step::kNone;
}

}  // namespace vitok
