// The monitor: live events for the API's clients.
// Decides: who hears what; how much of a flood of MIDI is shown; when meters are sent.
// Leaves: slow clients (io/event_queue), what happens (all others), the hub's own work: it does
// nothing there while nobody listens.
#include "actors/api_json.hpp"
#include "actors/failure.hpp"
#include "actors/midi_json.hpp"
#include "actors/spawn.hpp"
#include "actors/subscription.hpp"
#include "io/event_stream.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <deque>
#include <unordered_map>

namespace tutti {

namespace {

using namespace std::chrono_literals;
using protocol::hub_time;

/// Tapped MIDI is shown this often; meters are looked at as often as the fastest client wants.
constexpr std::chrono::milliseconds tap_interval = 20ms;
/// Tapped events that wait to be shown; the oldest go first.
constexpr std::size_t max_tapped = 1000;
/// Meters carry the ports that moved something in this time; a client that missed one gets all.
constexpr std::chrono::milliseconds recent = 2s;

struct client {
  std::shared_ptr<io::event_stream> stream;
  subscription wants;
  hub_time next_meters{};
  bool all_meters = true; ///< the next meters have every port
};

struct tapped_event {
  port_key from, to;
  protocol::event content;
  hub_time seen;
};

struct known_port {
  std::string id;
  std::string quoted; ///< the id as a JSON string
  bool source = false;
  bool gone = false;
  port_activity last{};
  hub_time moved{};
};

struct monitor_state {
  explicit monitor_state(monitor_actor::pointer pointer)
      : self(pointer) {}
  ~monitor_state() { io::set_log_listener({}); }

  void attach(const router_actor& router) { router_ = router; }
  void attach(const control_actor& control) { control_ = control; }
  void on_notice(const notice& happened);
  void on_tap(port_key from, port_key to, const batch_ptr& batch);
  void on_client(const io::http_exchange_ptr& exchange);
  void on_wish(std::uint64_t number, const std::string& text);
  void on_gone(std::uint64_t number);
  void on_tick();
  void leave();

  static inline const char* name = "monitor";

private:
  static io::event_queue::topic number_of(topic which) {
    return static_cast<io::event_queue::topic>(which);
  }
  hub_time now() const { return hub_time(self->clock().now().time_since_epoch()); }
  bool anybody_wants(topic which) const;
  void learn_port(const port_info& port);
  /// Tells the router and the log what is wanted now.
  void follow_wishes();
  void choose_taps();
  void plan_tick();
  void show_tapped();
  void show_tapped_to(client& one, std::vector<std::string>& texts);
  std::string text_of(const tapped_event& one) const;
  bool is_meant(const std::vector<tap_choice>& taps, const tapped_event& one) const;
  void send_meters(const std::vector<port_activity>& ports);
  io::event_text meters_text(bool all) const;

