#include "actors/device_names.hpp"

#include <algorithm>

namespace tutti {

std::string device_names::arrive(int handle, const std::string& name, const std::string& place) {
  auto& numbers = numbers_[name];
  auto find = [&](auto fits) { return std::find_if(numbers.begin(), numbers.end(), fits); };
  auto found = find([&](const number& one) { return one.taken && one.handle == handle; });
  if (found == numbers.end() && !place.empty())
    found = find([&](const number& one) { return !one.taken && one.place == place; });
  if (found == numbers.end())
    found = find([](const number& one) { return !one.taken; });
  if (found == numbers.end())
    found = numbers.insert(numbers.end(), number{});
  *found = {place, handle, true};
  auto position = found - numbers.begin() + 1;
  return position == 1 ? name : name + " (" + std::to_string(position) + ')';
}

void device_names::leave(int handle) {
  for (auto& [name, numbers] : numbers_)
    for (auto& one : numbers)
      if (one.taken && one.handle == handle)
        one.taken = false;
}

} // namespace tutti
