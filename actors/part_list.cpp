#include "actors/part_list.hpp"

#include <algorithm>

namespace tutti {

std::vector<caf::actor> part_list::want(std::vector<part> wanted) {
  auto former = std::exchange(parts_, std::move(wanted));
  for (auto& now : parts_) {
    auto same = std::find_if(former.begin(), former.end(), [&](const part& before) {
      return before.what == now.what && before.same_settings(before.settings, now.settings);
    });
    if (same == former.end())
      continue;
    now.handle = std::move(same->handle);
    now.has_failed = same->has_failed;
    former.erase(same);
    if (now.handle && now.update)
      now.update(now.handle);
  }
  std::vector<caf::actor> leaving;
  for (auto& gone : former)
    if (gone.handle) {
      departing_.push_back({gone.what, gone.handle.address()});
      leaving.push_back(std::move(gone.handle));
    }
  return leaving;
}

std::vector<part*> part_list::startable() {
  std::vector<part*> out;
  for (auto& one : parts_) {
    auto follows = [&](const departing& before) { return before.what == one.what; };
    if (!one.handle && std::none_of(departing_.begin(), departing_.end(), follows))
      out.push_back(&one);
  }
  return out;
}

part* part_list::on_down(const caf::actor_addr& address) {
  std::erase_if(departing_, [&](const departing& one) { return one.address == address; });
  for (auto& one : parts_)
    if (one.handle && one.handle.address() == address) {
      one.handle = nullptr;
      return &one;
    }
  return nullptr;
}

bool part_list::all_down() const noexcept {
  return departing_.empty() && std::none_of(parts_.begin(), parts_.end(),
                                            [](const part& one) { return bool(one.handle); });
}

} // namespace tutti
