// What an administrator learns about the models of a server.
#pragma once

#include <string>

#include "nlohmann/json.hpp"
#include "vitok/v1/admin.pb.h"

namespace vitok {

nlohmann::ordered_json ToJson(const v1::ModelStatus& model);

// A table with a header line, one line a model.
std::string AdminTable(const v1::ListAllModelsResponse& models);

}  // namespace vitok
