// JACK to JACK through the hub, beside JACK's own direct connection, in one run.
//
//   jack_latency HUB [SECONDS]       HUB: the program; needs jackd, which is started with the dummy
//                                    driver; best in tests/jack/run, which hides other servers
//
// One client plays a numbered note every third period at a random offset, another hears it; each
// second they are connected directly or through two of the hub's ports, in turn. Told are the time
// from the player's process callback to the listener's, and the frames between the offsets, for
// periods of 64, 256 and 1024 frames. Decides: the connections. Leaves: everything else to JACK and
// the hub.
#include "bench/end_to_end/server_process.hpp"

#include <jack/jack.h>
#include <jack/midiport.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

constexpr std::size_t numbers = 127 * 127;

/// When a numbered note was played or heard.
struct moment {
  std::atomic<std::int64_t> at{0}; ///< ns
  std::atomic<jack_nframes_t> frame{0};
};

struct figures {
  std::vector<double> times;          ///< µs
  std::map<std::int32_t, int> frames; ///< how often each distance was seen
  std::size_t played = 0;

  double at(double share) {
    if (times.empty())
      return 0;
    std::sort(times.begin(), times.end());
    return times[std::min(times.size() - 1, std::size_t(share * double(times.size())))];
  }
};

class client {
public:
  explicit client(const char* name) {
    for (int i = 0; i < 500 && !handle_; ++i) {
      handle_ = jack_client_open(name, JackNoStartServer, nullptr);
      if (!handle_)
        std::this_thread::sleep_for(10ms);
    }
    if (!handle_)
      throw std::runtime_error("there is no JACK server");
  }
  virtual ~client() { jack_client_close(handle_); }
  client(const client&) = delete;
  client& operator=(const client&) = delete;
  jack_client_t* handle() const { return handle_; }

protected:
  void run(const char* port, unsigned long flags) {
    port_ = jack_port_register(handle_, port, JACK_DEFAULT_MIDI_TYPE, flags, 0);
    jack_set_process_callback(
        handle_,
        [](jack_nframes_t n, void* self) {
          auto me = static_cast<client*>(self);
          me->process(jack_port_get_buffer(me->port_, n), n);
          return 0;
        },
        this);
    jack_activate(handle_);
  }
  /// Before what process() uses goes.
  void stop() { jack_deactivate(handle_); }
  virtual void process(void* buffer, jack_nframes_t frames) = 0;
  static std::int64_t now() { return clock_type::now().time_since_epoch() / 1ns; }

private:
  jack_client_t* handle_ = nullptr;
  jack_port_t* port_ = nullptr;
};

/// A JACK server with the dummy driver. Synchronous, for otherwise it loses events on a busy
/// machine.
class jack_server {
public:
  explicit jack_server(int period)
      : pid_(fork()) {
    if (pid_ != 0)
      return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    auto nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    auto frames = std::to_string(period);
    execlp("jackd", "jackd", "-r", "-m", "-S", "-n", "tutti-bench", "-d", "dummy", "-r", "48000",
           "-p", frames.c_str(), nullptr);
    _exit(127);
  }
  ~jack_server() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  jack_server(const jack_server&) = delete;
  jack_server& operator=(const jack_server&) = delete;

private:
  pid_t pid_;
};

using moments = std::array<moment, numbers>;

class player final : public client {
public:
  explicit player(moments& sent)
      : client("player")
      , sent_(sent) {
    run("out", JackPortIsOutput);
  }
  ~player() override { stop(); }
  std::atomic<bool> playing{false};
  std::atomic<std::size_t> next{0};

private:
  void process(void* buffer, jack_nframes_t frames) override {
    jack_midi_clear_buffer(buffer);
    auto number = next.load(std::memory_order_relaxed);
    if (!playing || ++periods_ % 3 != 0 || number >= numbers)
      return;
    auto offset = static_cast<jack_nframes_t>(random_() % frames);
    jack_midi_data_t note[3] = {0x90, static_cast<jack_midi_data_t>(number / 127),
                                static_cast<jack_midi_data_t>(number % 127 + 1)};
    sent_[number].frame = jack_last_frame_time(handle()) + offset;
    jack_midi_event_write(buffer, offset, note, sizeof note);
    sent_[number].at = now();
    next.store(number + 1, std::memory_order_release);
  }

  moments& sent_;
  std::minstd_rand random_{1};
  unsigned periods_ = 0;
};

