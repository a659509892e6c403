#include "io/embedded_responder.hpp"

#include "io/avahi_convert.hpp"
#include "io/avahi_poll.hpp"
#include "io/responder_outbox.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <avahi-core/core.h>
#include <avahi-core/log.h>
#include <avahi-core/lookup.h>
#include <avahi-core/publish.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <random>
#include <unordered_map>

namespace tutti::io {

namespace {

using namespace std::chrono_literals;

constexpr auto start_retry = 5s;

/// avahi-daemon's own defaults against floods of packets.
constexpr AvahiUsec rate_limit_interval = 1'000'000;
constexpr unsigned rate_limit_burst = 1000;

/// What libavahi-core says while it starts goes to this outbox; later lines may come per packet.
responder_outbox* start_log = nullptr;

void on_avahi_log(AvahiLogLevel level, const char* text) {
  if (start_log && level <= AVAHI_LOG_WARN)
    start_log->push(
        notice{severity::warning, std::string("The embedded mDNS responder says: ") + text});
}

std::string machine_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

} // namespace

std::string host_label_of(std::string_view name) {
  constexpr std::size_t longest_label = 63 - 5; // room for a suffix if the name is taken
  std::string label;
  for (const unsigned char c : name.substr(0, name.find('.'))) {
    if (c < 0x80 && std::isalnum(c))
      label += static_cast<char>(c);
    else if (!label.empty() && label.back() != '-')
      label += '-';
  }
  label.resize(std::min(label.size(), longest_label));
  while (!label.empty() && label.back() == '-')
    label.pop_back();
  return label.empty() ? "tutti" : label;
}

struct embedded_responder::server {
  /// A question under way. Avahi gets its address as userdata, so it never moves.
  struct question {
    server* owner;
    query_id id;
    AvahiSServiceBrowser* services = nullptr;
    std::array<AvahiSRecordBrowser*, 2> records{};
  };

  struct announcement {
    server* owner;
    registration_id id;
    AvahiSEntryGroup* group = nullptr;
  };

  /// An address of ours. Each has a group, so that one can go without disturbing the others.
  struct own_address {
    server* owner;
    host_record record;
    AvahiSEntryGroup* group = nullptr;
  };

  server(boost::asio::io_context& io, embedded_options wanted,
         const std::vector<network_interface>& interfaces, responder_sink sink)
      : loop(io)
      , options(std::move(wanted))
      , label(host_label_of(options.host_label.empty() ? machine_name() + "-tutti"
                                                       : options.host_label))
      , host_name(label + "." + mdns_domain)
      , outbox(io, std::move(sink))
      , poll(io)
      , retry(io) {
    choose_addresses(interfaces);
    start();
  }

  ~server() { stop(); }

  void start() {
    AvahiServerConfig config;
    avahi_server_config_init(&config);
    avahi_free(config.host_name);
    config.host_name = avahi_strdup(label.c_str());
    config.publish_addresses = 0;
    config.publish_hinfo = 0;
    config.publish_workstation = 0;
    config.publish_domain = 0;
    config.ratelimit_interval = rate_limit_interval;
    config.ratelimit_burst = rate_limit_burst;
    config.allow_interfaces = to_avahi(options.interfaces).release();

    avahi_set_log_function(on_avahi_log);
    start_log = &outbox;
    int error = 0;
    auto* made = avahi_server_new(poll.api(), &config, on_server, this, &error);
    start_log = nullptr;
    avahi_server_config_free(&config);
    if (made)
      return;
    handle = nullptr;
    state = responder_state::absent;
    outbox.push(responder_changed{state, {}, avahi_strerror(error)});
    start_again_later();
  }

  /// Says goodbye for all that is announced.
  void stop() {
    forget();
    if (handle)
      avahi_server_free(std::exchange(handle, nullptr));
  }

  void start_again_later() {
    retry.expires_after(start_retry);
    retry.async_wait([this, alive = std::weak_ptr(life)](const boost::system::error_code& error) {
      if (error || alive.expired())
        return;
      stop();
      start();
    });
  }

  void forget() {
    withdraw_host();
    for (auto& [id, asked] : questions)
      free(*asked);
    questions.clear();
    for (auto& [id, announced] : announcements)
      free(*announced);
    announcements.clear();
  }

