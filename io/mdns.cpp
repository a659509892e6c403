#include "io/mdns.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace tutti::io {

namespace {

using clock = std::chrono::steady_clock;

/// What we were known by: records of it live on in caches after we have withdrawn it.
constexpr std::size_t max_own_host_names = 8;
constexpr std::size_t max_own_ports = 64;

/// Moves `value` to the end of the list, and drops the oldest of more than `limit`.
template <class Value>
void remember(std::vector<Value>& list, const Value& value, std::size_t limit) {
  list.erase(std::remove(list.begin(), list.end(), value), list.end());
  list.push_back(value);
  if (list.size() > limit)
    list.erase(list.begin());
}

} // namespace

mdns::mdns(boost::asio::io_context& loop, mdns_options options, mdns_handlers handlers)
    : loop_(loop)
    , options_(std::move(options))
    , handlers_(std::move(handlers))
    , choice_(options_.mode, clock::now())
    , timer_(loop) {
  local_.chosen_interfaces = options_.interfaces;
  if (choice_.wants_daemon())
    daemon_ = std::make_unique<daemon_responder>(
        loop_, [this](responder_event event) { on_event(source::daemon, std::move(event)); });
  schedule();
}

mdns::~mdns() = default;

// -- what the hub wants
// -----------------------------------------------------------------------------

registration_id mdns::publish(announcement service) {
  const auto id = next_registration_++;
  update(id, std::move(service));
  return id;
}

void mdns::update(registration_id id, announcement service) {
  remember(announced_ports_, service.port, max_own_ports);
  tell_tables();
  publications_.publish(id, std::move(service));
  schedule();
}

void mdns::withdraw(registration_id id) {
  publications_.withdraw(id);
  schedule();
}

void mdns::browse(const std::string& type) {
  const auto [place, fresh] = tables_.try_emplace(type, type);
  if (!fresh)
    return;
  tell_tables();
  if (active_)
    browse_with_active(place->second);
}

void mdns::refresh(const std::string& type, const std::string& name) {
  const auto table = tables_.find(type);
  if (table == tables_.end())
    return;
  table->second.refresh(name, clock::now());
  schedule();
}

void mdns::set_interfaces(std::vector<network_interface> interfaces) {
  local_.interfaces = interfaces;
  if (embedded_)
    embedded_->set_interfaces(interfaces);
  publications_.on_interfaces(std::move(interfaces));
  tell_tables();
  schedule();
}

void mdns::set_listening_ports(std::vector<std::uint16_t> ports) {
  local_.ports = std::move(ports);
  tell_tables();
  schedule();
}

void mdns::tell_tables() {
  auto local = local_;
  local.ports.insert(local.ports.end(), announced_ports_.begin(), announced_ports_.end());
  for (auto& [type, table] : tables_)
    table.set_local_host(local, clock::now());
}

std::vector<discovered_service> mdns::services() const {
  std::vector<discovered_service> all;
  for (const auto& [type, table] : tables_) {
    auto services = table.services();
    std::move(services.begin(), services.end(), std::back_inserter(all));
  }
  return all;
}

mdns_status mdns::status() const {
  mdns_status status{options_.mode, mdns_status::responder::none, host_, 0};
  if (active_)
    status.active = active_source_ == source::daemon ? mdns_status::responder::daemon
                                                     : mdns_status::responder::embedded;
  for (const auto& [type, table] : tables_)
    status.dropped += table.dropped();
  return status;
}

// -- which responder works
// --------------------------------------------------------------------------

void mdns::on_event(source from, responder_event event) {
  if (const auto* change = std::get_if<responder_changed>(&event))
    on_changed(from, *change);
  else if (auto* said = std::get_if<notice>(&event))
    notices_.push_back(std::move(*said));
  else if (active_ && from == active_source_)
    on_answer(event);
  schedule();
}

