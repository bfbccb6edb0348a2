// Models of the model hub as files of this machine: downloads into a cache that is shared with the hub's own library.
// Free of torch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/weights/hub_options.h"
#include "core/weights/hub_source.h"
#include "core/weights/model_files.h"

namespace vitok {

// A model on this machine.
struct LocalModel {
  std::string path;                // what LoadOptions::folder takes: a folder, or a file that is all of the model
  std::vector<std::string> files;  // that hold the wanted halves, as paths
  std::string commit;              // of the hub; empty: not from there
};

// A path that exists (a folder or a file), left as it is, or a model of the hub: see ParseHubSource. A published name
// means the published model even where a folder has that name; "./NAME" is the folder. Errors of FindModelFiles,
// ParseHubSource and FetchModel.
absl::StatusOr<LocalModel> ResolveModel(std::string_view name, WantedHalves wanted, const HubOptions& options);

// A model of the hub. What the cache has of a commit is used without asking anybody; of a branch or tag the hub is
// asked for its commit. If it does not answer, or not to us, the commit of the last time is used, with a warning; so it
// is offline, without. A repository holds a model in one of the forms of FindModelFiles; all files are of one commit,
// and refs/REVISION leads to it when all are there. A half that the repository does not have is left out, unless the
// model is a published one.
//
//   VITOK_ASSIGN_OR_RETURN(HubSource source, ParseHubSource("350M-f16x64"));
//   VITOK_ASSIGN_OR_RETURN(HubOptions options, HubOptionsFromEnvironment(std::getenv));
//   VITOK_ASSIGN_OR_RETURN(LocalModel model, FetchModel(source, {}, options));
//
// NOT_FOUND: the hub has no such repository, revision or files; or offline, and not in the cache; other errors of
// HubConnection::Ask and DownloadBlob. Messages name the model. Several threads and processes may fetch the same.
absl::StatusOr<LocalModel> FetchModel(const HubSource& source, WantedHalves wanted, const HubOptions& options);

struct VerifiedFile {
  enum class Result {
    kGood,
    kNoDigest,  // the hub's name of these bytes is no SHA-256: small files, mirrors
    kBad,
  };
  std::string file;
  std::string path;  // of the blob that holds its bytes
  int64_t bytes = 0;
  Result result = Result::kGood;
  std::string expected, digest;  // of a bad one
};

// Reads all weights of a model in the cache and compares their SHA-256 with what the hub said when they were
// downloaded. Asks nobody. NOT_FOUND: it is not in the cache; CANCELLED; errors of Sha256OfFile.
absl::StatusOr<std::vector<VerifiedFile>> VerifyModel(const HubSource& source, const HubOptions& options);

}  // namespace vitok