  monitor_actor::pointer self;
  router_actor router_;
  control_actor control_;
  std::unordered_map<std::uint64_t, client> clients_;
  std::uint64_t last_client_ = 0;
  std::unordered_map<port_key, known_port> ports_;
  std::deque<tapped_event> tapped_;
  std::uint64_t tapped_dropped_ = 0;
  bool ticking_ = false;
  bool tapping_ = false;
  bool log_wanted_ = false;
  bool routes_wanted_ = false;
  bool leaving_ = false;
};

bool monitor_state::anybody_wants(topic which) const {
  return std::any_of(clients_.begin(), clients_.end(),
                     [which](const auto& one) { return one.second.wants.wants(which); });
}

// -- what happens -----------------------------------------------------------------

void monitor_state::on_notice(const notice& happened) {
  if (auto port = std::get_if<port_info>(&happened.subject))
    learn_port(*port);
  if (control_ && happened.about != topic::log)
    self->send(control_, atom::changed_v);
  if (!anybody_wants(happened.about))
    return;
  auto text = std::make_shared<const std::string>(to_text(describe(happened, now())));
  auto weight =
      happened.about == topic::log ? io::event_weight::stream : io::event_weight::important;
  for (auto& [number, one] : clients_)
    if (one.wants.wants(happened.about))
      one.stream->send(number_of(happened.about), weight, text);
}

void monitor_state::learn_port(const port_info& port) {
  if (!port.up) {
    if (!ticking_)
      ports_.erase(port.key);
    else if (auto known = ports_.find(port.key); known != ports_.end())
      known->second.gone = true; // its last events may still wait to be shown
    return;
  }
  auto& known = ports_[port.key];
  known.id = port.id;
  known.quoted = to_text(port.id);
  known.source = port.description.source;
  known.moved = now();
  if (tapping_)
    choose_taps();
}

// -- clients ----------------------------------------------------------------------

std::string losses_text(const std::vector<io::event_queue::loss>& losses) {
  api_json out{{"topic", "missed"}, {"events", api_json::object()}};
  for (const auto& loss : losses)
    out["events"][to_string(static_cast<topic>(loss.what))] = loss.events;
  return to_text(out);
}

api_json mistakes_json(const config::mistakes& found) {
  api_json out{{"topic", "mistake"}, {"errors", api_json::array()}};
  for (const auto& one : found)
    out["errors"].push_back({{"pointer", one.path}, {"detail", one.sentence()}});
  return out;
}

void monitor_state::on_client(const io::http_exchange_ptr& exchange) {
  config::mistakes found;
  auto wants = read_subscription(exchange->request().target, found);
  if (!found.empty()) {
    std::vector<io::http_mistake> mistakes;
    for (const auto& one : found)
      mistakes.push_back({one.path, one.sentence()});
    return exchange->respond(
        io::problem(400, "The query says what nobody can listen to.", mistakes));
  }
  auto stream = leaving_ ? nullptr : exchange->stream();
  if (!stream)
    return;
  auto number = ++last_client_;
  auto me = caf::actor_cast<caf::actor_addr>(monitor_actor(self));
  stream->start({[me, number](std::string_view text) {
                   if (auto monitor = caf::actor_cast<monitor_actor>(me))
                     caf::anon_send(monitor, atom::listen_v, number, std::string(text));
                 },
                 [me, number] {
                   if (auto monitor = caf::actor_cast<monitor_actor>(me))
                     caf::anon_send(monitor, atom::forget_v, number);
                 },
                 losses_text});
  api_json hello{{"topic", "hello"}, {"subscription", describe(wants)}};
  stream->send(topic_count, io::event_weight::important,
               std::make_shared<const std::string>(to_text(hello)));
  clients_[number] = {std::move(stream), std::move(wants), now()};
  follow_wishes();
}

void monitor_state::on_wish(std::uint64_t number, const std::string& text) {
  auto found = clients_.find(number);
  if (found == clients_.end())
    return;
  config::mistakes mistakes;
  auto wants = read_subscription(std::string_view(text), mistakes);
  api_json answer;
  if (mistakes.empty()) {
    answer = {{"topic", "hello"}, {"subscription", describe(wants)}};
    found->second.wants = std::move(wants);
    found->second.all_meters = true;
    found->second.next_meters = now();
    follow_wishes();
  } else {
    answer = mistakes_json(mistakes);
  }
  found->second.stream->send(topic_count, io::event_weight::important,
                             std::make_shared<const std::string>(to_text(answer)));
}

void monitor_state::on_gone(std::uint64_t number) {
  if (clients_.erase(number) > 0)
    follow_wishes();
}

void monitor_state::leave() {
  leaving_ = true;
  for (auto& [number, one] : std::exchange(clients_, {}))
    one.stream->close();
  follow_wishes();
  self->quit();
}

void monitor_state::follow_wishes() {
  if (auto log = anybody_wants(topic::log); log != std::exchange(log_wanted_, log)) {
    auto me = caf::actor_cast<caf::actor_addr>(monitor_actor(self));
    io::set_log_listener(
        !log ? io::log_listener() : [me](io::log_level level, std::string_view sentence) {
          if (auto monitor = caf::actor_cast<monitor_actor>(me))
            caf::anon_send(monitor, atom::tell_v,
                           notice{topic::log, "line", log_line{level, std::string(sentence)}});
        });
  }
  if (auto midi = anybody_wants(topic::midi); midi || tapping_) {
    tapping_ = midi;
    choose_taps();
  }
  if (auto routes = anybody_wants(topic::routes); routes != std::exchange(routes_wanted_, routes))
    if (router_)
      self->send(router_, atom::routes_v, routes);
  plan_tick();
}

void monitor_state::plan_tick() {
  if (ticking_ || !(tapping_ || anybody_wants(topic::meters)))
    return;
  ticking_ = true;
  self->delayed_send(self, tapping_ ? tap_interval : subscription::fastest_meters, atom::tick_v);
}

void monitor_state::on_tick() {
  ticking_ = false;
  show_tapped();
  auto due = std::any_of(clients_.begin(), clients_.end(), [this](const auto& one) {
    return one.second.wants.wants(topic::meters) && one.second.next_meters <= now();
  });
  if (due && router_)
    self->request(router_, 1s, atom::meters_v)
        .then([this](const std::vector<port_activity>& ports) { send_meters(ports); },
              [](caf::error&) {});
  plan_tick();
}

// -- taps -------------------------------------------------------------------------

bool meant(const std::string& wanted, const std::string& id) {
  return wanted == "*" || wanted == id;
}

void monitor_state::choose_taps() {
  std::vector<port_key> sources, destinations;
  for (const auto& [key, port] : ports_) {
    if (port.gone)
      continue;
    bool in = false, out = false;
    for (const auto& [number, one] : clients_)
      for (const auto& tap : one.wants.taps) {
        in = in || (tap.to.empty() && meant(tap.from, port.id));
        out = out || meant(tap.to, port.id);
      }
    if (in)
      sources.push_back(key);
    if (out)
      destinations.push_back(key);
  }
  if (router_)
    self->send(router_, atom::tap_v, tap_sink(monitor_actor(self)), std::move(sources),
               std::move(destinations));
}

void monitor_state::on_tap(port_key from, port_key to, const batch_ptr& batch) {
  auto seen = now();
  for (const auto& e : batch->events()) {
    if (tapped_.size() >= max_tapped) {
      tapped_.pop_front();
      ++tapped_dropped_;
    }
    tapped_.push_back({from, to, e, seen});
  }
}

bool monitor_state::is_meant(const std::vector<tap_choice>& taps, const tapped_event& one) const {
  auto id_of = [this](port_key key) {
    auto found = ports_.find(key);
    return found == ports_.end() ? std::string_view() : std::string_view(found->second.id);
  };
  auto from = id_of(one.from), to = id_of(one.to);
  return std::any_of(taps.begin(), taps.end(), [&](const tap_choice& tap) {
    auto fits = [](const std::string& wanted, std::string_view id) {
      return wanted == "*" || wanted == id;
    };
    if (tap.to.empty())
      return one.to == 0 && fits(tap.from, from);
    return one.to != 0 && fits(tap.to, to) && (tap.from.empty() || fits(tap.from, from));
  });
}

std::string monitor_state::text_of(const tapped_event& one) const {
  auto quoted = [this](port_key key) -> std::string_view {
    auto found = ports_.find(key);
    return found == ports_.end() ? "null" : std::string_view(found->second.quoted);
  };
  // Hub time is the steady clock's; people want the wall's.
  auto ago = now() - one.seen;
  auto when = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch() - ago);
  auto latency = std::chrono::duration_cast<std::chrono::microseconds>(one.seen - one.content.at);
  return fmt::format(
      R"({{"from":{},"to":{},"time_us":{},"latency_us":{},"octets":"{}","message":{}}})",
      one.from == 0 ? "null" : quoted(one.from), one.to == 0 ? "null" : quoted(one.to),
      when.count(), latency.count(), message_octets(one.content.message),
      message_json(one.content.message));
}

void monitor_state::show_tapped() {
  if (!tapped_.empty()) {
    std::vector<std::string> texts(tapped_.size());
    for (auto& [number, one] : clients_)
      if (one.wants.wants(topic::midi))
        show_tapped_to(one, texts);
    tapped_.clear();
    tapped_dropped_ = 0;
  }
  std::erase_if(ports_, [](const auto& one) { return one.second.gone; });
}

// Each event is written once, into its place of `texts`, however many clients see it.
void monitor_state::show_tapped_to(client& one, std::vector<std::string>& texts) {
  std::string events;
  for (std::size_t i = 0; i < tapped_.size(); ++i) {
    if (!is_meant(one.wants.taps, tapped_[i]))
      continue;
    if (texts[i].empty())
      texts[i] = text_of(tapped_[i]);
    events += events.empty() ? "" : ",";
    events += texts[i];
  }
  if (tapped_dropped_ > 0)
    one.stream->send(topic_count, io::event_weight::important,
                     std::make_shared<const std::string>(
                         losses_text({{number_of(topic::midi), tapped_dropped_}})));
  if (!events.empty())
    one.stream->send(
        number_of(topic::midi), io::event_weight::stream,
        std::make_shared<const std::string>(R"({"topic":"midi","events":[)" + events + "]}"));
}

// -- meters -----------------------------------------------------------------------

void monitor_state::send_meters(const std::vector<port_activity>& ports) {
  auto time = now();
  for (const auto& port : ports) {
    auto known = ports_.find(port.key);
    if (known == ports_.end())
      continue;
    auto& last = known->second.last;
    if (last.events_in != port.events_in || last.events_out != port.events_out)
      known->second.moved = time;
    last = port;
  }
  io::event_text some, all; // written when the first client needs them
  for (auto& [number, one] : clients_) {
    if (!one.wants.wants(topic::meters) || one.next_meters > time)
      continue;
    one.next_meters = std::max(one.next_meters + one.wants.meters, time);
    auto whole = one.all_meters || 2 * one.wants.meters > recent;
    auto& text = whole ? all : some;
    if (!text)
      text = meters_text(whole);
    one.all_meters = !one.stream->send(number_of(topic::meters), io::event_weight::state, text);
  }
}

io::event_text monitor_state::meters_text(bool all) const {
  std::string out = R"({"topic":"meters","ports":{)";
  auto first = true;
  for (const auto& [key, port] : ports_)
    if (!port.gone && (all || now() - port.moved < recent)) {
      fmt::format_to(std::back_inserter(out), "{}{}:[{},{}]", first ? "" : ",", port.quoted,
                     port.last.events_in, port.last.events_out);
      first = false;
    }
  return std::make_shared<const std::string>(out + "}}");
}

monitor_actor::behavior_type monitor(monitor_actor::stateful_pointer<monitor_state> self, int) {
  log_failures(self);
  auto& state = self->state;
  return {
      [&state](atom::tell, const notice& happened) { state.on_notice(happened); },
      [&state](atom::tap, port_key from, port_key to, const batch_ptr& batch) {
        state.on_tap(from, to, batch);
      },
      [&state](atom::attach, const router_actor& router) { state.attach(router); },
      [&state](atom::attach, const control_actor& control) { state.attach(control); },
      [&state](atom::listen, const io::http_exchange_ptr& exchange) { state.on_client(exchange); },
      [&state](atom::listen, std::uint64_t number, const std::string& text) {
        state.on_wish(number, text);
      },
      [&state](atom::forget, std::uint64_t number) { state.on_gone(number); },
      [&state](atom::tick) { state.on_tick(); },
      [&state](atom::leave) { state.leave(); },
  };
}

} // namespace

monitor_actor spawn_monitor(caf::actor_system& system) {
  return system.spawn(monitor, 0); // a behaviour without arguments trips UBSan inside CAF
}

} // namespace tutti