class listener final : public client {
public:
  explicit listener(moments& heard)
      : client("listener")
      , heard_(heard) {
    run("in", JackPortIsInput);
  }
  ~listener() override { stop(); }

private:
  void process(void* buffer, jack_nframes_t) override {
    auto at = now();
    for (jack_nframes_t i = 0; i < jack_midi_get_event_count(buffer); ++i) {
      jack_midi_event_t event;
      jack_midi_event_get(&event, buffer, i);
      if (event.size != 3 || event.buffer[0] != 0x90)
        continue;
      auto& one = heard_[std::size_t(event.buffer[1]) * 127 + event.buffer[2] - 1];
      one.frame = jack_last_frame_time(handle()) + event.time;
      one.at = at;
    }
  }

  moments& heard_;
};

void await_port(jack_client_t* client, const char* name) {
  for (int i = 0; i < 1000 && !jack_port_by_name(client, name); ++i)
    std::this_thread::sleep_for(10ms);
  if (!jack_port_by_name(client, name))
    throw std::runtime_error(std::string("the hub has no port ") + name);
}

/// `seconds` of music, directly and through the hub in turn.
std::array<figures, 2> measure(int seconds) {
  auto sent = std::make_unique<moments>(), heard = std::make_unique<moments>();
  player from(*sent);
  listener to(*heard);
  auto client = from.handle();
  await_port(client, "Tutti:A in");
  await_port(client, "Tutti:B out");
  jack_connect(client, "Tutti:B out", "listener:in");
  std::array<figures, 2> out;
  for (int i = 0; i < seconds; ++i) {
    auto hub = i % 2;
    auto goal = hub ? "Tutti:A in" : "listener:in";
    jack_connect(client, "player:out", goal);
    std::this_thread::sleep_for(100ms);
    auto first = from.next.load();
    from.playing = true;
    std::this_thread::sleep_for(800ms);
    from.playing = false;
    std::this_thread::sleep_for(100ms);
    jack_disconnect(client, "player:out", goal);
    for (auto n = first; n < from.next.load(); ++n) {
      ++out[hub].played;
      const auto &a = (*sent)[n], &b = (*heard)[n];
      if (b.at == 0)
        continue;
      out[hub].times.push_back(double(b.at - a.at) / 1000);
      ++out[hub].frames[static_cast<std::int32_t>(b.frame - a.frame)];
    }
  }
  return out;
}

void tell(const char* way, figures& one) {
  std::printf("  %-8s %5zu of %zu heard; p50 %8.1f us, p99 %8.1f us; frames later:", way,
              one.times.size(), one.played, one.at(0.5), one.at(0.99));
  std::vector<std::pair<int, std::int32_t>> often;
  for (auto [frames, count] : one.frames)
    often.push_back({count, frames});
  std::sort(often.rbegin(), often.rend());
  for (std::size_t i = 0; i < std::min<std::size_t>(often.size(), 3); ++i)
    std::printf(" %d (%d times)", often[i].second, often[i].first);
  std::printf("\n");
}

std::string write_configuration() {
  auto path = std::filesystem::temp_directory_path() /
              ("tutti-jack-" + std::to_string(::getpid()) + ".json");
  std::ofstream(path) << R"({
    "sessions": [{ "name": "bench", "port": 0, "bind": ["127.0.0.1"] }],
    "discovery": { "mode": "off" }, "control": { "enabled": false },
    "local": { "alsa": { "enabled": false },
               "jack": { "export": { "mode": "off" },
                         "virtual_ports": [{ "name": "A" }, { "name": "B" }] } } })";
  return path;
}

} // namespace

int main(int count, char** words) {
  if (count < 2) {
    std::fprintf(stderr, "jack_latency HUB [SECONDS]\n");
    return 2;
  }
  auto seconds = count > 2 ? std::atoi(words[2]) : 10;
  jack_set_error_function([](const char*) {});
  jack_set_info_function([](const char*) {});
  setenv("JACK_DEFAULT_SERVER", "tutti-bench", 1);
  setenv("JACK_NO_AUDIO_RESERVATION", "1", 1);
  auto configuration = write_configuration();
  try {
    for (int period : {64, 256, 1024}) {
      jack_server server(period);
      std::this_thread::sleep_for(300ms);
      tutti::bench::server_process hub({words[1], "serve", "--config", configuration}, -1);
      auto out = measure(seconds);
      std::printf("periods of %d frames (%.2f ms)\n", period, period / 48.0);
      tell("direct", out[0]);
      tell("hub", out[1]);
      std::printf("  added median %.1f us\n", out[1].at(0.5) - out[0].at(0.5));
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "jack_latency: %s\n", error.what());
    return 1;
  }
  std::filesystem::remove(configuration);
}
