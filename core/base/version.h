// The project's version, from CMakeLists.txt.
#pragma once

#include <string_view>

namespace vitok {

// "MAJOR.MINOR.PATCH".
std::string_view Version();

}  // namespace vitok
