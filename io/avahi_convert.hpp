// Between Avahi's values and ours; used by both responders.
// Decides: how families, addresses and TXT lists correspond. Leaves: nothing else.
// Thread: pure functions.
#pragma once

#include "io/mdns_responder.hpp"

#include <avahi-common/address.h>
#include <avahi-common/strlst.h>

#include <memory>
#include <optional>
#include <span>
#include <string>

namespace tutti::io {

inline constexpr const char* mdns_domain = "local";

AvahiAddress to_avahi(const boost::asio::ip::address& address) noexcept;
inline AvahiIfIndex to_avahi_interface(unsigned index) noexcept {
  return index == 0 ? AVAHI_IF_UNSPEC : static_cast<AvahiIfIndex>(index);
}

ip_family from_avahi(AvahiProtocol protocol) noexcept;
sighting from_avahi(AvahiIfIndex interface, AvahiProtocol protocol, bool present) noexcept;

/// The address in an A (4 octets) or AAAA record (16 octets); empty for any other length.
std::optional<boost::asio::ip::address> address_of_rdata(std::span<const std::uint8_t> rdata);

/// Full DNS name of an instance, its label escaped; empty if Avahi refuses the name.
std::string full_service_name(const std::string& instance, const std::string& type);

struct string_list_deleter {
  void operator()(AvahiStringList* list) const noexcept { avahi_string_list_free(list); }
};
using string_list = std::unique_ptr<AvahiStringList, string_list_deleter>;

/// The empty list is null, which Avahi writes as the empty TXT record (RFC 6763 section 6.1).
string_list to_avahi(const std::vector<std::string>& txt);

} // namespace tutti::io
