#include "io/jack_client.hpp"

#include "io/jack_connection.hpp"
#include "io/jack_vigil.hpp"
#include "io/worker.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cassert>
#include <unordered_map>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace tutti::io {

const char* to_string(jack_notice_kind kind) noexcept {
  switch (kind) {
  case jack_notice_kind::port_registered: return "port registered";
  case jack_notice_kind::port_unregistered: return "port unregistered";
  case jack_notice_kind::port_renamed: return "port renamed";
  case jack_notice_kind::connected: return "connected";
  case jack_notice_kind::disconnected: return "disconnected";
  case jack_notice_kind::client_registered: return "client registered";
  case jack_notice_kind::client_unregistered: return "client unregistered";
  case jack_notice_kind::xrun: return "xrun";
  case jack_notice_kind::latency_changed: return "latency changed";
  case jack_notice_kind::server_gone: return "server gone";
  }
  return "?";
}

namespace {

// A SysEx up to this long is one JACK event, as JACK wants it; a longer one is several in a row.
constexpr std::size_t whole_sysex_octets = 4096;

/// Closed with its owner.
class file_descriptor {
public:
  explicit file_descriptor(int opened)
      : number_(opened) {}
  ~file_descriptor() { ::close(number_); }
  file_descriptor(const file_descriptor&) = delete;
  file_descriptor& operator=(const file_descriptor&) = delete;
  int get() const noexcept { return number_; }

private:
  int number_;
};

// -- the loop's side
// --------------------------------------------------------------------------------

using connection_ptr = std::shared_ptr<jack_connection>;

using slot_ptr = std::shared_ptr<jack_slot>;

/// The slots of a port, each may be none.
struct slot_pair {
  slot_ptr in, out;
};

/// One port of ours.
class port final : public local_port {
public:
  port(slot_pair slots, std::function<void()> on_close)
      : slots_(std::move(slots))
      , on_close_(std::move(on_close)) {}

  void start(std::function<void()> on_ready) override { on_ready_ = std::move(on_ready); }
  void read(local_input& into) override { std::swap(into, inbox_); }
  bool write(std::chrono::nanoseconds at, std::span<const std::uint8_t> piece) override;
  void flush() override {}
  void close() override {
    on_ready_ = nullptr;
    if (auto on_close = std::exchange(on_close_, nullptr))
      on_close();
  }

  const slot_pair& slots() const noexcept { return slots_; }
  /// The client is gone; what is written from now on is lost.
  void die() {
    on_close_ = nullptr;
    slots_ = {};
  }
  void arrive(std::chrono::nanoseconds at, std::span<const std::uint8_t> bytes) {
    inbox_.add(at, bytes);
  }
  /// Lets the owner look, though nothing has come.
  void rehearse() {
    if (on_ready_)
      on_ready_();
  }
  /// Tells the owner what has changed since the last wake-up.
  void tell_if_ready() {
    auto room = blocked_ && slots_.out && !slots_.out->wanted.load(std::memory_order_acquire);
    if (room)
      blocked_ = false;
    if ((room || !inbox_.empty()) && on_ready_)
      on_ready_();
  }

private:
  bool put(std::chrono::nanoseconds at, std::span<const std::uint8_t> bytes) {
    blocked_ = !jack_cycle::write(*slots_.out, at, bytes);
    return !blocked_;
  }

