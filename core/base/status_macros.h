// Early return on errors, for functions that return absl::Status or absl::StatusOr.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define VITOK_STATUS_CONCAT_INNER(a, b) a##b
#define VITOK_STATUS_CONCAT(a, b) VITOK_STATUS_CONCAT_INNER(a, b)

// Returns the status of `expr` from the enclosing function unless it is OK.
#define VITOK_RETURN_IF_ERROR(expr)                     \
  do {                                                  \
    if (absl::Status status_ = (expr); !status_.ok()) { \
      return status_;                                   \
    }                                                   \
  } while (false)

// Evaluates `expr` (a StatusOr<T>); assigns its value to `lhs` or returns its status.
//   VITOK_ASSIGN_OR_RETURN(RgbImage image, DecodeImage(bytes, limits));
#define VITOK_ASSIGN_OR_RETURN(lhs, expr) \
  VITOK_ASSIGN_OR_RETURN_INNER(VITOK_STATUS_CONCAT(status_or_, __LINE__), lhs, expr)
// NOLINTBEGIN(bugprone-macro-parentheses): a declaration cannot stand in parentheses.
#define VITOK_ASSIGN_OR_RETURN_INNER(status_or, lhs, expr) \
  auto status_or = (expr);                                 \
  if (!status_or.ok()) return status_or.status();          \
  lhs = *std::move(status_or)
// NOLINTEND(bugprone-macro-parentheses)
