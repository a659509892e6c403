#include "io/daemon_responder.hpp"

#include "io/avahi_convert.hpp"
#include "io/avahi_poll.hpp"
#include "io/responder_outbox.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <avahi-client/client.h>
#include <avahi-client/lookup.h>
#include <avahi-client/publish.h>
#include <avahi-common/error.h>
#include <avahi-core/rr.h>

#include <array>
#include <cassert>
#include <chrono>
#include <future>
#include <unordered_map>

namespace tutti::io {

using namespace std::chrono_literals;

namespace {

/// A bus that is absent costs one refused connect() for each try.
constexpr auto first_retry = 500ms;
constexpr auto longest_retry = 4s;

constexpr auto end_limit = 500ms;

} // namespace

/// What lives on the thread.
struct daemon_responder::client : std::enable_shared_from_this<client> {
  /// A question under way. Avahi gets its address as userdata, so it never moves.
  struct question {
    client* owner;
    query_id id;
    AvahiServiceBrowser* services = nullptr;
    std::array<AvahiRecordBrowser*, 2> records{};
  };

  struct announcement {
    client* owner;
    registration_id id;
    AvahiEntryGroup* group = nullptr;
  };

  explicit client(std::shared_ptr<responder_outbox> out)
      : outbox(std::move(out))
      , poll(loop)
      , retry(loop)
      , work(loop.get_executor()) {}

  void run() {
    connect();
    loop.run();
    disconnect();
    ended.set_value();
  }

  // -- connection ---------------------------------------------------------------------------------

  void connect() {
    int error = 0;
    // With this flag a bus without the daemon is no failure; without a bus it still is one.
    auto* made = avahi_client_new(poll.api(), AVAHI_CLIENT_NO_FAIL, on_client, this, &error);
    if (made) {
      retry_after = first_retry;
      return;
    }
    handle = nullptr; // on_client may have been called in there, for a client that is freed already
    change(responder_state::absent, {}, avahi_strerror(error));
    connect_later();
  }

  void connect_later() {
    retry.expires_after(retry_after);
    retry_after = std::min(2 * retry_after, std::chrono::milliseconds(longest_retry));
    retry.async_wait([this](const boost::system::error_code& error) {
      if (error)
        return;
      disconnect();
      connect();
    });
  }

  /// Closing the connection is all the daemon needs to withdraw what was announced on it. It is
  /// closed first and takes all groups and browsers with it: freeing each would ask the daemon.
  void disconnect() {
    running = false;
    if (handle)
      avahi_client_free(std::exchange(handle, nullptr));
    questions.clear();
    announcements.clear();
  }

  void forget() {
    for (auto& [id, asked] : questions)
      free(*asked);
    questions.clear();
    for (auto& [id, announced] : announcements)
      free(*announced);
    announcements.clear();
  }

  static void free(question& asked) {
    if (asked.services)
      avahi_service_browser_free(asked.services);
    for (auto* browser : asked.records)
      if (browser)
        avahi_record_browser_free(browser);
  }

  static void free(announcement& announced) {
    if (announced.group)
      avahi_entry_group_free(announced.group);
  }

  /// Called from inside avahi_client_new() too.
  static void on_client(AvahiClient* from, AvahiClientState client_state, void* userdata) {
    auto& self = *static_cast<client*>(userdata);
    self.handle = from;
    // Groups and browsers do not survive the daemon; while it looks for a new host name, it is best
    // to take the services back (avahi-common/defs.h, "How to Register Services").
    self.forget();
    switch (client_state) {
    case AVAHI_CLIENT_S_RUNNING:
      if (const char* host = avahi_client_get_host_name_fqdn(from))
        self.change(responder_state::running, host, {});
      else
        self.lose(avahi_strerror(avahi_client_errno(from)));
      break;
    case AVAHI_CLIENT_S_REGISTERING:
    case AVAHI_CLIENT_S_COLLISION: self.change(responder_state::starting, {}, {}); break;
    case AVAHI_CLIENT_CONNECTING:
      self.change(responder_state::absent, {}, avahi_strerror(AVAHI_ERR_NO_DAEMON));
      break;
    case AVAHI_CLIENT_FAILURE: self.lose(avahi_strerror(avahi_client_errno(from))); break;
    }
  }

  /// The client is of no use any more; it is made anew, but not from inside its own callback.
  void lose(const char* reason) {
    change(responder_state::absent, {}, reason);
    connect_later();
  }

  void change(responder_state to, std::string host, std::string reason) {
    running = to == responder_state::running;
    if (running)
      ++starts;
    outbox->push(responder_changed{to, std::move(host), std::move(reason)});
  }

  // -- questions ----------------------------------------------------------------------------------

  question* add_question(query_id id) {
    auto [place, fresh] = questions.try_emplace(id, std::make_unique<question>(question{this, id}));
    assert(fresh);
    return place->second.get();
  }

