#include "io/alsa_client.hpp"

#include "io/alsa_room.hpp"
#include "io/worker.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <alsa/asoundlib.h>

#include <cassert>
#include <cerrno>
#include <map>
#include <set>
#include <utility>

namespace tutti::io {

namespace {

// Events taken before the loop looks at other things.
constexpr int events_per_turn = 512;
// Octets of SysEx in one event: few of the cells that a receiver's queue has 200 of by default.
constexpr std::size_t sysex_piece_octets = 256;
// Events that the kernel keeps for us.
constexpr std::size_t input_pool_events = 2000;
// The kernel knows ports 0 to 253 of a client.
constexpr int last_port_number = 253;
// Cells of a program's queue that are left to others who play to it, and when a full one is looked
// at again.
constexpr int spare_cells = 32;
constexpr std::chrono::milliseconds room_wait{5};

struct seq_closer {
  void operator()(snd_seq_t* seq) const { snd_seq_close(seq); }
};
using seq_ptr = std::shared_ptr<snd_seq_t>;

struct coder_freer {
  void operator()(snd_midi_event_t* coder) const { snd_midi_event_free(coder); }
};
using coder_ptr = std::unique_ptr<snd_midi_event_t, coder_freer>;

coder_ptr make_coder() {
  snd_midi_event_t* coder = nullptr;
  if (snd_midi_event_new(16, &coder) < 0)
    throw std::bad_alloc();
  snd_midi_event_no_status(coder, 1); // no running status
  return coder_ptr(coder);
}

std::string describe(int error) {
  if (error == -ENOENT || error == -ENODEV || error == -ENXIO)
    return "there is no ALSA sequencer";
  return std::string("the ALSA sequencer refused: ") + snd_strerror(error);
}

snd_seq_addr_t raw(alsa_address address) {
  return {static_cast<unsigned char>(address.client), static_cast<unsigned char>(address.port)};
}
alsa_address cooked(const snd_seq_addr_t& address) {
  return {address.client, address.port};
}

void say_nothing(const char*, int, const char*, int, const char*, ...) {
}

/// Opened on the worker; closed by the last who holds it.
seq_ptr open_sequencer(const std::string& name) {
  // alsa-lib writes what it thinks to stderr; an absent sequencer is normal here.
  snd_lib_error_set_handler(say_nothing);
  snd_seq_t* opened = nullptr;
  if (auto error = snd_seq_open(&opened, "default", SND_SEQ_OPEN_DUPLEX, SND_SEQ_NONBLOCK);
      error < 0)
    throw std::runtime_error(describe(error));
  seq_ptr seq(opened, seq_closer());
  snd_seq_set_client_name(opened, name.c_str());
  snd_seq_set_client_pool_input(opened, input_pool_events);
  return seq;
}

/// A hidden port that hears of everything that comes and goes. It takes the last number, so that
/// the hub's own ports count from 0.
void hear_announcements(snd_seq_t* seq) {
  snd_seq_port_info_t* wanted;
  snd_seq_port_info_alloca(&wanted);
  snd_seq_port_info_set_name(wanted, "announcements");
  snd_seq_port_info_set_capability(wanted, SND_SEQ_PORT_CAP_WRITE | SND_SEQ_PORT_CAP_NO_EXPORT);
  snd_seq_port_info_set_type(wanted, SND_SEQ_PORT_TYPE_APPLICATION);
  snd_seq_port_info_set_port_specified(wanted, 1);
  snd_seq_port_info_set_port(wanted, last_port_number);
  auto error = snd_seq_create_port(seq, wanted);
  if (error >= 0)
    error = snd_seq_connect_from(seq, last_port_number, SND_SEQ_CLIENT_SYSTEM,
                                 SND_SEQ_PORT_SYSTEM_ANNOUNCE);
  if (error < 0)
    throw std::runtime_error(describe(error));
}

/// Whether the client is a program, whose queue can be looked into.
bool is_program(snd_seq_t* seq, int client) {
  snd_seq_client_info_t* about;
  snd_seq_client_info_alloca(&about);
  return snd_seq_get_any_client_info(seq, client, about) >= 0 &&
         snd_seq_client_info_get_type(about) == SND_SEQ_USER_CLIENT;
}

int free_cells(snd_seq_t* seq, int client) {
  pollfd watched{};
  snd_seq_poll_descriptors(seq, &watched, 1, POLLIN);
  return alsa_free_cells(watched.fd, client);
}

int cells_for(std::size_t sysex_octets) {
  constexpr auto cell = sizeof(snd_seq_event_t);
  return 1 + static_cast<int>((sysex_octets + cell - 1) / cell);
}

std::string place_of_card(int card) {
  char* text = nullptr;
  if (card < 0 || snd_card_get_longname(card, &text) < 0 || !text)
    return {};
  std::string place(text);
  ::free(text);
  return place;
}

// -- one port
// ---------------------------------------------------------------------------------------

class port final : public local_port {
public:
  /// `reader` is the program that alone hears the port; -1: there may be others.
  port(seq_ptr seq, int number, int reader, alsa_counters& counters, std::function<void()> on_close,
       std::function<void()> on_blocked)
      : seq_(std::move(seq))
      , number_(number)
      , reader_(reader)
      , counters_(counters)
      , coder_(make_coder())
      , on_close_(std::move(on_close))
      , on_blocked_(std::move(on_blocked)) {}