  static void free(question& asked) {
    if (asked.services)
      avahi_s_service_browser_free(asked.services);
    for (auto* browser : asked.records)
      if (browser)
        avahi_s_record_browser_free(browser);
  }

  static void free(announcement& announced) {
    if (announced.group)
      avahi_s_entry_group_free(announced.group);
  }

  /// Called from inside avahi_server_new() too. Without host records of its own, it runs at once.
  static void on_server(AvahiServer* from, AvahiServerState server_state, void* userdata) {
    auto& self = *static_cast<server*>(userdata);
    self.handle = from;
    if (server_state == AVAHI_SERVER_RUNNING) {
      self.announce_host();
      self.change(responder_state::running, self.host_name);
    } else if (server_state == AVAHI_SERVER_FAILURE) {
      self.forget();
      self.change(responder_state::absent, avahi_strerror(avahi_server_errno(from)));
      self.start_again_later();
    }
  }

  void change(responder_state to, std::string text) {
    state = to;
    responder_changed event{to, {}, {}};
    (to == responder_state::running ? event.host : event.reason) = std::move(text);
    outbox.push(std::move(event));
  }

  // -- the host name ------------------------------------------------------------------------------

  void choose_addresses(const std::vector<network_interface>& interfaces) {
    addresses.clear();
    for (const auto& interface : interfaces) {
      const auto& chosen = options.interfaces;
      if (!interface.up || (!chosen.empty() && std::find(chosen.begin(), chosen.end(),
                                                         interface.name) == chosen.end()))
        continue;
      for (const auto& assigned : interface.addresses)
        if (!assigned.tentative && !assigned.short_lived)
          addresses.push_back({interface.index, assigned.address});
    }
  }

  int add_address(AvahiSEntryGroup* group, const std::string& name, const host_record& record) {
    auto address = to_avahi(record.address);
    return avahi_server_add_address(handle, group, to_avahi_interface(record.interface),
                                    AVAHI_PROTO_UNSPEC, AVAHI_PUBLISH_NO_REVERSE, name.c_str(),
                                    &address);
  }

  /// Brings the announced addresses up to date.
  void announce_host() {
    if (!handle || avahi_server_get_state(handle) != AVAHI_SERVER_RUNNING)
      return;
    for (auto announced = own_addresses.begin(); announced != own_addresses.end();) {
      const auto& record = (*announced)->record;
      if (std::find(addresses.begin(), addresses.end(), record) != addresses.end()) {
        ++announced;
        continue;
      }
      avahi_s_entry_group_free((*announced)->group);
      announced = own_addresses.erase(announced);
    }
    for (const auto& record : addresses) {
      const auto is_this = [&](const auto& announced) { return announced->record == record; };
      if (std::any_of(own_addresses.begin(), own_addresses.end(), is_this))
        continue;
      auto announced = std::make_unique<own_address>(own_address{this, record});
      announced->group = avahi_s_entry_group_new(handle, on_address, announced.get());
      if (!announced->group)
        continue;
      if (add_address(announced->group, host_name, record) == 0)
        avahi_s_entry_group_commit(announced->group);
      own_addresses.push_back(std::move(announced));
    }
  }

  void withdraw_host() {
    for (auto& announced : own_addresses)
      avahi_s_entry_group_free(announced->group);
    own_addresses.clear();
  }

  static void on_address(AvahiServer*, AvahiSEntryGroup*, AvahiEntryGroupState group_state,
                         void* userdata) {
    auto& self = *static_cast<own_address*>(userdata)->owner;
    if (group_state == AVAHI_ENTRY_GROUP_COLLISION)
      boost::asio::post(self.loop,
                        [&self, alive = std::weak_ptr(self.life), taken = self.host_name] {
                          if (!alive.expired() && taken == self.host_name)
                            self.rename_host();
                        });
  }

  /// The owner announces everything anew, pointing to the new name. Two hosts that start with the
  /// same name both lose it if they probe at the same time: counting up, they would meet again at
  /// the next number, and so on; at random, they part.
  void rename_host() {
    std::array<char, 8> suffix;
    std::snprintf(suffix.data(), suffix.size(), "-%04x", std::random_device{}() & 0xFFFFu);
    const auto taken = std::exchange(host_name, label + suffix.data() + "." + mdns_domain);
    outbox.push(notice{severity::info, "The host name " + taken +
                                           " is taken by another host; trying " + host_name});
    change(responder_state::starting, {});
    forget();
    announce_host();
    change(responder_state::running, host_name);
  }

