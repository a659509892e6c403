#include "io/socket_group.hpp"

#include <algorithm>

#include <unistd.h>

namespace tutti::io {

namespace {

void add_up(datagram_counters& sum, const datagram_counters& one) noexcept {
  sum.datagrams_in += one.datagrams_in;
  sum.bytes_in += one.bytes_in;
  sum.datagrams_out += one.datagrams_out;
  sum.bytes_out += one.bytes_out;
  sum.oversize_in += one.oversize_in;
  sum.queue_drops += one.queue_drops;
  sum.send_errors += one.send_errors;
  sum.receive_errors += one.receive_errors;
  sum.system_drops += one.system_drops;
}

} // namespace

socket_group::socket_group(std::uint16_t port)
    : port_(port) {
}

socket_group::~socket_group() = default;

void socket_group::add(std::unique_ptr<datagram_socket> socket) {
  auto& member = *members_.emplace_back(std::move(socket));
  if (handlers_)
    listen_on(member);
}

void socket_group::remove(const endpoint& local) {
  auto gone = std::find_if(members_.begin(), members_.end(),
                           [&](const auto& member) { return member->local() == local; });
  if (gone == members_.end())
    return;
  auto member = gone->get();
  for (auto it = heard_.begin(); it != heard_.end();)
    it = it->second == member ? heard_.erase(it) : std::next(it);
  add_up(closed_, member->counters());
  members_.erase(gone);
}

void socket_group::start(receiver on_receive, unreachable_handler on_unreachable) {
  auto is_first = !handlers_;
  if (is_first)
    handlers_ = std::make_shared<handler_pair>();
  *handlers_ = {std::move(on_receive), std::move(on_unreachable)};
  if (is_first)
    for (auto& member : members_)
      listen_on(*member);
}

void socket_group::listen_on(datagram_socket& member) {
  member.start([this, &member](datagram_block_ptr block) { on_block(member, std::move(block)); },
               [handlers = handlers_](const endpoint& where) {
                 if (handlers->unreachable)
                   handlers->unreachable(where);
               });
}

void socket_group::on_block(datagram_socket& member, datagram_block_ptr block) {
  auto handlers = handlers_; // the receiver may close the group
  if (!handlers || !handlers->receive)
    return;
  if (!has_one_way())
    note_senders(member, *block);
  handlers->receive(std::move(block));
}

// A socket on all addresses stays the only one: none of its port can be bound beside it.
bool socket_group::has_one_way() const {
  return members_.size() == 1 && members_.front()->local().is_unspecified();
}

void socket_group::note_senders(datagram_socket& member, const datagram_block& block) {
  if (heard_.size() >= max_heard)
    heard_.clear();
  for (std::size_t i = 0; i < block.count; ++i)
    heard_[block.slots[i].from] = &member;
}

void socket_group::send(const endpoint& to, std::span<const std::uint8_t> bytes) {
  if (has_one_way())
    return members_.front()->send(to, bytes);
  auto heard = heard_.find(to);
  if (auto member = heard != heard_.end() ? heard->second : choose(to))
    member->send(to, bytes);
}

bool socket_group::send_now_if_last() {
  auto all = true;
  for (const auto& member : members_)
    all = member->send_now_if_last() && all;
  return all;
}

void socket_group::drop_foreign(const endpoint& from, std::uint32_t ssrc,
                                std::chrono::milliseconds time) {
  for (const auto& member : members_)
    member->drop_foreign(from, ssrc, time);
}

datagram_socket* socket_group::choose(const endpoint& to) const {
  datagram_socket* found = nullptr;
  auto from = members_.size() > 1 ? local_address_towards(to) : std::nullopt;
  for (const auto& member : members_) {
    if (!member->reaches(to))
      continue;
    if (from && member->local().same_host(*from))
      return member.get();
    if (!found)
      found = member.get();
  }
  return found;
}

endpoint socket_group::local() const {
  return members_.empty() ? endpoint().with_port(port_) : members_.front()->local();
}

bool socket_group::reaches(const endpoint& to) const {
  return std::any_of(members_.begin(), members_.end(),
                     [&](const auto& member) { return member->reaches(to); });
}

const datagram_counters& socket_group::counters() const noexcept {
  total_ = closed_;
  for (const auto& member : members_)
    add_up(total_, member->counters());
  return total_;
}

void socket_group::close() {
  for (auto& member : members_)
    member->close();
  if (handlers_)
    *handlers_ = {};
  heard_.clear();
}

std::optional<endpoint> local_address_towards(const endpoint& to) {
  auto family = to.is_v4() ? AF_INET : AF_INET6;
  auto fd = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return std::nullopt;
  auto address = to_socket_address(to, family);
  sockaddr_storage chosen{};
  socklen_t size = sizeof chosen;
  auto known = ::connect(fd, address.get(), address.size) == 0 &&
               ::getsockname(fd, reinterpret_cast<sockaddr*>(&chosen), &size) == 0;
  ::close(fd);
  if (!known)
    return std::nullopt;
  return from_socket_address(reinterpret_cast<sockaddr*>(&chosen));
}

} // namespace tutti::io
