#include "io/daemon_responder.hpp"

#include "io/avahi_convert.hpp"
#include "io/responder_outbox.hpp"
#include "io/system_bus.hpp"

#include <boost/asio/steady_timer.hpp>

#include <avahi-common/defs.h>
#include <avahi-core/rr.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <string_view>
#include <unordered_map>

namespace tutti::io {

using namespace std::chrono_literals;

namespace {

constexpr auto avahi = "org.freedesktop.Avahi";
constexpr auto server_path = "/";
constexpr auto server_interface = "org.freedesktop.Avahi.Server";
constexpr auto group_interface = "org.freedesktop.Avahi.EntryGroup";
constexpr auto instance_interface = "org.freedesktop.Avahi.ServiceBrowser";
constexpr auto record_interface = "org.freedesktop.Avahi.RecordBrowser";
constexpr auto bus_name = "org.freedesktop.DBus";

constexpr std::uint32_t lookup_flags = AVAHI_LOOKUP_USE_MULTICAST;

/// A bus that is absent costs one refused connect() for each try.
constexpr auto first_retry = 500ms;
constexpr auto longest_retry = 4s;

std::string error_of(sd_bus_message* reply) {
  const auto* error = sd_bus_message_get_error(reply);
  return error->message ? error->message : error->name;
}

bool is_collision(sd_bus_message* reply) {
  return sd_bus_error_has_name(sd_bus_message_get_error(reply),
                               "org.freedesktop.Avahi.CollisionError");
}

bool is_silence(sd_bus_message* reply) {
  const auto* error = sd_bus_message_get_error(reply);
  return sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY) ||
         sd_bus_error_has_name(error, SD_BUS_ERROR_TIMEOUT);
}

} // namespace

struct daemon_responder::client {
  /// A question under way; its browsers are made by the daemon when it comes to it.
  struct question {
    std::vector<std::string> paths;
  };

  struct announcement {
    std::string path;     ///< empty until the daemon has made the group
    registration service; ///< what it stands for
    unsigned round = 0;   ///< counts what it stood for: errors of an earlier one are void
  };

  client(boost::asio::io_context& loop, responder_sink sink)
      : outbox(loop, std::move(sink))
      , bus(
            loop, [this](sd_bus_message* signal) { on_signal(signal); },
            [this](const std::string& reason) { lose("the system bus: " + reason); })
      , retry(loop) {
    connect();
  }

  // -- bus and daemon -----------------------------------------------------------------------------