  // -- questions ----------------------------------------------------------------------------------

  question* add_question(query_id id) {
    if (!handle || state != responder_state::running)
      return nullptr;
    auto [place, fresh] = questions.try_emplace(id, std::make_unique<question>(question{this, id}));
    assert(fresh);
    return place->second.get();
  }

  void fail(query_id id) {
    free(*questions.at(id));
    questions.erase(id);
    outbox.push(query_failed{id, avahi_strerror(avahi_server_errno(handle))});
  }

  AvahiSRecordBrowser* ask(question& asked, const std::string& name, std::uint16_t type) {
    auto* key = avahi_key_new(name.c_str(), AVAHI_DNS_CLASS_IN, type);
    auto* browser = avahi_s_record_browser_new(handle, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC, key,
                                               AVAHI_LOOKUP_USE_MULTICAST, on_record, &asked);
    avahi_key_unref(key);
    return browser;
  }

  static void on_instance(AvahiSServiceBrowser*, AvahiIfIndex interface, AvahiProtocol protocol,
                          AvahiBrowserEvent event, const char* name, const char*, const char*,
                          AvahiLookupResultFlags, void* userdata) {
    auto& asked = *static_cast<question*>(userdata);
    if (event == AVAHI_BROWSER_NEW || event == AVAHI_BROWSER_REMOVE)
      asked.owner->outbox.push(instance_seen{
          asked.id, from_avahi(interface, protocol, event == AVAHI_BROWSER_NEW), name});
    else if (event == AVAHI_BROWSER_FAILURE)
      asked.owner->fail_later(asked.id);
  }

  static void on_record(AvahiSRecordBrowser*, AvahiIfIndex interface, AvahiProtocol protocol,
                        AvahiBrowserEvent event, AvahiRecord* record, AvahiLookupResultFlags,
                        void* userdata) {
    auto& asked = *static_cast<question*>(userdata);
    auto& out = asked.owner->outbox;
    if (event == AVAHI_BROWSER_FAILURE)
      asked.owner->fail_later(asked.id);
    if (event != AVAHI_BROWSER_NEW && event != AVAHI_BROWSER_REMOVE)
      return;
    const auto where = from_avahi(interface, protocol, event == AVAHI_BROWSER_NEW);
    switch (record->key->type) {
    case AVAHI_DNS_TYPE_SRV:
      out.push(server_seen{asked.id, where, record->data.srv.name, record->data.srv.port});
      break;
    case AVAHI_DNS_TYPE_A: {
      const auto* octets = reinterpret_cast<const std::uint8_t*>(&record->data.a.address.address);
      out.push(address_seen{asked.id, where, *address_of_rdata({octets, 4})});
      break;
    }
    case AVAHI_DNS_TYPE_AAAA:
      out.push(address_seen{asked.id, where,
                            *address_of_rdata({record->data.aaaa.address.address, 16})});
      break;
    default: break;
    }
  }

  /// Not from inside a browser's callback, which goes on using the browser.
  void fail_later(query_id id) {
    boost::asio::post(loop, [this, id, alive = std::weak_ptr(life)] {
      if (!alive.expired() && questions.count(id))
        fail(id);
    });
  }

  // -- announcements ------------------------------------------------------------------------------

  static void on_group(AvahiServer* from, AvahiSEntryGroup*, AvahiEntryGroupState group_state,
                       void* userdata) {
    auto& announced = *static_cast<announcement*>(userdata);
    auto& out = announced.owner->outbox;
    if (group_state == AVAHI_ENTRY_GROUP_ESTABLISHED)
      out.push(registration_result{announced.id, registration_outcome::established, {}});
    else if (group_state == AVAHI_ENTRY_GROUP_COLLISION)
      out.push(registration_result{announced.id, registration_outcome::collision, {}});
    else if (group_state == AVAHI_ENTRY_GROUP_FAILURE)
      out.push(registration_result{announced.id, registration_outcome::failed,
                                   avahi_strerror(avahi_server_errno(from))});
  }

