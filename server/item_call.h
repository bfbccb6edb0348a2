// The way of one Encode, Decode or Reconstruct request, from its bytes to those of its reply.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "server/batching/admission.h"
#include "server/drain_gate.h"
#include "server/request_timings.h"
#include "server/security/identity.h"
#include "server/service_context.h"
#include "server/tensor_convert.h"
#include "server/tokenizer_task.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {

// Who sends a request, and by which way.
struct Caller {
  absl::StatusOr<Identity> identity;             // an error: may not ask
  absl::Time deadline = absl::InfiniteFuture();  // by MonotonicNow
  std::string peer;
  const Tracer::Metadata* metadata = nullptr;  // of the call or stream, which outlives the request
  std::string_view method;                     // "vitok.v1.Tokenizer/Encode"
};

// How a request ended. To be kept until the reply has left: it bounds the memory of replies under way, and lets the
// server wait for them when it shuts down.
struct CallEnd {
  DrainGate::Ticket ticket;  // outlives the permit: the server may be gone after it
  Admission::Permit permit;
  absl::Status status;
  grpc::ByteBuffer reply;  // if OK
};

// The steps are the same for all three methods; the subclasses know how items are read and results are written.
//
//   1. Start, on gRPC's thread: checks who calls and whether there is room, parses, counts the tokens of every item
//   from
//      headers and shapes, takes the permit. Never blocks.
//   2. PrepareItem, on the pool (a single small item: at once): decodes and preprocesses, all items in parallel.
//   3. ScheduleTasks: the good items go to the device's queue together.
//   4. FinishItem, on the pool (a small item alone in its batch: at once): writes each result.
//   5. EndItems, by whichever thread ends the last item.
//
// An item that fails on the way keeps its error and takes no further step. Whoever brought the request (a unary call, a
// stream) owns it, together with the jobs that work on it.
class ItemCall : public std::enable_shared_from_this<ItemCall> {
 public:
  // Called exactly once, on any thread, possibly before Start returns; must not block.
  using Done = absl::AnyInvocable<void(CallEnd) &&>;

  virtual ~ItemCall() = default;

  // Must be called once, right after construction. `request` is not needed afterwards.
  void Start(const grpc::ByteBuffer& request);

  // Ends the work as soon as possible, with CANCELLED where it was not done. At any time, on any thread.
  void Cancel();

  const std::string& request_id() const { return request_id_; }

 protected:
  // What the steps need to know of a parsed request.
  struct Request {
    int num_items = 0;
    bool allow_nonfinite = false;
    v1::Priority priority = v1::PRIORITY_UNSPECIFIED;
  };

  // `items_field`: what items are called in the request ("images").
  ItemCall(const ServiceContext& context, TokenizerOp op, std::string_view items_field, Caller caller, Done done);

  const ServiceContext& context() const { return context_; }
  const LoadedModel& model() const { return *model_; }  // from CheckOptions on
  std::string ItemField(int item) const;                // "images[2]"

  virtual absl::StatusOr<Request> Parse(const grpc::ByteBuffer& bytes) = 0;
  // Checks the request's options. An error ends the call.
  virtual absl::Status CheckOptions() = 0;
  // Puts the model's name and an empty result an item into the reply.
  virtual void AddResults() = 0;
  virtual absl::StatusOr<int64_t> CountTokens(int item) = 0;
  // Whether the item must be decoded, which takes long for its bytes.
  virtual bool IsPictureFile(int item) const = 0;
  // Whether results must be compressed, which takes long as well.
  virtual bool WritesPictureFiles() const = 0;

  // What becomes of every item.
  virtual OutputForm output_form() const = 0;

  // From here on: called for different items in parallel. What ReadItem returns may be a view of what this call owns.
  virtual absl::StatusOr<TokenizerInput> ReadItem(int item) = 0;
  // Writes everything but the item's large value, which it returns, and whether all values of `output` are finite:
  // whoever writes them reads them anyway.
  virtual absl::StatusOr<WrittenValue> WriteItem(int item, const TokenizerOutput& output) = 0;
  // Called last for each item; a result with an error must hold nothing else of it.
  virtual void EndItem(int item, const absl::Status& status, int64_t tokens, const RequestTimings& timings) = 0;

  virtual v1::Timings* reply_timings() = 0;
  // The whole reply, with a value an item. Called once, when all items have ended.
  virtual grpc::ByteBuffer Serialize(std::vector<grpc::Slice> values) = 0;

 private:
  struct Item {
    absl::Status status;
    int64_t tokens = 0;
    bool finite_input = true;
    TokenizerInput input;
    TokenizerOutput output;
    int64_t pixels = 0;  // of the image; 0 for latents
    int64_t bytes = 0;   // of input and output
    ItemPlace place = ItemPlace::kBeforePreprocess;
    SpanContext batch;  // the span of its batch
    grpc::Slice value;  // of the reply
    RequestTimings timings;
    absl::Time computed;  // end of its batch
  };

  absl::Status Admit(const grpc::ByteBuffer& request);
  absl::Status CheckItemCount(int64_t count, int64_t least) const;
  absl::Status CheckDeadline(const BatchSize& size) const;
  absl::Status CheckAlive() const;
  void PrepareItem(int item);
  void ScheduleTasks();
  void OnTaskDone(int item, absl::StatusOr<TokenizerOutput> output, const TaskTimes& times);
  void FinishItem(int item);
  absl::Status CheckOutput(const Item& item, bool finite) const;
  void EndItems(int last_item);
  void End(const absl::Status& status, int64_t tokens, const RequestTimings& timings);
  void Log(const absl::Status& status, int64_t tokens, const RequestTimings& timings) const;

  const ServiceContext& context_;
  const TokenizerOp op_;
  const std::string_view items_field_;
  const Caller caller_;
  Done done_;
  const std::string request_id_;
  const absl::Time arrival_;
  const uint64_t number_;  // of this call, for the batcher

  std::atomic<bool> cancelled_{false};
  std::atomic<DeviceWorker*> worker_{nullptr};  // where its tasks are, once they are

  Request request_;
  int64_t request_bytes_ = 0;
  RequestTrace trace_;
  DrainGate::Ticket ticket_;
  std::shared_ptr<LoadedModel> model_;
  Priority priority_ = Priority::kInteractive;
  Admission::Permit permit_;
  std::vector<Item> items_;
  absl::Time ready_;               // end of preparation
  std::atomic<int> remaining_{0};  // items that have not ended the current step
};

}  // namespace vitok
