// What the program takes from its environment; read in main only.
#pragma once

#include <string>

namespace vitok {

struct Environment {
  std::string token;  // VITOK_TOKEN; empty: not set
};

}  // namespace vitok
