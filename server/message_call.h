// What the three methods' requests and replies have in common, whatever their items are.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "server/item_call.h"
#include "server/reply_bytes.h"
#include "server/request_bytes.h"
#include "server/status_details.h"

namespace vitok {

template <typename RequestMessage, typename ResponseMessage>
class MessageCall : public ItemCall {
 protected:
  using ItemCall::ItemCall;

  // Items read from it may share its memory; it stays as long as the call.
  const RequestMessage& request() const { return request_; }
  auto* result(int item) { return response_.mutable_results(item); }

 private:
  virtual int num_items() const = 0;

  absl::StatusOr<Request> Parse(const grpc::ByteBuffer& bytes) final {
    VITOK_RETURN_IF_ERROR(ParseMessage(bytes, &request_));
    context().metrics->RecordCopy(ServerMetrics::CopyDirection::kIn, static_cast<int64_t>(bytes.Length()));
    return Request{
        .num_items = num_items(), .allow_nonfinite = request_.allow_nonfinite(), .priority = request_.priority()};
  }

  void AddResults() final {
    response_.set_model(model().key.name);
    response_.set_model_version(model().key.version);
    for (int i = 0; i < num_items(); ++i) response_.add_results();
  }

  void EndItem(int item, const absl::Status& status, int64_t tokens, const RequestTimings& timings) final {
    auto* const ended = result(item);
    if (!status.ok()) ended->Clear();
    *ended->mutable_status() = ToRpcStatus(status);
    ended->set_tokens(tokens);
    timings.WriteTo(ended->mutable_timings());
  }

  v1::Timings* reply_timings() final { return response_.mutable_timings(); }

  grpc::ByteBuffer Serialize(std::vector<grpc::Slice> values) final {
    ReplyWriter writer;
    auto results = std::move(*response_.mutable_results());
    response_.clear_results();
    writer.Append(response_);
    for (size_t i = 0; i < values.size(); ++i) AppendResult(results.Mutable(i), std::move(values[i]), writer);
    grpc::ByteBuffer reply = writer.Finish();
    context().metrics->RecordCopy(ServerMetrics::CopyDirection::kOut, writer.copied_bytes());
    return reply;
  }

  RequestMessage request_;
  ResponseMessage response_;
};

}  // namespace vitok