  void fail(query_id id) {
    free(*questions.at(id));
    questions.erase(id);
    push(query_failed{id, avahi_strerror(avahi_client_errno(handle))});
  }

  void push(responder_event event) {
    outbox->wait_for_room();
    outbox->push(std::move(event));
  }

  void browse(query_id id, const std::string& type) {
    auto* asked = add_question(id);
    asked->services =
        avahi_service_browser_new(handle, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC, type.c_str(),
                                  mdns_domain, AVAHI_LOOKUP_USE_MULTICAST, on_instance, asked);
    if (!asked->services)
      fail(id);
  }

  AvahiRecordBrowser* ask(question& asked, const std::string& name, std::uint16_t type) {
    return avahi_record_browser_new(handle, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC, name.c_str(),
                                    AVAHI_DNS_CLASS_IN, type, AVAHI_LOOKUP_USE_MULTICAST, on_record,
                                    &asked);
  }

  void ask_server(query_id id, const std::string& instance, const std::string& type) {
    auto* asked = add_question(id);
    asked->records[0] = ask(*asked, full_service_name(instance, type), AVAHI_DNS_TYPE_SRV);
    if (!asked->records[0])
      fail(id);
  }

  void ask_addresses(query_id id, const std::string& host) {
    auto* asked = add_question(id);
    asked->records[0] = ask(*asked, host, AVAHI_DNS_TYPE_A);
    asked->records[1] = asked->records[0] ? ask(*asked, host, AVAHI_DNS_TYPE_AAAA) : nullptr;
    if (!asked->records[1])
      fail(id);
  }

  void release(query_id id) {
    const auto found = questions.find(id);
    if (found == questions.end())
      return;
    free(*found->second);
    questions.erase(found);
  }

  static void on_instance(AvahiServiceBrowser*, AvahiIfIndex interface, AvahiProtocol protocol,
                          AvahiBrowserEvent event, const char* name, const char*, const char*,
                          AvahiLookupResultFlags, void* userdata) {
    auto& asked = *static_cast<question*>(userdata);
    if (event == AVAHI_BROWSER_NEW || event == AVAHI_BROWSER_REMOVE)
      asked.owner->push(instance_seen{
          asked.id, from_avahi(interface, protocol, event == AVAHI_BROWSER_NEW), name});
    else if (event == AVAHI_BROWSER_FAILURE)
      asked.owner->fail_later(asked.id);
  }

  static void on_record(AvahiRecordBrowser*, AvahiIfIndex interface, AvahiProtocol protocol,
                        AvahiBrowserEvent event, const char* name, std::uint16_t,
                        std::uint16_t type, const void* rdata, std::size_t size,
                        AvahiLookupResultFlags, void* userdata) {
    auto& asked = *static_cast<question*>(userdata);
    if (event == AVAHI_BROWSER_FAILURE)
      asked.owner->fail_later(asked.id);
    if (event != AVAHI_BROWSER_NEW && event != AVAHI_BROWSER_REMOVE)
      return;
    const auto where = from_avahi(interface, protocol, event == AVAHI_BROWSER_NEW);
    if (type == AVAHI_DNS_TYPE_SRV)
      asked.owner->push_server(asked.id, where, name, rdata, size);
    else if (auto address = address_of_rdata({static_cast<const std::uint8_t*>(rdata), size}))
      asked.owner->push(address_seen{asked.id, where, *address});
  }

  /// Record data comes over D-Bus as it was on the wire; libavahi-core has the parser for it.
  void push_server(query_id id, sighting where, const char* name, const void* rdata,
                   std::size_t size) {
    auto* record = avahi_record_new_full(name, AVAHI_DNS_CLASS_IN, AVAHI_DNS_TYPE_SRV, 0);
    if (!record)
      return;
    if (avahi_rdata_parse(record, rdata, size) >= 0)
      push(server_seen{id, where, record->data.srv.name, record->data.srv.port});
    avahi_record_unref(record);
  }

  void fail_later(query_id id) {
    boost::asio::post(loop, [this, id] {
      if (questions.count(id))
        fail(id);
    });
  }

  // -- announcements ------------------------------------------------------------------------------

  void announce(registration_id id, const registration& service) {
    auto& announced = announcements[id];
    if (!announced) {
      announced = std::make_unique<announcement>(announcement{this, id});
      announced->group = avahi_entry_group_new(handle, on_group, announced.get());
    } else { // a group that is used again is held back if it collides too often; a fresh one is not
      avahi_entry_group_reset(announced->group);
    }
    int error =
        announced->group ? add_records(announced->group, service, {}) : avahi_client_errno(handle);
    if (!error)
      error = avahi_entry_group_commit(announced->group);
    if (error)
      refuse(id, error);
  }

  void update(registration_id id, const registration& service) {
    const auto found = announcements.find(id);
    if (found == announcements.end())
      return;
    if (const int error = add_records(found->second->group, service, AVAHI_PUBLISH_UPDATE))
      refuse(id, error);
  }