void mdns::on_changed(source from, const responder_changed& change) {
  if (active_ && from == active_source_)
    deactivate();
  if (from == source::daemon)
    choice_.on_daemon(change.state, clock::now());
  choose();
  if (change.state == responder_state::running)
    activate(from, change.host);
  else if (change.state == responder_state::absent)
    tell_absence(from, change.reason);
}

void mdns::tell_absence(source from, const std::string& reason) {
  if (!told_absent_.insert(from).second)
    return;
  if (from == source::embedded)
    tell(severity::error, "The embedded mDNS responder cannot work (" + reason + "); trying again");
  else if (options_.mode == mdns_mode::daemon)
    tell(severity::warning,
         "No avahi-daemon answers (" + reason + "); nothing is announced or found until one does");
  else if (daemon_was_active_)
    tell(severity::warning, "The avahi-daemon is gone (" + reason + "); waiting for its return");
  else
    tell(severity::info, "No avahi-daemon answers (" + reason + ")");
}

/// Makes or destroys the embedded responder.
void mdns::choose() {
  if (choice_.wants_embedded() == static_cast<bool>(embedded_))
    return;
  if (!embedded_) {
    if (options_.mode == mdns_mode::automatic)
      tell(severity::info, "The embedded mDNS responder takes over until an avahi-daemon runs");
    embedded_ = std::make_unique<embedded_responder>(
        loop_, embedded_options{options_.host_label, options_.interfaces}, local_.interfaces,
        [this](responder_event event) { on_event(source::embedded, std::move(event)); });
    return;
  }
  tell(severity::info,
       "An avahi-daemon runs: the embedded mDNS responder withdraws and hands over");
  if (active_ == embedded_.get())
    deactivate();
  told_absent_.erase(source::embedded);
  embedded_.reset(); // says goodbye before the daemon probes for the same names
}

void mdns::activate(source next, const std::string& host) {
  active_ = embedded_.get();
  if (next == source::daemon)
    active_ = daemon_.get();
  active_source_ = next;
  host_ = host;
  daemon_was_active_ = daemon_was_active_ || next == source::daemon;
  told_absent_.erase(next);
  tell(severity::info, next == source::daemon
                           ? "The avahi-daemon announces this host as " + host
                           : "The embedded mDNS responder announces this host as " + host);
  // A responder that comes with another name has lost the one before to another host, whose
  // services are not ours.
  auto& name = host_names_[next];
  if (name != host)
    std::erase(local_.host_names, name);
  name = host;
  remember(local_.host_names, host, max_own_host_names);
  tell_tables();
  for (auto& [type, table] : tables_)
    browse_with_active(table);
  publications_.on_responder(host, next == source::embedded ? options_.interfaces
                                                            : std::vector<std::string>{});
}

void mdns::deactivate() {
  active_ = nullptr;
  host_.clear();
  questions_.clear();
  question_ids_.clear();
  for (auto& [type, table] : tables_)
    table.on_responder_lost(clock::now());
  publications_.on_responder({});
}

// -- what is seen
// -----------------------------------------------------------------------------------

void mdns::browse_with_active(service_table& table) {
  const auto id = next_query_++;
  questions_.emplace(id, asked{&table, std::nullopt});
  active_->browse(id, table.type());
}

void mdns::change_question(service_table& table, const question_change& change) {
  const auto& question = change.question;
  const auto key = std::make_pair(&table, question);
  if (!change.asked) {
    const auto found = question_ids_.find(key);
    if (found == question_ids_.end())
      return; // it failed before
    active_->release(found->second);
    questions_.erase(found->second);
    question_ids_.erase(found);
    return;
  }
  const auto id = next_query_++;
  questions_.emplace(id, asked{&table, question});
  question_ids_[key] = id;
  if (question.what == service_question::kind::server)
    active_->ask_server(id, question.name, table.type());
  else
    active_->ask_addresses(id, question.name);
}

