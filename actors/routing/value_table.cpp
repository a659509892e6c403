#include "actors/routing/value_table.hpp"

#include <algorithm>
#include <cmath>

namespace tutti::routing {
namespace {

double curved(const config::value_map& map, double value) {
  const auto& points = map.points;
  if (points.empty())
    return map.gamma == 1 ? value : 127 * std::pow(value / 127, map.gamma);
  auto after = std::find_if(points.begin(), points.end(),
                            [&](const auto& point) { return point.first >= value; });
  if (after == points.begin())
    return points.front().second;
  if (after == points.end())
    return points.back().second;
  auto before = after - 1;
  double part = (value - before->first) / (after->first - before->first);
  return before->second + part * (after->second - before->second);
}

} // namespace

value_table make_value_table(const config::value_map& map) {
  value_table table;
  for (int i = 0; i < 128; ++i) {
    double value = map.invert ? 127 - i : i;
    value = std::floor(curved(map, value) * map.scale + map.offset + 0.5);
    if (map.fixed)
      value = *map.fixed;
    value = std::clamp(value, double(map.lowest), double(map.highest));
    table[std::size_t(i)] = static_cast<std::uint8_t>(std::clamp(value, 0.0, 127.0));
  }
  return table;
}

} // namespace tutti::routing