  void start(std::function<void()> on_ready) override { on_ready_ = std::move(on_ready); }
  void read(local_input& into) override { std::swap(into, inbox_); }
  bool write(std::chrono::nanoseconds at, std::span<const std::uint8_t> piece) override;
  std::size_t longest_piece() const noexcept override { return sysex_piece_octets; }
  void flush() override {}
  void close() override {
    on_ready_ = nullptr;
    on_blocked_ = nullptr;
    if (auto on_close = std::exchange(on_close_, nullptr))
      on_close();
  }

  int number() const noexcept { return number_; }
  void ignore(alsa_address from, bool wanted) {
    if (wanted)
      ignored_.insert(from);
    else
      ignored_.erase(from);
  }
  bool ignores(alsa_address from) const { return ignored_.count(from) > 0; }
  /// Whether write() has refused and the owner has not been told to go on.
  bool is_blocked() const noexcept { return blocked_; }
  void tell_if_room() {
    if (!blocked_ || !seq_ ||
        free_cells(seq_.get(), reader_) < spare_cells + cells_for(longest_piece()))
      return;
    blocked_ = false;
    if (on_ready_)
      on_ready_();
  }
  void die() {
    on_close_ = nullptr;
    on_blocked_ = nullptr;
    seq_ = nullptr;
  }
  void take(const snd_seq_event_t& event, std::chrono::nanoseconds at);
  void tell_if_ready() {
    if (!inbox_.empty() && on_ready_)
      on_ready_();
  }

private:
  void send(snd_seq_event_t& event);

  seq_ptr seq_;
  int number_;
  int reader_;
  alsa_counters& counters_;
  coder_ptr coder_;
  std::set<alsa_address> ignored_;
  bool blocked_ = false;
  std::function<void()> on_ready_;
  std::function<void()> on_close_;
  std::function<void()> on_blocked_;
  local_input inbox_;
};

void port::take(const snd_seq_event_t& event, std::chrono::nanoseconds at) {
  if (event.type == SND_SEQ_EVENT_SYSEX) {
    auto data = static_cast<const std::uint8_t*>(event.data.ext.ptr);
    inbox_.add(at, {data, event.data.ext.len});
    return;
  }
  std::array<unsigned char, 16> room;
  auto size = snd_midi_event_decode(coder_.get(), room.data(), room.size(), &event);
  if (size > 0)
    inbox_.add(at, {room.data(), static_cast<std::size_t>(size)});
}

bool port::write(std::chrono::nanoseconds, std::span<const std::uint8_t> piece) {
  if (!seq_ || piece.empty())
    return true;
  assert(piece.size() <= longest_piece());
  auto is_sysex = piece[0] < 0x80 || piece[0] == 0xF0 || piece[0] == 0xF7;
  if (reader_ >= 0 &&
      free_cells(seq_.get(), reader_) < spare_cells + cells_for(is_sysex ? piece.size() : 0)) {
    blocked_ = true;
    if (on_blocked_)
      on_blocked_();
    return false;
  }
  snd_seq_event_t event;
  snd_seq_ev_clear(&event);
  if (is_sysex) {
    snd_seq_ev_set_sysex(&event, static_cast<unsigned>(piece.size()),
                         const_cast<std::uint8_t*>(piece.data()));
    send(event);
    return true;
  }
  snd_midi_event_reset_encode(coder_.get());
  auto taken =
      snd_midi_event_encode(coder_.get(), piece.data(), static_cast<long>(piece.size()), &event);
  if (taken > 0 && event.type != SND_SEQ_EVENT_NONE)
    send(event);
  return true;
}

void port::send(snd_seq_event_t& event) {
  snd_seq_ev_set_source(&event, static_cast<unsigned char>(number_));
  snd_seq_ev_set_subs(&event);
  snd_seq_ev_set_direct(&event);
  if (snd_seq_event_output_direct(seq_.get(), &event) < 0)
    ++counters_.lost_out;
}

// -- the client
// -------------------------------------------------------------------------------------

class client final : public alsa_client {
public:
  client(event_loop& loop, notice_handler on_notice)
      : loop_(loop)
      , on_notice_(std::move(on_notice))
      , descriptor_(loop.context())
      , room_timer_(loop.context()) {}
  ~client() override { let_go(); }

