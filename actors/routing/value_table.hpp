// A value map as a table of its 128 results.
// Decides: the arithmetic of config::value_map, in its order.
// Thread: values; no shared state.
#pragma once

#include "config/rule.hpp"

#include <array>
#include <cstdint>

namespace tutti::routing {

using value_table = std::array<std::uint8_t, 128>;

value_table make_value_table(const config::value_map& map);

} // namespace tutti::routing
