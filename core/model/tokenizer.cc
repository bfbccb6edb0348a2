#include "core/model/tokenizer.h"

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {

absl::StatusOr<BatchKind> KindOf(absl::Span<const TokenizerItem> items) {
  if (items.empty()) return absl::InvalidArgumentError("a batch must have at least 1 item; had 0");
  const auto kind = [](const TokenizerItem& item) {
    if (std::holds_alternative<LatentSequence>(item.input)) return BatchKind::kDecode;
    return item.form == OutputForm::kLatents ? BatchKind::kEncode : BatchKind::kReconstruct;
  };
  const BatchKind first = kind(items.front());
  for (size_t i = 0; i < items.size(); ++i) {
    if (kind(items[i]) != first) {
      return absl::InvalidArgumentError(StrCat("all items of a batch must be of one kind; item ", i, " was not"));
    }
    if (first == BatchKind::kDecode && items[i].form == OutputForm::kLatents) {
      return absl::InvalidArgumentError(
          StrCat("latents can become patches or a picture; item ", i, " asked for latents"));
    }
  }
  return first;
}

absl::StatusOr<std::vector<TokenizerOutput>> Tokenizer::Run(absl::Span<const TokenizerItem> items, BatchTimes& times) {
  VITOK_ASSIGN_OR_RETURN(const std::unique_ptr<PendingBatch> pending, Submit(items));
  return pending->Wait(times);
}

}  // namespace vitok
