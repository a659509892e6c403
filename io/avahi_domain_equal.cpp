#include "io/avahi_domain_equal.hpp"

#include <avahi-common/domain.h>
#include <dlfcn.h>

#include <cstring>

namespace tutti::io {

namespace {

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
/// Stands for itself in a label, and ends none.
bool is_plain(char c) noexcept {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' || c == '_';
}

/// Octets of the escape sequence that begins here; 0 if it is none.
std::size_t escape_size(const char* at) noexcept {
  if (is_digit(at[1]))
    return is_digit(at[2]) && is_digit(at[3]) ? 4 : 0;
  return at[1] == '.' || at[1] == '\\' ? 2 : 0;
}

} // namespace

std::optional<bool> is_same_domain(const char* a, const char* b) noexcept {
  while (*a == *b || (is_plain(*a) && is_plain(*b))) {
    if (*a == '\0')
      return true;
    if (lower(*a) != lower(*b))
      return false;
    auto size = *a == '\\' ? escape_size(a) : 1;
    if (size == 0 || (size > 1 && std::strncmp(a, b, size) != 0))
      return {};
    a += size;
    b += size;
  }
  return {};
}

} // namespace tutti::io

extern "C" int avahi_domain_equal(const char* a, const char* b) {
  if (auto same = tutti::io::is_same_domain(a, b))
    return *same ? 1 : 0;
  static const auto original =
      reinterpret_cast<decltype(&avahi_domain_equal)>(::dlsym(RTLD_NEXT, "avahi_domain_equal"));
  return original(a, b);
}