  void withdraw(registration_id id) {
    const auto found = announcements.find(id);
    if (found == announcements.end())
      return;
    free(*found->second);
    announcements.erase(found);
  }

  void refuse(registration_id id, int error) {
    if (auto* group = announcements.at(id)->group)
      avahi_entry_group_reset(group);
    push(registration_result{id,
                             error == AVAHI_ERR_COLLISION ? registration_outcome::collision
                                                          : registration_outcome::failed,
                             avahi_strerror(error)});
  }

  /// 0, or the error of the first record that was refused.
  int add_records(AvahiEntryGroup* group, const registration& service, AvahiPublishFlags flags) {
    const char* host = service.host.empty() ? nullptr : service.host.c_str();
    if (!(flags & AVAHI_PUBLISH_UPDATE))
      for (const auto& record : service.host_records) {
        const auto address = to_avahi(record.address);
        if (const int error = avahi_entry_group_add_address(
                group, to_avahi_interface(record.interface), AVAHI_PROTO_UNSPEC,
                AVAHI_PUBLISH_NO_REVERSE, host, &address))
          return error;
      }
    const auto txt = to_avahi(service.txt);
    for (const auto& place : service.placements)
      if (const int error = avahi_entry_group_add_service_strlst(
              group, to_avahi_interface(place.interface), to_avahi(place.family), flags,
              service.name.c_str(), service.type.c_str(), mdns_domain, host, service.port,
              txt.get()))
        return error;
    return 0;
  }

  /// Called from inside avahi_entry_group_new() too.
  static void on_group(AvahiEntryGroup* group, AvahiEntryGroupState group_state, void* userdata) {
    auto& announced = *static_cast<announcement*>(userdata);
    auto& self = *announced.owner;
    if (group_state == AVAHI_ENTRY_GROUP_ESTABLISHED)
      self.push(registration_result{announced.id, registration_outcome::established, {}});
    else if (group_state == AVAHI_ENTRY_GROUP_COLLISION)
      self.push(registration_result{announced.id, registration_outcome::collision, {}});
    else if (group_state == AVAHI_ENTRY_GROUP_FAILURE)
      self.push(registration_result{
          announced.id, registration_outcome::failed,
          avahi_strerror(avahi_client_errno(avahi_entry_group_get_client(group)))});
  }

  boost::asio::io_context loop{1};
  std::shared_ptr<responder_outbox> outbox;
  avahi_poll poll;
  boost::asio::steady_timer retry;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work;
  std::chrono::milliseconds retry_after = first_retry;
  AvahiClient* handle = nullptr;
  bool running = false;
  unsigned starts = 0; ///< how often `running` was reported
  std::unordered_map<query_id, std::unique_ptr<question>> questions;
  std::unordered_map<registration_id, std::unique_ptr<announcement>> announcements;
  std::promise<void> ended;
};

daemon_responder::daemon_responder(boost::asio::io_context& loop, responder_sink sink)
    : heard_(std::make_shared<unsigned>(0)) {
  auto count_starts = [heard = heard_, next = std::move(sink)](responder_event event) {
    const auto* changed = std::get_if<responder_changed>(&event);
    if (changed && changed->state == responder_state::running)
      ++*heard;
    next(std::move(event));
  };
  client_ =
      std::make_shared<client>(std::make_shared<responder_outbox>(loop, std::move(count_starts)));
  thread_ = std::thread([client = client_] { client->run(); });
}

daemon_responder::~daemon_responder() {
  client_->outbox->close();
  client_->loop.stop();
  if (client_->ended.get_future().wait_for(end_limit) == std::future_status::ready)
    thread_.join();
  else
    thread_.detach(); // it shares the ownership of all that it uses
}

/// Commands that were under way while the daemon restarted are dropped: their asker starts anew.
template <class Command>
void daemon_responder::send(Command command) {
  boost::asio::post(client_->loop,
                    [at = client_.get(), start = *heard_, command = std::move(command)] {
                      if (at->running && at->starts == start)
                        command(*at);
                    });
}

void daemon_responder::browse(query_id query, const std::string& type) {
  send([=](client& at) { at.browse(query, type); });
}

void daemon_responder::ask_server(query_id query, const std::string& instance,
                                  const std::string& type) {
  send([=](client& at) { at.ask_server(query, instance, type); });
}

void daemon_responder::ask_addresses(query_id query, const std::string& host) {
  send([=](client& at) { at.ask_addresses(query, host); });
}

void daemon_responder::release(query_id query) {
  send([=](client& at) { at.release(query); });
}

void daemon_responder::announce(registration_id id, const registration& service) {
  send([=](client& at) { at.announce(id, service); });
}

void daemon_responder::update(registration_id id, const registration& service) {
  send([=](client& at) { at.update(id, service); });
}

void daemon_responder::withdraw(registration_id id) {
  send([=](client& at) { at.withdraw(id); });
}

} // namespace tutti::io