  slot_pair slots_;
  std::function<void()> on_ready_;
  std::function<void()> on_close_;
  local_input inbox_;
  std::vector<std::uint8_t> sysex_; ///< begun and not ended yet
  bool blocked_ = false;
};

// JACK wants a SysEx as one event. Pieces are gathered until it is whole or longer than others
// take.
bool port::write(std::chrono::nanoseconds at, std::span<const std::uint8_t> piece) {
  if (!slots_.out || piece.empty())
    return true;
  auto is_sysex = piece[0] < 0x80 || piece[0] == 0xF0 || piece[0] == 0xF7;
  if (!is_sysex)
    return put(at, piece);
  auto before = sysex_.size();
  sysex_.insert(sysex_.end(), piece.begin(), piece.end());
  if (sysex_.back() != 0xF7 && sysex_.size() < whole_sysex_octets)
    return true;
  if (!put(at, sysex_)) {
    sysex_.resize(before);
    return false;
  }
  sysex_.clear();
  return true;
}

class client final : public jack_client {
public:
  client(event_loop& loop, notice_handler on_notice)
      : loop_(loop)
      , on_notice_(std::move(on_notice))
      , wake_(loop.context())
      , answer_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC))
      , flush_(loop.add_flush([this] { finish_turn(); })) {
    wake_.assign(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  }
  ~client() override {
    loop_.remove_flush(flush_);
    for (auto& one : ports_)
      one->die();
  }

  void open(const std::string& name, bool same_period, done_handler on_done) override;
  void close(done_handler on_done) override;
  void add_port(const jack_port_request& wanted, port_handler on_done) override;
  void list(const std::string& pattern, bool only_midi,
            std::function<void(std::vector<jack_port_info>)> on_done) override;
  void connect(const std::string& from, const std::string& to, done_handler on_done) override;
  void disconnect(const std::string& from, const std::string& to, done_handler on_done) override;
  void query_transport(std::function<void(jack_transport_info)> on_done) override;
  void start_transport(bool rolling, done_handler on_done) override;
  void locate_transport(std::uint32_t frame, done_handler on_done) override;
  jack_status status() const override;

private:
  std::shared_ptr<client> shared() { return std::static_pointer_cast<client>(shared_from_this()); }
  std::weak_ptr<client> weak() { return shared(); }
  void await_wake();
  void on_wake();
  void finish_turn();
  jack_forecast forecast() const {
    return connection_ ? connection_->cycle().forecast() : jack_forecast{};
  }
  void rehearse();
  void on_opened(connection_ptr opened);
  void on_notice(const jack_notice& notice);
  void let_go(done_handler on_done);
  void remove_port(const slot_pair& slots);

  /// Runs job(connection) on the worker and use(its result) on the loop. Without a connection, and
  /// where the job throws, the result is a default one with `failure` told.
  template <class Job, class Use>
  void run(Job job, Use use);
  template <class Job>
  void act(Job job, done_handler on_done);

  event_loop& loop_;
  notice_handler on_notice_;
  boost::asio::posix::stream_descriptor wake_;
  file_descriptor answer_;
  std::size_t flush_;
  jack_vigil vigil_{loop_, [this] { return forecast(); }, [this] { rehearse(); }};
  bool awaiting_ = false;
  connection_ptr connection_;
  std::vector<std::shared_ptr<port>> ports_;
  std::unordered_map<std::uint32_t, port*> sources_; ///< by the id of their slot
  std::uint32_t last_heard_ = 0;                     ///< slot that the last event came from
  worker worker_;                                    ///< last: it ends first
};

