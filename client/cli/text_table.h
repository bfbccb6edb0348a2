// Columns of text for people.
#pragma once

#include <string>
#include <vector>

namespace vitok {

// One line a row, columns as wide as their longest cell and two spaces apart. REQUIRES: rows of the same length, at
// least one.
std::string TextTable(const std::vector<std::vector<std::string>>& rows);

}  // namespace vitok