  /// 0, or the error of the first record that was refused.
  int add_records(AvahiSEntryGroup* group, const registration& service) {
    const auto& host = service.host.empty() ? host_name : service.host;
    for (const auto& record : service.host_records)
      if (const int error = add_address(group, host, record))
        return error;
    const auto txt = to_avahi(service.txt);
    for (const auto interface : service.interfaces)
      if (const int error = avahi_server_add_service_strlst(
              handle, group, to_avahi_interface(interface), AVAHI_PROTO_UNSPEC, {},
              service.name.c_str(), service.type.c_str(), mdns_domain, host.c_str(), service.port,
              txt.get()))
        return error;
    return 0;
  }

  void refuse(registration_id id, int error) {
    if (auto* group = announcements.at(id)->group)
      avahi_s_entry_group_reset(group);
    outbox.push(registration_result{id,
                                    error == AVAHI_ERR_COLLISION ? registration_outcome::collision
                                                                 : registration_outcome::failed,
                                    avahi_strerror(error)});
  }

  boost::asio::io_context& loop;
  embedded_options options;
  std::string label;
  std::string host_name;              ///< label and domain
  std::vector<host_record> addresses; ///< that the host name is to stand for
  std::vector<std::unique_ptr<own_address>> own_addresses;
  responder_outbox outbox;
  std::shared_ptr<char> life =
      std::make_shared<char>(); ///< gone with this object, unlike the outbox
  avahi_poll poll;
  boost::asio::steady_timer retry;
  AvahiServer* handle = nullptr;
  responder_state state = responder_state::absent;
  std::unordered_map<query_id, std::unique_ptr<question>> questions;
  std::unordered_map<registration_id, std::unique_ptr<announcement>> announcements;
};

embedded_responder::embedded_responder(boost::asio::io_context& loop, embedded_options options,
                                       const std::vector<network_interface>& interfaces,
                                       responder_sink sink)
    : server_(std::make_unique<server>(loop, std::move(options), interfaces, std::move(sink))) {
}

void embedded_responder::set_interfaces(const std::vector<network_interface>& interfaces) {
  server_->choose_addresses(interfaces);
  server_->announce_host();
}

embedded_responder::~embedded_responder() = default;

void embedded_responder::browse(query_id query, const std::string& type) {
  auto* asked = server_->add_question(query);
  if (!asked)
    return;
  asked->services = avahi_s_service_browser_new(
      server_->handle, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC, type.c_str(), mdns_domain,
      AVAHI_LOOKUP_USE_MULTICAST, server::on_instance, asked);
  if (!asked->services)
    server_->fail(query);
}

void embedded_responder::ask_server(query_id query, const std::string& instance,
                                    const std::string& type) {
  auto* asked = server_->add_question(query);
  if (!asked)
    return;
  asked->records[0] = server_->ask(*asked, full_service_name(instance, type), AVAHI_DNS_TYPE_SRV);
  if (!asked->records[0])
    server_->fail(query);
}

void embedded_responder::ask_addresses(query_id query, const std::string& host) {
  auto* asked = server_->add_question(query);
  if (!asked)
    return;
  asked->records = {server_->ask(*asked, host, AVAHI_DNS_TYPE_A),
                    server_->ask(*asked, host, AVAHI_DNS_TYPE_AAAA)};
  if (!asked->records[0] || !asked->records[1])
    server_->fail(query);
}

void embedded_responder::release(query_id query) {
  const auto found = server_->questions.find(query);
  if (found == server_->questions.end())
    return;
  server::free(*found->second);
  server_->questions.erase(found);
}

void embedded_responder::announce(registration_id id, const registration& service) {
  if (!server_->handle || server_->state != responder_state::running)
    return;
  auto& announced = server_->announcements[id];
  if (!announced) {
    announced = std::make_unique<server::announcement>(server::announcement{server_.get(), id});
    announced->group = avahi_s_entry_group_new(server_->handle, server::on_group, announced.get());
  } else { // a group that is used again is held back if it collides too often; a fresh one is not
    avahi_s_entry_group_reset(announced->group);
  }
  int error = announced->group ? server_->add_records(announced->group, service)
                               : avahi_server_errno(server_->handle);
  if (!error)
    error = avahi_s_entry_group_commit(announced->group);
  if (error)
    server_->refuse(id, error);
}

void embedded_responder::withdraw(registration_id id) {
  const auto found = server_->announcements.find(id);
  if (found == server_->announcements.end())
    return;
  server::free(*found->second);
  server_->announcements.erase(found);
}

} // namespace tutti::io
