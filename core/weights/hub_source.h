// Names of models of the hub. Asks nobody: whether such a model is there is for the fetching (hub.h).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace vitok {

// What a name leads to.
struct HubSource {
  std::string repository;         // "org/repo"
  std::string revision = "main";  // a branch, a tag or a commit
  std::string published_name;     // "350M-f16x64"; empty: named by its repository

  bool operator==(const HubSource&) const = default;
};

struct PublishedModel {
  std::string_view name;        // "350M-f16x64": parameters, patch side, latent channels
  std::string_view repository;  // "org/repo", with encoder.safetensors and decoder.safetensors
};

// The models of the ViTok-v2 publication, as the registry of its reference implementation names them.
absl::Span<const PublishedModel> PublishedModels();

// "350M-f16x64", "org/repo", either with "@revision". Upper and lower case differ. NOT_FOUND: a name without '/' that
// is not published, with the list of those that are. INVALID_ARGUMENT: no such form. What it accepts is safe as a part
// of paths and URLs.
absl::StatusOr<HubSource> ParseHubSource(std::string_view text);

// "org/repo" of letters, digits, '.', '_' and '-'; safe as a part of paths and URLs.
bool IsHubRepository(std::string_view name);

// INVALID_ARGUMENT: names no revision, as "../a" or "a b" do.
absl::Status CheckHubRevision(std::string_view revision);

// 40 lower-case hex digits: a commit, which never changes.
bool IsCommit(std::string_view revision);

}  // namespace vitok
