// Who calls, and what they may do.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vitok {

// What a call needs. Roles are independent of each other: an administrator who also encodes has both.
enum class Role {
  kInfer,  // Encode, Decode, Reconstruct, ListModels, GetServerInfo
  kAdmin,  // changing what the server does
};

// "infer", "admin"; nullopt for any other name.
std::string_view RoleName(Role role);
std::optional<Role> ParseRole(std::string_view name);

class RoleSet {
 public:
  static RoleSet All();

  void Add(Role role) { bits_ |= Bit(role); }
  bool Has(Role role) const { return (bits_ & Bit(role)) != 0; }

  bool operator==(const RoleSet&) const = default;

 private:
  static unsigned Bit(Role role) { return 1U << static_cast<unsigned>(role); }

  unsigned bits_ = 0;
};

// The same name may stand behind several tokens (an old one and its successor). Never holds a token.
struct Identity {
  std::string name;
  RoleSet roles;
};

}  // namespace vitok
