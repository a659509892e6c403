#include "cli/serve.hpp"

#include "actors/scheduler.hpp"
#include "actors/spawn.hpp"
#include "cli/bind_control.hpp"
#include "io/log.hpp"
#include "io/real_time.hpp"
#include "io/service_manager.hpp"
#include "io/working_set.hpp"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>

#include <cstdio>
#include <system_error>

#include <sys/resource.h>

namespace tutti::cli {

namespace {

/// Goodbyes are on their way by then, or never will be.
constexpr std::chrono::milliseconds shutdown_limit{900};
// By then the settings are in force, services announced and sound systems opened.
constexpr std::chrono::milliseconds start_limit{300};
/// Between the parts of what is given back then.
constexpr std::chrono::milliseconds part_wait{1};
/// While the hub ends it looks this often whether other threads have ended.
constexpr std::chrono::milliseconds shutdown_look{5};

void print_welcome(const std::vector<bound_session>& sessions) {
  if (sessions.empty())
    return;
  for (const auto& session : sessions)
    for (const auto& where : session.listens())
      std::printf("session \"%s\" listening on udp %s and %u\n", session.settings.name.c_str(),
                  to_string(where).c_str(), where.port + 1u);
  auto port = sessions.front().control->local().port;
  std::printf("To join from\n"
              "  macOS    Audio MIDI Setup > MIDI Studio > Network: add this machine's address and "
              "port %u under Directory, then Connect\n"
              "  iPad     an app with network MIDI (AUM, MIDI Network): add a host with this "
              "machine's address and port %u\n"
              "  Windows  rtpMIDI: Directory +, this machine's address and port %u, then Connect\n"
              "  Linux    rtpmidid-cli connect ADDRESS %u, or another Tutti: --connect ADDRESS:%u\n"
              "Everything that one plays reaches all the others. Ctrl-C says goodbye and ends.\n",
              port, port, port, port, port);
  std::fflush(stdout);
}

void print_control(const io::http_server* server, const config::control& settings) {
  if (!server)
    return;
  for (const auto& where : server->local())
    std::printf("control API on %s://%s%s\n", settings.tls ? "https" : "http",
                to_string(where).c_str(), settings.tokens.empty() ? "" : ", with a token");
  std::fflush(stdout);
}

// Sockets are many when peers are: two per session, one per TCP connection.
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

// Before any other thread is started, so that all of its memory counts.
void enter_real_time(const config::real_time& wanted) {
  for (const auto& told : io::enter_real_time({wanted.priority, wanted.lock_memory}))
    io::log(told.level == io::severity::info ? io::log_level::info : io::log_level::warning,
            told.text);
}

/// What `systemctl status` shows.
std::string status_line(const std::vector<bound_session>& sessions) {
  std::string line;
  for (const auto& session : sessions)
    for (const auto& where : session.listens())
      line += (line.empty() ? "" : ", ") + session.settings.name + " on UDP " + to_string(where);
  return line;
}

class hub {
public:
  explicit hub(const serve_options& options)
      : options_(options)
      , manager_(loop_.context())
      , signals_(loop_.context(), SIGINT, SIGTERM)
      , reload_signal_(loop_.context(), SIGHUP)
      , limit_(loop_.context())
      , started_(loop_.context()) {
    loop_.set_busy_poll(options.busy_poll);
    use_loop_scheduler(config_, loop_);
  }

  int run() {
    auto in_force = options_.configuration->in_force();
    const auto& settings = in_force->settings;
    enter_real_time(settings.real_time);
    hub_start start{&loop_, options_.configuration, {}, {}, TUTTI_VERSION};
    for (const auto& offered : settings.sessions)
      start.bound.push_back(bind_session(loop_, with_defaults(offered), settings));
    start.control = bind_control(loop_, settings.control);
    print_welcome(start.bound);
    print_control(start.control.get(), settings.control);
    auto status = status_line(start.bound);
    caf::actor_system system(config_);
    auto supervisor = spawn_supervisor(system, std::move(start));
    reload_on_signal(supervisor);
    end_with(supervisor);
    signals_.async_wait([&](const boost::system::error_code& error, int) {
      if (!error)
        begin_shutdown(supervisor);
    });
    loop_.adopt_thread();
    manager_.ready(status);
    forget_start();
    while (system.registry().running() > 0 && !overdue_ && !lost_)
      loop_.run_turn(leaving_ ? shutdown_look : io::event_loop::nanoseconds::max());
    auto clean = !overdue_ && !lost_;
    supervisor = nullptr;
    signals_.cancel();
    reload_signal_.cancel();
    limit_.cancel();
    started_.cancel();
    if (!clean) {
      if (lost_)
        io::log_error("the supervisor failed; nothing can go on without it");
      else
        io::log_warning("not everything ended in time");
      std::_Exit(lost_ ? 1 : 0);
    }
    return 0;
  }

private:
  // Music may play already, so it is done in as many turns as it has parts.
  void forget_start(std::size_t part = 0) {
    started_.expires_after(part == 0 ? start_limit : part_wait);
    started_.async_wait([this, part](const boost::system::error_code& error) {
      if (!error && io::release_start_pages(part))
        forget_start(part + 1);
    });
  }

  void reload_on_signal(const supervisor_actor& supervisor) {
    reload_signal_.async_wait([this, &supervisor](const boost::system::error_code& error, int) {
      if (error)
        return;
      if (supervisor)
        caf::anon_send(supervisor, atom::reload_v);
      reload_on_signal(supervisor);
    });
  }

  // It starts all others again, but nobody starts it: that is the service manager's part.
  void end_with(const supervisor_actor& supervisor) {
    caf::actor_cast<caf::actor>(supervisor)->attach_functor([this](const caf::error& why) {
      lost_ = why && !leaving_; // not where it was told to end
    });
  }

  void begin_shutdown(const supervisor_actor& supervisor) {
    manager_.stopping();
    io::log_info("saying goodbye to all peers");
    leaving_ = true;
    caf::anon_send(supervisor, atom::leave_v);
    limit_.expires_after(shutdown_limit);
    limit_.async_wait([this](const boost::system::error_code& error) { overdue_ = !error; });
  }

  const serve_options& options_;
  io::event_loop loop_;
  io::service_manager manager_;
  boost::asio::signal_set signals_;
  boost::asio::signal_set reload_signal_;
  boost::asio::steady_timer limit_;
  boost::asio::steady_timer started_;
  caf::actor_system_config config_;
  bool leaving_ = false;
  bool overdue_ = false;
  bool lost_ = false; ///< the supervisor has ended, though nobody wanted it to
};

} // namespace

int serve(const serve_options& options) {
  io::keep_heap_flat();
  raise_file_limit();
  try {
    return hub(options).run();
  } catch (const std::system_error& error) {
    io::log_error("cannot start: {}", error.what());
    return 1;
  }
}

} // namespace tutti::cli