template <class Job, class Use>
void client::run(Job job, Use use) {
  using result_type = decltype(job(std::declval<jack_connection&>()));
  worker_.run([this, weak = weak(), held = connection_, job = std::move(job),
               use = std::move(use)]() mutable {
    std::string failure = held ? "" : "there is no JACK server";
    result_type result{};
    try {
      if (held)
        result = job(*held);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    held = nullptr; // if it is the last, the client is closed here and not on the loop
    boost::asio::post(loop_.context(),
                      [weak, use = std::move(use), result = std::move(result), failure]() mutable {
                        if (auto alive = weak.lock())
                          use(std::move(result), failure);
                      });
  });
}

template <class Job>
void client::act(Job job, done_handler on_done) {
  run(
      [job](jack_connection& held) {
        job(held);
        return true;
      },
      [on_done = std::move(on_done)](bool, const std::string& failure) { on_done(failure); });
}

// -- life --

void client::open(const std::string& name, bool same_period, done_handler on_done) {
  assert(!connection_);
  // JACK's notification thread may call even before the opening is done.
  auto tell = [weak = weak(), &context = loop_.context()](jack_notice notice) {
    boost::asio::post(context, [weak, notice = std::move(notice)] {
      if (auto alive = weak.lock())
        alive->on_notice(notice);
    });
  };
  worker_.run([this, weak = weak(), name, same_period, tell, on_done, answer = answer_.get(),
               wake = wake_.native_handle()] {
    connection_ptr opened;
    std::string failure;
    try {
      opened = std::make_shared<jack_connection>(name, wake, answer, same_period, tell);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    boost::asio::post(loop_.context(), [weak, opened, failure, on_done] {
      auto alive = weak.lock();
      if (!alive)
        return;
      alive->on_opened(opened);
      on_done(failure);
    });
  });
}

void client::on_opened(connection_ptr opened) {
  connection_ = std::move(opened);
  if (connection_)
    await_wake();
}

void client::close(done_handler on_done) {
  let_go(std::move(on_done));
}

// The connection is closed by the worker, which may take a second when the server has gone.
void client::let_go(done_handler on_done) {
  for (auto& one : ports_)
    one->die();
  ports_.clear();
  sources_.clear();
  worker_.run([this, weak = weak(), held = std::exchange(connection_, nullptr),
               on_done = std::move(on_done)]() mutable {
    held = nullptr;
    boost::asio::post(loop_.context(), [weak, on_done] {
      if (weak.lock() && on_done)
        on_done({});
    });
  });
}

void client::on_notice(const jack_notice& notice) {
  if (notice.kind == jack_notice_kind::server_gone) {
    if (!connection_)
      return; // both shutdown callbacks were called
    let_go({});
  }
  if (on_notice_)
    on_notice_(notice);
}

// -- events --

void client::await_wake() {
  if (awaiting_)
    return;
  awaiting_ = true;
  wake_.async_wait(wake_.wait_read, [weak = weak()](const boost::system::error_code& error) {
    auto alive = weak.lock();
    if (!alive || error)
      return;
    alive->awaiting_ = false;
    alive->on_wake();
  });
}

void client::on_wake() {
  std::uint64_t count;
  if (::read(wake_.native_handle(), &count, sizeof count) < 0 || !connection_)
    return;
  auto came = false;
  connection_->cycle().drain(
      [&](std::uint32_t id, std::chrono::nanoseconds at, std::span<const std::uint8_t> bytes) {
        came = true;
        last_heard_ = id;
        if (auto found = sources_.find(id); found != sources_.end())
          found->second->arrive(at, bytes);
      });
  if (came)
    vigil_.on_events();
  for (auto& one : ports_)
    one->tell_if_ready();
}

// All that came has been dealt with. Waiting again costs a system call, for which nobody shall
// wait.
void client::finish_turn() {
  if (!connection_)
    return;
  connection_->cycle().answer();
  vigil_.on_answered();
  await_wake();
}

void client::rehearse() {
  if (auto found = sources_.find(last_heard_); found != sources_.end())
    found->second->rehearse();
}

// -- ports --

/// All of it or nothing.
slot_pair register_ports(jack_connection& held, const jack_port_request& wanted) {
  auto both = wanted.in && wanted.out;
  slot_pair slots;
  try {
    if (wanted.in)
      slots.in = held.register_port(both ? wanted.name + " in" : wanted.name, true);
    if (wanted.out)
      slots.out = held.register_port(both ? wanted.name + " out" : wanted.name, false);
    if (slots.in && !wanted.partner.empty())
      held.connect(wanted.partner, jack_port_text(slots.in->port));
    if (slots.out && !wanted.partner.empty())
      held.connect(jack_port_text(slots.out->port), wanted.partner);
  } catch (...) {
    for (const auto& slot : {slots.in, slots.out})
      if (slot)
        held.unregister_port(slot);
    throw;
  }
  return slots;
}

void client::add_port(const jack_port_request& wanted, port_handler on_done) {
  run([wanted](jack_connection& held) { return register_ports(held, wanted); },
      [this, on_done, expected = connection_.get()](const slot_pair& slots,
                                                    const std::string& failure) {
        if ((!slots.in && !slots.out) || !connection_ || connection_.get() != expected)
          return on_done(nullptr, failure.empty() ? "the JACK server has gone" : failure);
        auto made = std::make_shared<port>(slots, [this, slots] { remove_port(slots); });
        ports_.push_back(made);
        if (slots.in)
          sources_[slots.in->id] = made.get();
        on_done(made, {});
      });
}

void client::remove_port(const slot_pair& slots) {
  if (slots.in)
    sources_.erase(slots.in->id);
  std::erase_if(ports_, [&](const auto& one) {
    return one->slots().in == slots.in && one->slots().out == slots.out;
  });
  run(
      [slots](jack_connection& held) {
        for (const auto& slot : {slots.in, slots.out})
          if (slot)
            held.unregister_port(slot);
        return true;
      },
      [](bool, const std::string&) {});
}

// -- graph and transport --

void client::list(const std::string& pattern, bool only_midi,
                  std::function<void(std::vector<jack_port_info>)> on_done) {
  run([pattern, only_midi](jack_connection& held) { return held.list(pattern, only_midi); },
      [on_done](std::vector<jack_port_info> found, const std::string&) {
        on_done(std::move(found));
      });
}

void client::connect(const std::string& from, const std::string& to, done_handler on_done) {
  act([from, to](jack_connection& held) { held.connect(from, to); }, std::move(on_done));
}

void client::disconnect(const std::string& from, const std::string& to, done_handler on_done) {
  act([from, to](jack_connection& held) { held.disconnect(from, to); }, std::move(on_done));
}

void client::query_transport(std::function<void(jack_transport_info)> on_done) {
  run([](jack_connection& held) { return held.transport(); },
      [on_done](const jack_transport_info& info, const std::string&) { on_done(info); });
}

void client::start_transport(bool rolling, done_handler on_done) {
  act([rolling](jack_connection& held) { held.start_transport(rolling); }, std::move(on_done));
}

void client::locate_transport(std::uint32_t frame, done_handler on_done) {
  act([frame](jack_connection& held) { held.locate_transport(frame); }, std::move(on_done));
}

jack_status client::status() const {
  return connection_ ? connection_->status() : jack_status{};
}

} // namespace

std::shared_ptr<jack_client> jack_client::make(event_loop& loop, notice_handler on_notice) {
  return std::make_shared<client>(loop, std::move(on_notice));
}

} // namespace tutti::io
