#include "cli/serve.hpp"

#include "actors/scheduler.hpp"
#include "actors/spawn.hpp"
#include "io/log.hpp"
#include "io/real_time.hpp"
#include "io/service_manager.hpp"
#include "io/udp_socket.hpp"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>

#include <cstdio>
#include <system_error>

#include <sys/resource.h>
#include <unistd.h>

namespace tutti::cli {

namespace {

/// Goodbyes are on their way by then, or never will be.
constexpr std::chrono::milliseconds shutdown_limit{900};

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  std::string text(name);
  return text.empty() ? "Tutti" : text.substr(0, text.find('.'));
}

/// One pair of ports for each address that the session is to listen on.
void bind_session(io::event_loop& loop, config::session session, const config::settings& settings,
                  std::vector<bound_session>& out) {
  if (session.name.empty())
    session.name = host_name();
  if (session.bind.empty())
    session.bind = {"::"};
  io::udp_options options;
  options.buffer_octets = static_cast<int>(settings.limits.socket_buffer);
  options.dscp = settings.real_time.dscp;
  for (const auto& text : session.bind) {
    auto address = io::parse_address(text, session.port);
    if (!address)
      throw std::system_error(EINVAL, std::generic_category(),
                              '"' + text + "\" is no address of this machine");
    auto pair = io::bind_udp_pair(loop, *address, options);
    io::log_info(
        "session \"{}\": socket buffers of {} KiB in and {} KiB out granted ({} KiB asked)",
        session.name, pair.data->granted_receive_buffer() / 1024,
        pair.data->granted_send_buffer() / 1024, options.buffer_octets / 1024);
    out.push_back({session, std::move(pair.control), std::move(pair.data)});
  }
}

void print_welcome(const std::vector<bound_session>& sessions) {
  for (const auto& session : sessions) {
    auto where = session.control->local();
    std::printf("session \"%s\" listening on udp %s and %u\n", session.settings.name.c_str(),
                to_string(where).c_str(), where.port + 1u);
  }
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
    line += (line.empty() ? "" : ", ") + session.settings.name + " on UDP " +
            to_string(session.control->local());
  return line;
}

class hub {
public:
  explicit hub(const serve_options& options)
      : options_(options)
      , manager_(loop_.context())
      , signals_(loop_.context(), SIGINT, SIGTERM)
      , limit_(loop_.context()) {
    loop_.set_busy_poll(options.busy_poll);
    use_loop_scheduler(config_, loop_);
  }

  int run() {
    enter_real_time(options_.settings.real_time);
    std::vector<bound_session> bound;
    for (const auto& session : options_.settings.sessions)
      bind_session(loop_, session, options_.settings, bound);
    print_welcome(bound);
    auto status = status_line(bound);
    caf::actor_system system(config_);
    auto supervisor = spawn_supervisor(system, loop_, options_.settings, std::move(bound));
    signals_.async_wait([&](const boost::system::error_code& error, int) {
      if (!error)
        begin_shutdown(supervisor);
    });
    loop_.adopt_thread();
    manager_.ready(status);
    while (system.registry().running() > 0 && !overdue_)
      loop_.run_turn(io::event_loop::nanoseconds::max());
    auto clean = !overdue_;
    supervisor = nullptr;
    signals_.cancel();
    limit_.cancel();
    if (!clean) {
      io::log_warning("not everything ended in time");
      std::_Exit(0);
    }
    return 0;
  }

private:
  void begin_shutdown(const supervisor_actor& supervisor) {
    manager_.stopping();
    io::log_info("saying goodbye to all peers");
    caf::anon_send(supervisor, atom::leave_v);
    limit_.expires_after(shutdown_limit);
    limit_.async_wait([this](const boost::system::error_code& error) { overdue_ = !error; });
  }

  const serve_options& options_;
  io::event_loop loop_;
  io::service_manager manager_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer limit_;
  caf::actor_system_config config_;
  bool overdue_ = false;
};

} // namespace

int serve(const serve_options& options) {
  raise_file_limit();
  try {
    return hub(options).run();
  } catch (const std::system_error& error) {
    io::log_error("cannot start: {}", error.what());
    return 1;
  }
}

} // namespace tutti::cli
