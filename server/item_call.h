// The way of one Encode, Decode or Reconstruct call, from arrival to reply.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "server/batching/admission.h"
#include "server/request_timings.h"
#include "server/security/identity.h"
#include "server/service_context.h"
#include "server/tokenizer_task.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {

// The steps are the same for all three methods; the subclasses know how items are read and results are written.
//
//   1. Start, on gRPC's thread: checks who calls and what, counts the tokens of every item from headers and shapes,
//      takes the permit. Never blocks.
//   2. PrepareItem, on the pool: decodes and preprocesses, all items in parallel.
//   3. ScheduleTasks: the good items go to the device's queue together.
//   4. FinishItem, on the pool: writes each result as it comes out of its batch.
//   5. ReplyWithItems, by whichever thread ends the last item.
//
// An item that fails on the way keeps its error and takes no further step. Owns itself: gRPC calls OnDone last.
class ItemCall : public grpc::ServerUnaryReactor {
 public:
  // Must be called once, right after construction.
  void Start();

 protected:
  // What the steps need to know of a request. The message outlives the call.
  struct Request {
    TokenizerOp op = TokenizerOp::kEncode;
    std::string_view model;
    std::string_view items_field;  // "images"
    int num_items = 0;
    bool allow_nonfinite = false;
    v1::Priority priority = v1::PRIORITY_UNSPECIFIED;
    const google::protobuf::Message* message = nullptr;
  };

  ItemCall(const ServiceContext& context, grpc::CallbackServerContext* rpc, const Request& request);

  const ServiceContext& context() const { return context_; }
  const LoadedModel& model() const { return *model_; }  // from CheckOptions on
  std::string ItemField(int item) const;                // "images[2]"

  // Checks the request's options. An error ends the call.
  virtual absl::Status CheckOptions() = 0;
  // Puts the model's name and an empty result an item into the reply.
  virtual void AddResults() = 0;
  virtual absl::StatusOr<int64_t> CountTokens(int item) = 0;

  // From here on: called for different items in parallel.
  virtual absl::StatusOr<TokenSequence> ReadItem(int item) = 0;
  virtual absl::Status WriteItem(int item, const TokenSequence& output) = 0;
  // Called last for each item; a result with an error must hold nothing else of it.
  virtual void EndItem(int item, const absl::Status& status, int64_t tokens, const RequestTimings& timings) = 0;

  virtual v1::Timings* reply_timings() = 0;
  virtual const google::protobuf::Message& reply() const = 0;

 private:
  struct Item {
    absl::Status status;
    int64_t tokens = 0;
    bool finite_input = true;
    TokenSequence sequence;  // what goes into the model, then what came out of it
    RequestTimings timings;
    absl::Time computed;  // end of its batch
  };

  void OnCancel() override;
  void OnDone() override;

  absl::Status Admit();
  absl::Status CheckDeadline(const BatchSize& size) const;
  absl::Status CheckAlive() const;
  void PrepareItem(int item);
  void ScheduleTasks();
  void OnTaskDone(int item, absl::StatusOr<TokenSequence> output, const TaskTimes& times);
  void FinishItem(int item);
  absl::Status CheckOutput(const Item& item) const;
  void ReplyWithItems(int last_item);
  void EndCall(const absl::Status& status, int64_t tokens, const RequestTimings& timings);
  void Log(const absl::Status& status, int64_t tokens, const RequestTimings& timings) const;

  const ServiceContext& context_;
  grpc::CallbackServerContext* const rpc_;
  const Request request_;
  const std::string request_id_;
  const absl::Time arrival_;
  const absl::Time deadline_;
  const uint64_t number_;  // of this call, for the batcher
  const int64_t request_bytes_;
  // Shared, since it is looked at once more when the call may have ended.
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);

  Identity identity_;     // the name is empty until the caller is known
  bool entered_ = false;  // counted by the gate
  std::shared_ptr<LoadedModel> model_;
  Priority priority_ = Priority::kInteractive;
  Admission::Permit permit_;
  std::vector<Item> items_;
  absl::Time ready_;               // end of preparation
  std::atomic<int> remaining_{0};  // items that have not ended the current step
};

}  // namespace vitok