  void connect() {
    if (const auto failure = bus.open())
      return lose("no system bus: " + *failure);
    bus.add_match("type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                  "member='NameOwnerChanged',arg0='org.freedesktop.Avahi'");
    bus.add_match("type='signal',sender='org.freedesktop.Avahi',"
                  "interface='org.freedesktop.Avahi.Server'");
    auto call = bus.new_call(bus_name, "/org/freedesktop/DBus", bus_name, "GetNameOwner");
    sd_bus_message_append(call.get(), "s", avahi);
    bus.send(std::move(call), [this](sd_bus_message* reply) {
      const char* name = nullptr;
      if (sd_bus_message_is_method_error(reply, nullptr) && is_silence(reply))
        lose("the system bus does not answer");
      else if (sd_bus_message_is_method_error(reply, nullptr))
        set_owner({});
      else if (sd_bus_message_read(reply, "s", &name) >= 0)
        set_owner(name);
    });
  }

  /// No bus, or no answer: everything is tried anew, from the beginning and after a while.
  void lose(const std::string& reason) {
    owner.clear();
    forget();
    change(responder_state::absent, {}, reason);
    retry.expires_after(retry_after);
    retry_after = std::min<std::chrono::milliseconds>(2 * retry_after, longest_retry);
    retry.async_wait([this, alive = std::weak_ptr(life)](const boost::system::error_code& error) {
      if (error || alive.expired())
        return;
      bus.close();
      connect();
    });
  }

  /// The daemon's unique name on the bus, or none.
  void set_owner(const std::string& name) {
    owner = name;
    forget();
    if (owner.empty())
      return change(responder_state::absent, {}, "it is not running");
    call_server("GetState", [this](sd_bus_message* reply) {
      std::int32_t state = 0;
      if (sd_bus_message_read(reply, "i", &state) >= 0)
        on_state(state);
    });
  }

  void forget() {
    ++start;
    questions.clear();
    announcements.clear();
    paths.clear();
  }

  /// While the daemon looks for a new host name, services are best taken back (avahi-common/defs.h,
  /// "How to Register Services"); they come back with the name.
  void on_state(std::int32_t state) {
    for (const auto& [path, id] : paths)
      free_object(path);
    forget();
    if (state != AVAHI_SERVER_RUNNING)
      return state == AVAHI_SERVER_FAILURE ? lose("it has failed")
                                           : change(responder_state::starting, {}, {});
    call_server("GetHostNameFqdn", [this](sd_bus_message* reply) {
      const char* host = nullptr;
      if (sd_bus_message_read(reply, "s", &host) < 0)
        return;
      retry_after = first_retry;
      change(responder_state::running, host, {});
    });
  }

  void change(responder_state to, std::string host, std::string reason) {
    running = to == responder_state::running;
    outbox.push(responder_changed{to, std::move(host), std::move(reason)});
  }

  // -- calls --------------------------------------------------------------------------------------

  /// Calls for the daemon as it is now: what it answers after a restart concerns nobody.
  system_bus::reply_handler guard(system_bus::reply_handler on_reply) {
    return [this, asked_at = start, next = std::move(on_reply)](sd_bus_message* reply) {
      if (asked_at != start)
        return;
      if (sd_bus_message_is_method_error(reply, nullptr) && is_silence(reply))
        return lose("it does not answer");
      next(reply);
    };
  }

  void call_server(const char* member, system_bus::reply_handler on_answer) {
    bus.send(bus.new_call(avahi, server_path, server_interface, member),
             guard([this, next = std::move(on_answer)](sd_bus_message* reply) {
               if (sd_bus_message_is_method_error(reply, nullptr))
                 lose(error_of(reply));
               else
                 next(reply);
             }));
  }

  void free_object(const std::string& path) {
    // Free is the same method in all interfaces, but each object has one of them only.
    const bool is_group = path.find("/EntryGroup") != std::string::npos;
    const bool is_record = path.find("/RecordBrowser") != std::string::npos;
    bus.send(bus.new_call(avahi, path,
                          is_group    ? group_interface
                          : is_record ? record_interface
                                      : instance_interface,
                          "Free"));
  }

  // -- questions ----------------------------------------------------------------------------------

  void ask_instances(query_id id, const std::string& type) {
    auto call = bus.new_call(avahi, server_path, server_interface, "ServiceBrowserNew");
    const int error =
        sd_bus_message_append(call.get(), "iissu", AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC,
                              type.c_str(), mdns_domain, lookup_flags);
    ask(id, std::move(call), error);
  }

  void ask_record(query_id id, const std::string& name, std::uint16_t type) {
    auto call = bus.new_call(avahi, server_path, server_interface, "RecordBrowserNew");
    const int error =
        sd_bus_message_append(call.get(), "iisqqu", AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC,
                              name.c_str(), std::uint16_t(AVAHI_DNS_CLASS_IN), type, lookup_flags);
    ask(id, std::move(call), error);
  }

  void ask(query_id id, bus_message call, int error) {
    if (error < 0)
      return fail(id, std::strerror(-error));
    const auto on_reply = guard([this, id](sd_bus_message* reply) {
      const char* path = nullptr;
      if (sd_bus_message_is_method_error(reply, nullptr))
        return fail(id, error_of(reply));
      if (sd_bus_message_read(reply, "o", &path) < 0)
        return;
      const auto asked = questions.find(id);
      if (asked == questions.end())
        return free_object(path); // released meanwhile
      asked->second.paths.emplace_back(path);
      paths[path] = id;
    });
    if (!bus.send(std::move(call), on_reply))
      fail(id, "the system bus takes no more");
  }

  void fail(query_id id, const std::string& reason) {
    if (!questions.count(id))
      return;
    release(id);
    outbox.push(query_failed{id, reason});
  }

  void release(query_id id) {
    const auto asked = questions.find(id);
    if (asked == questions.end())
      return;
    for (const auto& path : asked->second.paths) {
      paths.erase(path);
      free_object(path);
    }
    questions.erase(asked);
  }

  // -- announcements ------------------------------------------------------------------------------

  void announce(registration_id id, const registration& service) {
    const auto [place, fresh] = announcements.try_emplace(id);
    auto& announced = place->second;
    announced.service = service;
    ++announced.round;
    if (!fresh) {
      if (!announced.path.empty()) {
        // a group that is used again is held back if it collides too often; a fresh one is not
        bus.send(bus.new_call(avahi, announced.path, group_interface, "Reset"));
        add_records(id, announced);
      }
      return;
    }
    bus.send(bus.new_call(avahi, server_path, server_interface, "EntryGroupNew"),
             guard([this, id](sd_bus_message* reply) {
               const auto found = announcements.find(id);
               if (sd_bus_message_is_method_error(reply, nullptr)) {
                 if (found != announcements.end())
                   refuse(id, found->second.round, reply);
                 announcements.erase(id);
                 return;
               }
               const char* path = nullptr;
               if (sd_bus_message_read(reply, "o", &path) < 0)
                 return;
               if (found == announcements.end())
                 return free_object(path); // withdrawn meanwhile
               found->second.path = path;
               paths[path] = id;
               add_records(id, found->second);
             }));
  }

  /// All records at once, and the commit: the daemon takes the calls in order, and the first error
  /// ends the round.
  void add_records(registration_id id, const announcement& announced) {
    const auto& service = announced.service;
    for (const auto& record : service.host_records) {
      auto call = group_call(announced, "AddAddress");
      auto address = record.address;
      if (address.is_v6()) // without its scope, which is none of the network's business
        address = boost::asio::ip::address_v6(address.to_v6().to_bytes());
      sd_bus_message_append(call.get(), "iiuss", to_avahi_interface(record.interface),
                            AVAHI_PROTO_UNSPEC, std::uint32_t(AVAHI_PUBLISH_NO_REVERSE),
                            service.host.c_str(), address.to_string().c_str());
      send_step(id, announced, std::move(call));
    }
    for (const auto interface : service.interfaces) {
      auto call = group_call(announced, "AddService");
      sd_bus_message_append(call.get(), "iiussssq", to_avahi_interface(interface),
                            AVAHI_PROTO_UNSPEC, 0u, service.name.c_str(), service.type.c_str(),
                            mdns_domain, service.host.c_str(), service.port);
      sd_bus_message_open_container(call.get(), 'a', "ay");
      for (const auto& entry : service.txt)
        sd_bus_message_append_array(call.get(), 'y', entry.data(), entry.size());
      sd_bus_message_close_container(call.get());
      send_step(id, announced, std::move(call));
    }
    send_step(id, announced, group_call(announced, "Commit"));
  }

  bus_message group_call(const announcement& announced, const char* member) {
    return bus.new_call(avahi, announced.path, group_interface, member);
  }

  void send_step(registration_id id, const announcement& announced, bus_message call) {
    bus.send(std::move(call), guard([this, id, round = announced.round](sd_bus_message* reply) {
               if (sd_bus_message_is_method_error(reply, nullptr))
                 refuse(id, round, reply);
             }));
  }

  void refuse(registration_id id, unsigned round, sd_bus_message* reply) {
    const auto found = announcements.find(id);
    if (found == announcements.end() || found->second.round != round)
      return;
    ++found->second.round;
    if (!found->second.path.empty())
      bus.send(bus.new_call(avahi, found->second.path, group_interface, "Reset"));
    outbox.push(registration_result{
        id, is_collision(reply) ? registration_outcome::collision : registration_outcome::failed,
        error_of(reply)});
  }

  void withdraw(registration_id id) {
    const auto found = announcements.find(id);
    if (found == announcements.end())
      return;
    if (!found->second.path.empty()) {
      paths.erase(found->second.path);
      free_object(found->second.path);
    }
    announcements.erase(found);
  }

  // -- signals ------------------------------------------------------------------------------------

  void on_signal(sd_bus_message* signal) {
    const char* sender = sd_bus_message_get_sender(signal);
    if (!sender)
      return;
    if (sender == std::string_view(bus_name))
      return on_bus_signal(signal);
    if (owner.empty() || owner != sender)
      return; // anybody on the bus may send us signals
    if (sd_bus_message_is_signal(signal, server_interface, "StateChanged")) {
      std::int32_t state = 0;
      if (sd_bus_message_read(signal, "is", &state, nullptr) >= 0)
        on_state(state);
      return;
    }
    const char* path = sd_bus_message_get_path(signal);
    const auto found = paths.find(path ? path : "");
    if (found == paths.end())
      return;
    if (sd_bus_message_is_signal(signal, group_interface, "StateChanged"))
      on_group(found->second, signal);
    else if (sd_bus_message_is_signal(signal, instance_interface, nullptr))
      on_instance(found->second, signal);
    else if (sd_bus_message_is_signal(signal, record_interface, nullptr))
      on_record(found->second, signal);
  }

  void on_bus_signal(sd_bus_message* signal) {
    const char *name = nullptr, *before = nullptr, *after = nullptr;
    if (sd_bus_message_is_signal(signal, bus_name, "NameOwnerChanged") &&
        sd_bus_message_read(signal, "sss", &name, &before, &after) >= 0 &&
        name == std::string_view(avahi) && owner != after)
      set_owner(after);
  }

  /// True for ItemNew, false for ItemRemove, nothing for the rest; a failure ends the question.
  std::optional<bool> presence(query_id id, sd_bus_message* signal) {
    const std::string_view member = sd_bus_message_get_member(signal);
    if (member == "ItemNew" || member == "ItemRemove")
      return member == "ItemNew";
    if (member == "Failure")
      fail(id, "the avahi-daemon gave up");
    return {};
  }

  void on_instance(query_id id, sd_bus_message* signal) {
    const auto present = presence(id, signal);
    std::int32_t interface = 0, protocol = 0;
    const char* name = nullptr;
    if (present && sd_bus_message_read(signal, "iis", &interface, &protocol, &name) >= 0)
      outbox.push(instance_seen{id, from_avahi(interface, protocol, *present), name});
  }

  void on_record(query_id id, sd_bus_message* signal) {
    const auto present = presence(id, signal);
    std::int32_t interface = 0, protocol = 0;
    const char* name = nullptr;
    std::uint16_t type = 0;
    const void* data = nullptr;
    std::size_t size = 0;
    if (!present ||
        sd_bus_message_read(signal, "iisqq", &interface, &protocol, &name, nullptr, &type) < 0 ||
        sd_bus_message_read_array(signal, 'y', &data, &size) < 0)
      return;
    const auto where = from_avahi(interface, protocol, *present);
    if (type == AVAHI_DNS_TYPE_SRV)
      push_server(id, where, name, data, size);
    else if (const auto address = address_of_rdata({static_cast<const std::uint8_t*>(data), size}))
      outbox.push(address_seen{id, where, *address});
  }

  /// Record data comes over D-Bus as it was on the wire; libavahi-core has the parser for it.
  void push_server(query_id id, sighting where, const char* name, const void* data,
                   std::size_t size) {
    auto* record = avahi_record_new_full(name, AVAHI_DNS_CLASS_IN, AVAHI_DNS_TYPE_SRV, 0);
    if (!record)
      return;
    if (avahi_rdata_parse(record, data, size) >= 0)
      outbox.push(server_seen{id, where, record->data.srv.name, record->data.srv.port});
    avahi_record_unref(record);
  }

  void on_group(registration_id id, sd_bus_message* signal) {
    std::int32_t state = 0;
    const char* error = nullptr;
    if (sd_bus_message_read(signal, "is", &state, &error) < 0)
      return;
    if (state == AVAHI_ENTRY_GROUP_ESTABLISHED)
      outbox.push(registration_result{id, registration_outcome::established, {}});
    else if (state == AVAHI_ENTRY_GROUP_COLLISION)
      outbox.push(registration_result{id, registration_outcome::collision, {}});
    else if (state == AVAHI_ENTRY_GROUP_FAILURE)
      outbox.push(registration_result{id, registration_outcome::failed, error});
  }

  responder_outbox outbox;
  system_bus bus;
  boost::asio::steady_timer retry;
  std::chrono::milliseconds retry_after = first_retry;
  std::string owner;
  bool running = false;
  unsigned start = 0; ///< counts the times that everything was forgotten
  std::unordered_map<query_id, question> questions;
  std::unordered_map<registration_id, announcement> announcements;
  std::map<std::string, std::uint32_t, std::less<>> paths; ///< of objects, to query or registration
  std::shared_ptr<char> life = std::make_shared<char>();
};

daemon_responder::daemon_responder(boost::asio::io_context& loop, responder_sink sink)
    : client_(std::make_unique<client>(loop, std::move(sink))) {
}

/// The daemon says goodbye for a client that is gone.
daemon_responder::~daemon_responder() = default;

void daemon_responder::browse(query_id query, const std::string& type) {
  if (!client_->running)
    return;
  client_->questions[query];
  client_->ask_instances(query, type);
}

void daemon_responder::ask_server(query_id query, const std::string& instance,
                                  const std::string& type) {
  if (!client_->running)
    return;
  client_->questions[query];
  client_->ask_record(query, full_service_name(instance, type), AVAHI_DNS_TYPE_SRV);
}

void daemon_responder::ask_addresses(query_id query, const std::string& host) {
  if (!client_->running)
    return;
  client_->questions[query];
  client_->ask_record(query, host, AVAHI_DNS_TYPE_A);
  client_->ask_record(query, host, AVAHI_DNS_TYPE_AAAA);
}

void daemon_responder::release(query_id query) {
  client_->release(query);
}

void daemon_responder::announce(registration_id id, const registration& service) {
  if (client_->running)
    client_->announce(id, service);
}

void daemon_responder::withdraw(registration_id id) {
  client_->withdraw(id);
}

} // namespace tutti::io
