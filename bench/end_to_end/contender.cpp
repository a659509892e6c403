// See contender.hpp.
#include "bench/end_to_end/contender.hpp"

#include <algorithm>
#include <stdexcept>

namespace tutti::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto join_limit = 10s;

bool is_session(kind what, const settings& settings) {
  return what != kind::relay && !settings.hub_is_relay;
}

std::vector<std::string> command_for(kind what, const peer_group& peers, const settings& settings) {
  std::vector<std::string> command;
  if (is_session(what, settings)) {
    command.push_back(settings.hub);
    command.insert(command.end(), settings.hub_arguments.begin(), settings.hub_arguments.end());
    if (what == kind::busy_polling_hub)
      command.push_back("--busy-poll");
  } else {
    command.push_back(settings.relay);
    for (auto port : peers.data_ports())
      command.push_back(std::to_string(port));
  }
  return command;
}

} // namespace

contender::contender(kind what, std::size_t peers, const settings& settings)
    : peers_(peers, is_session(what, settings))
    , server_(command_for(what, peers_, settings), settings.cores.server) {
  peers_.connect_to(server_.port());
  if (peers_.join(join_limit).absent > 0)
    throw std::runtime_error("not all peers could join");
}

std::uint64_t contender::heard_by_all() noexcept {
  auto lowest = played_;
  for (std::size_t i = 1; i < peers_.size(); ++i)
    lowest = std::min(lowest, peers_[i].heard().expected());
  return lowest;
}

void contender::give_up_waiting() noexcept {
  for (std::size_t i = 1; i < peers_.size(); ++i)
    peers_[i].heard().skip_to(played_);
}

hearing contender::heard() noexcept {
  hearing sum;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const auto& one = peers_[i].heard();
    sum.heard += one.heard();
    sum.packets += one.packets();
    sum.lost += one.lost();
    sum.repeated += one.repeated();
    sum.reordered += one.reordered();
    sum.foreign += one.foreign();
  }
  return sum;
}

} // namespace tutti::bench
