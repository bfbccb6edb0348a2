// What a user learns about a server and its models.
#pragma once

#include <string>
#include <vector>

#include "client/tokenizer_types.h"
#include "nlohmann/json.hpp"

namespace vitok {

nlohmann::ordered_json ToJson(const ModelInfo& model);
nlohmann::ordered_json ToJson(const ServerInfo& info);

// A table with a header line, one line a model.
std::string ModelTable(const std::vector<ModelInfo>& models);

// Version, build and limits, one a line.
std::string InfoText(const ServerInfo& info);

}  // namespace vitok