  void open(const std::string& name, done_handler on_done) override;
  void close() override { let_go(); }
  local_port_ptr add_port(const alsa_port_request& wanted, std::string& failure) override;
  alsa_address address_of(const local_port& one) const override;
  void ignore(const local_port& one, alsa_address from, bool wanted) override;
  std::vector<alsa_address> partners_of(alsa_address one, alsa_direction way) const override;
  std::vector<alsa_port_info> list() const override;
  std::string connect(alsa_address from, alsa_address to) override;
  std::string disconnect(alsa_address from, alsa_address to) override;
  alsa_counters counters() const override { return counters_; }

private:
  std::weak_ptr<client> weak() { return std::static_pointer_cast<client>(shared_from_this()); }
  void start(seq_ptr opened);
  void await_events();
  void read_events();
  void await_room();
  void on_event(const snd_seq_event_t& event, std::chrono::nanoseconds at);
  void tell(alsa_notice_kind kind);
  void remove_port(int number);
  void let_go();

  event_loop& loop_;
  notice_handler on_notice_;
  boost::asio::posix::stream_descriptor descriptor_;
  boost::asio::steady_timer room_timer_;
  bool awaiting_room_ = false;
  seq_ptr seq_;
  std::map<int, std::shared_ptr<port>> ports_;
  alsa_counters counters_;
  worker worker_; ///< last: it ends first
};

void client::open(const std::string& name, done_handler on_done) {
  worker_.run([this, weak = weak(), name, on_done] {
    seq_ptr opened;
    std::string failure;
    try {
      opened = open_sequencer(name);
      hear_announcements(opened.get());
    } catch (const std::exception& error) {
      opened = nullptr;
      failure = error.what();
    }
    boost::asio::post(loop_.context(), [weak, opened, failure, on_done] {
      auto alive = weak.lock();
      if (!alive)
        return;
      if (opened)
        alive->start(opened);
      on_done(failure);
    });
  });
}

void client::start(seq_ptr opened) {
  let_go();
  seq_ = std::move(opened);
  pollfd watched{};
  snd_seq_poll_descriptors(seq_.get(), &watched, 1, POLLIN);
  descriptor_.assign(watched.fd);
  await_events();
}

void client::let_go() {
  for (auto& [number, one] : ports_)
    one->die();
  ports_.clear();
  if (descriptor_.is_open())
    descriptor_.release(); // alsa-lib closes it
  room_timer_.cancel();
  awaiting_room_ = false;
  seq_ = nullptr;
}

// Nothing tells when a program has read, so full queues are looked at now and then.
void client::await_room() {
  if (awaiting_room_)
    return;
  awaiting_room_ = true;
  room_timer_.expires_after(room_wait);
  room_timer_.async_wait([weak = weak()](const auto& error) {
    auto alive = weak.lock();
    if (!alive || error)
      return;
    alive->awaiting_room_ = false;
    auto blocked = false;
    for (auto& [number, one] : alive->ports_) {
      one->tell_if_room();
      blocked = blocked || one->is_blocked();
    }
    if (blocked)
      alive->await_room();
  });
}

// -- events --

void client::await_events() {
  descriptor_.async_wait(descriptor_.wait_read, [weak = weak()](const auto& error) {
    auto alive = weak.lock();
    if (!alive || error || !alive->seq_)
      return;
    alive->await_events(); // before anything can go wrong below
    alive->read_events();
  });
}

void client::read_events() {
  auto at = std::chrono::steady_clock::now().time_since_epoch();
  for (int i = 0; seq_; ++i) {
    if (i == events_per_turn) {
      boost::asio::post(loop_.context(), [weak = weak()] {
        if (auto alive = weak.lock())
          alive->read_events();
      });
      break;
    }
    snd_seq_event_t* event = nullptr;
    auto result = snd_seq_event_input(seq_.get(), &event);
    if (result == -ENOSPC) {
      ++counters_.overruns; // the kernel's queue was full, and it has emptied it
      continue;
    }
    if (result == -ENODEV || result == -ENXIO) {
      let_go();
      return tell(alsa_notice_kind::gone);
    }
    if (result < 0 || !event)
      break;
    on_event(*event, at);
  }
  for (auto& [number, one] : ports_)
    one->tell_if_ready();
}

void client::on_event(const snd_seq_event_t& event, std::chrono::nanoseconds at) {
  switch (event.type) {
  case SND_SEQ_EVENT_PORT_START:
  case SND_SEQ_EVENT_PORT_EXIT:
  case SND_SEQ_EVENT_PORT_CHANGE:
  case SND_SEQ_EVENT_CLIENT_EXIT:
  case SND_SEQ_EVENT_CLIENT_CHANGE: return tell(alsa_notice_kind::ports_changed);
  case SND_SEQ_EVENT_PORT_SUBSCRIBED:
  case SND_SEQ_EVENT_PORT_UNSUBSCRIBED:
    // As an announcement, and to the port that it is about; the latter alone if a client has died.
    return tell(alsa_notice_kind::connections_changed);
  default: break;
  }
  auto found = ports_.find(event.dest.port);
  if (found != ports_.end() && !found->second->ignores(cooked(event.source)))
    found->second->take(event, at);
}

void client::tell(alsa_notice_kind kind) {
  if (on_notice_)
    on_notice_(kind);
}

// -- ports --

local_port_ptr client::add_port(const alsa_port_request& wanted, std::string& failure) {
  if (!seq_) {
    failure = "there is no ALSA sequencer";
    return nullptr;
  }
  unsigned capability = 0;
  if (wanted.in)
    capability |= SND_SEQ_PORT_CAP_WRITE | SND_SEQ_PORT_CAP_SUBS_WRITE;
  if (wanted.out)
    capability |= SND_SEQ_PORT_CAP_READ | SND_SEQ_PORT_CAP_SUBS_READ;
  if (wanted.in && wanted.out)
    capability |= SND_SEQ_PORT_CAP_DUPLEX;
  if (wanted.hidden)
    capability |= SND_SEQ_PORT_CAP_NO_EXPORT;
  auto number =
      snd_seq_create_simple_port(seq_.get(), wanted.name.c_str(), capability,
                                 SND_SEQ_PORT_TYPE_MIDI_GENERIC | SND_SEQ_PORT_TYPE_SOFTWARE |
                                     SND_SEQ_PORT_TYPE_PORT | SND_SEQ_PORT_TYPE_APPLICATION);
  if (number < 0) {
    failure = describe(number);
    return nullptr;
  }
  auto me = alsa_address{snd_seq_client_id(seq_.get()), number};
  if (wanted.partner.client >= 0) {
    if (wanted.in)
      failure = connect(wanted.partner, me);
    if (wanted.out && failure.empty())
      failure = connect(me, wanted.partner);
  }
  if (!failure.empty()) {
    snd_seq_delete_simple_port(seq_.get(), number);
    return nullptr;
  }
  auto reader =
      wanted.partner.client >= 0 && wanted.hidden && is_program(seq_.get(), wanted.partner.client)
          ? wanted.partner.client
          : -1;
  auto made = std::make_shared<port>(
      seq_, number, reader, counters_, [this, number] { remove_port(number); },
      [this] { await_room(); });
  ports_[number] = made;
  return made;
}

void client::remove_port(int number) {
  ports_.erase(number);
  if (seq_)
    snd_seq_delete_simple_port(seq_.get(), number);
}

alsa_address client::address_of(const local_port& one) const {
  if (!seq_)
    return {};
  return {snd_seq_client_id(seq_.get()), static_cast<const port&>(one).number()};
}

void client::ignore(const local_port& one, alsa_address from, bool wanted) {
  if (auto found = ports_.find(static_cast<const port&>(one).number()); found != ports_.end())
    found->second->ignore(from, wanted);
}

std::vector<alsa_address> client::partners_of(alsa_address one, alsa_direction way) const {
  std::vector<alsa_address> out;
  if (!seq_)
    return out;
  snd_seq_query_subscribe_t* query;
  snd_seq_query_subscribe_alloca(&query);
  auto root = raw(one);
  snd_seq_query_subscribe_set_root(query, &root);
  snd_seq_query_subscribe_set_type(query, way == alsa_direction::to_port ? SND_SEQ_QUERY_SUBS_WRITE
                                                                         : SND_SEQ_QUERY_SUBS_READ);
  for (int i = 0;; ++i) {
    snd_seq_query_subscribe_set_index(query, i);
    if (snd_seq_query_port_subscribers(seq_.get(), query) < 0)
      return out;
    out.push_back(cooked(*snd_seq_query_subscribe_get_addr(query)));
  }
}

// -- the others --

std::vector<alsa_port_info> client::list() const {
  std::vector<alsa_port_info> out;
  if (!seq_)
    return out;
  snd_seq_client_info_t* about;
  snd_seq_port_info_t* one;
  snd_seq_client_info_alloca(&about);
  snd_seq_port_info_alloca(&one);
  auto ours = snd_seq_client_id(seq_.get());
  snd_seq_client_info_set_client(about, -1);
  while (snd_seq_query_next_client(seq_.get(), about) >= 0) {
    auto id = snd_seq_client_info_get_client(about);
    if (id == SND_SEQ_CLIENT_SYSTEM)
      continue;
    auto kernel = snd_seq_client_info_get_type(about) == SND_SEQ_KERNEL_CLIENT;
    auto card = kernel ? snd_seq_client_info_get_card(about) : -1;
    auto place = place_of_card(card);
    snd_seq_port_info_set_client(one, id);
    snd_seq_port_info_set_port(one, -1);
    while (snd_seq_query_next_port(seq_.get(), one) >= 0) {
      auto capability = snd_seq_port_info_get_capability(one);
      auto has = [capability](unsigned bits) { return (capability & bits) == bits; };
      alsa_port_info info;
      info.is_source = has(SND_SEQ_PORT_CAP_READ | SND_SEQ_PORT_CAP_SUBS_READ);
      info.is_destination = has(SND_SEQ_PORT_CAP_WRITE | SND_SEQ_PORT_CAP_SUBS_WRITE);
      if ((!info.is_source && !info.is_destination) || has(SND_SEQ_PORT_CAP_NO_EXPORT))
        continue;
      info.address = cooked(*snd_seq_port_info_get_addr(one));
      info.client_name = snd_seq_client_info_get_name(about);
      info.port_name = snd_seq_port_info_get_name(one);
      info.is_card = card >= 0;
      info.is_hardware =
          info.is_card || (snd_seq_port_info_get_type(one) & SND_SEQ_PORT_TYPE_HARDWARE) != 0;
      info.is_ours = id == ours;
      info.is_program = !kernel;
      info.place = place;
      out.push_back(std::move(info));
    }
  }
  return out;
}

std::string client::connect(alsa_address from, alsa_address to) {
  if (!seq_)
    return "there is no ALSA sequencer";
  snd_seq_port_subscribe_t* subscription;
  snd_seq_port_subscribe_alloca(&subscription);
  auto sender = raw(from), receiver = raw(to);
  snd_seq_port_subscribe_set_sender(subscription, &sender);
  snd_seq_port_subscribe_set_dest(subscription, &receiver);
  auto error = snd_seq_subscribe_port(seq_.get(), subscription);
  return error < 0 && error != -EBUSY ? describe(error) : std::string();
}

std::string client::disconnect(alsa_address from, alsa_address to) {
  if (!seq_)
    return "there is no ALSA sequencer";
  snd_seq_port_subscribe_t* subscription;
  snd_seq_port_subscribe_alloca(&subscription);
  auto sender = raw(from), receiver = raw(to);
  snd_seq_port_subscribe_set_sender(subscription, &sender);
  snd_seq_port_subscribe_set_dest(subscription, &receiver);
  auto error = snd_seq_unsubscribe_port(seq_.get(), subscription);
  return error < 0 ? describe(error) : std::string();
}

} // namespace

std::shared_ptr<alsa_client> alsa_client::make(event_loop& loop, notice_handler on_notice) {
  return std::make_shared<client>(loop, std::move(on_notice));
}

} // namespace tutti::io
