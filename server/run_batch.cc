#include "server/run_batch.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/model/device.h"
#include "server/exceptions.h"
#include "server/status_details.h"

namespace vitok {
namespace {

using Results = std::vector<absl::StatusOr<TokenSequence>>;

constexpr absl::Duration kMemoryRetryDelay = absl::Seconds(1);

template <typename Sequence>
absl::StatusOr<std::vector<TokenSequence>> CheckOutputs(absl::StatusOr<std::vector<Sequence>> outputs,
                                                        size_t expected) {
  if (!outputs.ok()) return outputs.status();
  if (outputs->size() != expected) {
    return absl::InternalError(
        StrCat("tokenizer must return ", expected, " sequences for as many inputs; was ", outputs->size()));
  }
  return std::vector<TokenSequence>(std::make_move_iterator(outputs->begin()), std::make_move_iterator(outputs->end()));
}

template <typename Sequence>
std::vector<Sequence> Of(std::vector<TokenSequence> inputs) {
  std::vector<Sequence> sequences;
  sequences.reserve(inputs.size());
  for (TokenSequence& input : inputs) sequences.push_back(std::get<Sequence>(std::move(input)));
  return sequences;
}

template <typename Sequence>
absl::StatusOr<std::vector<TokenSequence>> RunOnce(Tokenizer& tokenizer, TokenizerOp op,
                                                   absl::Span<const Sequence> inputs, BatchTimes& times) {
  if constexpr (std::is_same_v<Sequence, LatentSequence>) {
    return CheckOutputs(tokenizer.Decode(inputs, times), inputs.size());
  } else if (op == TokenizerOp::kEncode) {
    return CheckOutputs(tokenizer.Encode(inputs, times), inputs.size());
  } else {
    return CheckOutputs(tokenizer.Reconstruct(inputs, times), inputs.size());
  }
}

void AppendAll(const absl::Status& status, size_t count, Results& results) {
  for (size_t i = 0; i < count; ++i) results.emplace_back(status);
}

template <typename Sequence>
void Run(const LoadedModel& model, TokenizerOp op, absl::Span<const Sequence> inputs, bool may_split, BatchTimes& times,
         Results& results) {
  BatchTimes once;
  absl::StatusOr<std::vector<TokenSequence>> outputs = CatchExceptions(
      StrCat("model '", model.key.name, "'"), [&] { return RunOnce<Sequence>(*model.tokenizer, op, inputs, once); });
  times.host_to_device += once.host_to_device;
  times.compute += once.compute;
  times.device_to_host += once.device_to_host;
  if (outputs.ok()) {
    std::move(outputs->begin(), outputs->end(), std::back_inserter(results));
  } else if (!absl::IsResourceExhausted(outputs.status())) {
    AppendAll(outputs.status(), inputs.size(), results);
  } else if (may_split && inputs.size() > 1) {
    ReleaseCachedMemory(model.info().device);
    const size_t half = inputs.size() / 2;
    Run(model, op, inputs.first(half), /*may_split=*/false, times, results);
    Run(model, op, inputs.subspan(half), /*may_split=*/false, times, results);
  } else {
    AppendAll(QueueFullError(kReasonDeviceMemory, std::string(outputs.status().message()), kMemoryRetryDelay),
              inputs.size(), results);
  }
}

}  // namespace

Results RunBatch(const LoadedModel& model, TokenizerOp op, std::vector<TokenSequence> inputs, BatchTimes& times) {
  Results results;
  results.reserve(inputs.size());
  if (op == TokenizerOp::kDecode) {
    Run<LatentSequence>(model, op, Of<LatentSequence>(std::move(inputs)), /*may_split=*/true, times, results);
  } else {
    Run<PatchSequence>(model, op, Of<PatchSequence>(std::move(inputs)), /*may_split=*/true, times, results);
  }
  return results;
}

}  // namespace vitok
