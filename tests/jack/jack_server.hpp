// A JACK server with the dummy driver, and a client that plays and listens with exact frames.
// Decides: options that lose nothing on a busy machine (synchronous mode, short client time-out).
#pragma once

#include <jack/jack.h>
#include <jack/midiport.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tutti::test {

/// The server of this test program; at most one at a time.
class jack_server {
public:
  explicit jack_server(int period = 256)
      : period_(period) {
    ::setenv("JACK_DEFAULT_SERVER", "tutti-test", 1);
    ::setenv("JACK_NO_AUDIO_RESERVATION", "1", 1);
    start();
  }
  ~jack_server() { stop(SIGTERM); }

  void start() {
    auto frames = std::to_string(period_);
    const char* command[] = {"jackd", "-r",    "-m", "-S",           "-t",   "200",
                             "-p",    "512",   "-n", "tutti-test",   "-d",   "dummy",
                             "-r",    "48000", "-p", frames.c_str(), nullptr};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    auto error =
        ::posix_spawnp(&pid_, "jackd", &files, nullptr, const_cast<char**>(command), environ);
    posix_spawn_file_actions_destroy(&files);
    if (error != 0)
      throw std::runtime_error("jackd cannot be started; is jackd2 installed?");
  }

  void stop(int signal) {
    if (pid_ <= 0)
      return;
    ::kill(pid_, signal);
    for (int i = 0; i < 300; ++i) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = 0;
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

private:
  int period_;
  pid_t pid_ = 0;
};

/// Another program at the same server: one port out, one in.
class jack_peer {
public:
  struct event {
    jack_nframes_t frame;
    std::vector<std::uint8_t> bytes;
    jack_time_t time = 0; ///< µs, as JACK mapped the frame in that period; of what was sent
  };

  explicit jack_peer(const std::string& name) {
    jack_set_error_function([](const char*) {});
    jack_set_info_function([](const char*) {});
    for (int i = 0; i < 500 && !client_; ++i) {
      client_ = jack_client_open(name.c_str(), JackNoStartServer, nullptr);
      if (!client_)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    if (!client_)
      throw std::runtime_error("there is no JACK server");
    out_ = jack_port_register(client_, "out", JACK_DEFAULT_MIDI_TYPE, JackPortIsOutput, 0);
    in_ = jack_port_register(client_, "in", JACK_DEFAULT_MIDI_TYPE, JackPortIsInput, 0);
    heard_.reserve(200'000);
    jack_set_process_callback(
        client_,
        [](jack_nframes_t n, void* self) { return static_cast<jack_peer*>(self)->process(n); },
        this);
    jack_activate(client_);
  }
  ~jack_peer() { jack_client_close(client_); }

  jack_client_t* client() const { return client_; }

  /// JACK answers before the connection counts: it does from the next period on, so two of ours
  /// are waited for.
  bool connect(const std::string& from, const std::string& to) {
    auto error = jack_connect(client_, from.c_str(), to.c_str());
    auto begun = cycles_.load();
    for (int i = 0; i < 5000 && cycles_.load() < begun + 2; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return error == 0 || error == EEXIST;
  }

  /// To be played in order, each so many frames after the start of its period; one entry is one
  /// period. Not before the last list is done.
  void play(std::vector<std::vector<event>> periods) {
    while (playing())
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    periods_ = std::move(periods);
    sent_.clear();
    next_ = 0;
    ready_.store(true, std::memory_order_release);
  }
  bool playing() const { return ready_.load(std::memory_order_acquire); }

  /// What was played, with JACK's frames; when playing() is false.
  const std::vector<event>& sent() const { return sent_; }
  std::size_t heard_count() const { return count_.load(std::memory_order_acquire); }
  const event& heard(std::size_t i) const { return heard_[i]; }

private:
  int process(jack_nframes_t frames) {
    ++cycles_;
    auto start = jack_last_frame_time(client_);
    auto out = jack_port_get_buffer(out_, frames);
    jack_midi_clear_buffer(out);
    if (ready_.load(std::memory_order_acquire)) {
      if (next_ < periods_.size()) {
        for (auto& e : periods_[next_]) {
          jack_midi_event_write(out, e.frame, e.bytes.data(), e.bytes.size());
          sent_.push_back(
              {start + e.frame, e.bytes, jack_frames_to_time(client_, start + e.frame)});
        }
        ++next_;
      } else {
        ready_.store(false, std::memory_order_release);
      }
    }
    auto in = jack_port_get_buffer(in_, frames);
    auto count = jack_midi_get_event_count(in);
    for (jack_nframes_t i = 0; i < count; ++i) {
      jack_midi_event_t e;
      jack_midi_event_get(&e, in, i);
      if (heard_.size() < heard_.capacity())
        heard_.push_back({start + e.time, {e.buffer, e.buffer + e.size}, 0});
    }
    count_.store(heard_.size(), std::memory_order_release);
    return 0;
  }

  jack_client_t* client_ = nullptr;
  jack_port_t* out_ = nullptr;
  jack_port_t* in_ = nullptr;
  std::vector<std::vector<event>> periods_;
  std::size_t next_ = 0;
  std::vector<event> sent_;
  std::vector<event> heard_;
  std::atomic<bool> ready_{false};
  std::atomic<std::size_t> count_{0};
  std::atomic<std::uint64_t> cycles_{0};
};

} // namespace tutti::test
