#include "io/avahi_convert.hpp"

#include <avahi-common/domain.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace tutti::io {

namespace ip = boost::asio::ip;

AvahiAddress to_avahi(const ip::address& address) noexcept {
  AvahiAddress result{};
  if (address.is_v4()) {
    const auto octets = address.to_v4().to_bytes();
    result.proto = AVAHI_PROTO_INET;
    std::memcpy(&result.data.ipv4.address, octets.data(), octets.size());
  } else {
    const auto octets = address.to_v6().to_bytes();
    result.proto = AVAHI_PROTO_INET6;
    std::memcpy(result.data.ipv6.address, octets.data(), octets.size());
  }
  return result;
}

ip_family from_avahi(AvahiProtocol protocol) noexcept {
  switch (protocol) {
  case AVAHI_PROTO_INET: return ip_family::ipv4;
  case AVAHI_PROTO_INET6: return ip_family::ipv6;
  default: return ip_family::any;
  }
}

sighting from_avahi(AvahiIfIndex interface, AvahiProtocol protocol, bool present) noexcept {
  return {interface > 0 ? static_cast<unsigned>(interface) : 0, from_avahi(protocol), present};
}

std::optional<ip::address> address_of_rdata(std::span<const std::uint8_t> rdata) {
  if (rdata.size() == 4) {
    ip::address_v4::bytes_type octets;
    std::copy(rdata.begin(), rdata.end(), octets.begin());
    return ip::address_v4(octets);
  }
  if (rdata.size() == 16) {
    ip::address_v6::bytes_type octets;
    std::copy(rdata.begin(), rdata.end(), octets.begin());
    return ip::address_v6(octets);
  }
  return {};
}

std::string full_service_name(const std::string& instance, const std::string& type) {
  std::array<char, AVAHI_DOMAIN_NAME_MAX> buffer;
  if (avahi_service_name_join(buffer.data(), buffer.size(), instance.c_str(), type.c_str(),
                              mdns_domain) < 0)
    return {};
  return buffer.data();
}

string_list to_avahi(const std::vector<std::string>& txt) {
  AvahiStringList* list = nullptr;
  for (auto entry = txt.rbegin(); entry != txt.rend(); ++entry) // the list is built back to front
    list = avahi_string_list_add_arbitrary(
        list, reinterpret_cast<const std::uint8_t*>(entry->data()), entry->size());
  return string_list(list);
}

} // namespace tutti::io
