#include "server/security/identity.h"

namespace vitok {

std::string_view RoleName(Role role) {
  switch (role) {
    case Role::kInfer: return "infer";
    case Role::kAdmin: return "admin";
  }
  return "";
}

std::optional<Role> ParseRole(std::string_view name) {
  for (const Role role : {Role::kInfer, Role::kAdmin}) {
    if (RoleName(role) == name) return role;
  }
  return std::nullopt;
}

RoleSet RoleSet::All() {
  RoleSet all;
  all.Add(Role::kInfer);
  all.Add(Role::kAdmin);
  return all;
}

}  // namespace vitok