/// Answers to questions that were released while they were under way find no question any more.
void mdns::on_answer(responder_event& event) {
  const auto now = clock::now();
  if (const auto* result = std::get_if<registration_result>(&event)) {
    publications_.on_result(*result, now);
    return;
  }
  const auto id = std::visit(
      [](const auto& answer) -> query_id {
        if constexpr (requires { answer.query; })
          return answer.query;
        else
          return 0;
      },
      event);
  const auto found = questions_.find(id);
  if (found == questions_.end())
    return;
  auto& table = *found->second.table;
  const auto question = found->second.question;
  if (const auto* instance = std::get_if<instance_seen>(&event)) {
    table.on_instance(instance->name, instance->where, now);
  } else if (const auto* server = std::get_if<server_seen>(&event)) {
    table.on_server(question->name, server->where, server->host, server->port, now);
  } else if (const auto* address = std::get_if<address_seen>(&event)) {
    table.on_address(question->name, address->where, address->address, now);
  } else if (const auto* failure = std::get_if<query_failed>(&event)) {
    questions_.erase(found);
    if (question) {
      question_ids_.erase({&table, *question});
      table.on_question_failed(*question, now);
    } else {
      tell(severity::warning,
           "Looking for services of type " + table.type() + " failed (" + failure->reason + ")");
    }
  }
}

// -- the end of each turn
// ---------------------------------------------------------------------------

/// However much happens in a turn of the loop, its consequences are drawn once.
void mdns::schedule() {
  if (std::exchange(scheduled_, true))
    return;
  boost::asio::post(loop_, [this, alive = std::weak_ptr(life_)] {
    if (alive.expired())
      return;
    scheduled_ = false;
    settle();
  });
}

void mdns::settle() {
  const auto now = clock::now();
  choice_.on_time(now);
  choose();
  publications_.on_time(now);
  std::vector<service_event> seen;
  for (auto& [type, table] : tables_) {
    auto events = table.take_events(now);
    std::move(events.begin(), events.end(), std::back_inserter(seen));
    for (const auto& change : table.take_questions())
      if (active_)
        change_question(table, change);
  }
  for (const auto& event : seen) {
    service_name name{event.service.type, event.service.name};
    if (event.what == service_event::kind::removed)
      others_.erase(name);
    else
      others_.insert(std::move(name));
  }
  publications_.avoid(others_);
  for (const auto& command : publications_.take_commands())
    if (active_ && command.what == publication_command::kind::announce)
      active_->announce(command.id, command.service);
    else if (active_)
      active_->withdraw(command.id);
  arm_timer();
  deliver(seen);
}

void mdns::arm_timer() {
  auto deadline = choice_.next_deadline();
  const auto sooner = [&](const auto& time) {
    if (time && (!deadline || *time < *deadline))
      deadline = time;
  };
  sooner(publications_.next_deadline());
  for (const auto& [type, table] : tables_)
    sooner(table.next_deadline());
  if (!deadline) {
    timer_.cancel();
    return;
  }
  if (timer_.expiry() == *deadline && timer_armed_)
    return;
  timer_.expires_at(*deadline);
  timer_armed_ = true;
  timer_.async_wait([this, alive = std::weak_ptr(life_)](const boost::system::error_code& error) {
    if (error || alive.expired())
      return;
    timer_armed_ = false;
    schedule();
  });
}

void mdns::deliver(const std::vector<service_event>& seen) {
  for (const auto& change : publications_.take_changes()) {
    if (change.state == publication_state::established && change.name != change.wanted)
      tell(severity::warning, "The service name \"" + change.wanted +
                                  "\" is taken on this network; announced as \"" + change.name +
                                  "\"");
    else if (change.state == publication_state::failed)
      tell(severity::warning, "The service \"" + change.wanted + "\" cannot be announced (" +
                                  change.reason + "); trying again");
    handlers_.on_publication(change);
  }
  for (const auto& said : std::exchange(notices_, {}))
    handlers_.on_notice(said);
  for (const auto& event : seen)
    handlers_.on_service(event);
}

} // namespace tutti::io
