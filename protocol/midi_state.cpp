#include "protocol/midi_state.hpp"

#include <algorithm>

namespace tutti::protocol {

namespace {

template <class Notes>
auto find_note(Notes& notes, std::uint8_t note) noexcept {
  return std::find_if(notes.begin(), notes.end(), [=](const auto& h) { return h.note == note; });
}

} // namespace

void channel_state::note_on(std::uint8_t note, std::uint8_t velocity, std::uint32_t mark) {
  auto found = find_note(notes_, note);
  if (found == notes_.end()) {
    notes_.push_back({note, velocity, 1, mark});
    return;
  }
  found->velocity = velocity;
  found->count = static_cast<std::uint8_t>(std::min<int>(found->count + 1, max_count));
  found->mark = mark;
}

bool channel_state::note_off(std::uint8_t note) noexcept {
  auto found = find_note(notes_, note);
  if (found == notes_.end())
    return false;
  if (--found->count == 0) {
    *found = notes_.back();
    notes_.pop_back();
  }
  return true;
}

void channel_state::hold(std::uint8_t note, std::uint8_t velocity, std::uint8_t count,
                         std::uint32_t mark) {
  auto found = find_note(notes_, note);
  if (found != notes_.end()) {
    *found = notes_.back();
    notes_.pop_back();
  }
  if (count > 0)
    notes_.push_back({note, velocity, std::min(count, max_count), mark});
}

void channel_state::control_change(std::uint8_t controller, std::uint8_t value,
                                   std::uint32_t mark) {
  if (parameters_.apply(controller, value, mark))
    return;
  if (controller == 121) {
    reset_controllers();
    return;
  }
  if (ends_all_notes(controller))
    end_all_notes();
  if (controller >= 124) // omni off or on, mono or poly: one of each pair is in force
    controllers_.erase(controller ^ 1);
  if (controller != 120 && controller != 123)
    controllers_.set(controller, value);
}

// With the notes their pressures go, of which RFC 6295 calls what came before "not N-active".
void channel_state::end_all_notes() noexcept {
  notes_.clear();
  note_pressures_.clear();
  pressure_ = unknown;
}

void channel_state::reset_controllers() noexcept {
  for (std::uint8_t number : {1, 11, 64, 65, 66, 67})
    controllers_.erase(number);
  note_pressures_.clear();
  parameters_.reset_controllers();
  pressure_ = unknown;
  wheel_ = unknown_wheel;
}

void channel_state::reset() noexcept {
  notes_.clear();
  controllers_.clear();
  note_pressures_.clear();
  parameters_.clear();
  wheel_ = unknown_wheel;
  program_ = pressure_ = unknown;
}

const held_note* channel_state::held(std::uint8_t note) const noexcept {
  auto found = find_note(notes_, note);
  return found != notes_.end() ? &*found : nullptr;
}

std::size_t channel_state::memory() const noexcept {
  return sizeof(*this) + notes_.capacity() * sizeof(held_note) + controllers_.memory() +
         note_pressures_.memory() + parameters_.memory();
}

bool operator==(const channel_state& a, const channel_state& b) noexcept {
  auto same_notes = a.notes_.size() == b.notes_.size() &&
                    std::all_of(a.notes_.begin(), a.notes_.end(), [&](const held_note& note) {
                      const auto* other = b.held(note.note);
                      return other != nullptr && other->count == note.count;
                    });
  return same_notes && a.controllers_ == b.controllers_ && a.note_pressures_ == b.note_pressures_ &&
         a.parameters_ == b.parameters_ && a.wheel_ == b.wheel_ && a.program_ == b.program_ &&
         a.pressure_ == b.pressure_;
}

midi_state::midi_state(const midi_state& other) {
  *this = other;
}

midi_state& midi_state::operator=(const midi_state& other) {
  for (unsigned i = 0; i < channels_.size(); ++i)
    channels_[i] = other.channels_[i] != nullptr
                       ? std::make_unique<channel_state>(*other.channels_[i])
                       : nullptr;
  sysex_ = other.sysex_;
  transport_ = other.transport_;
  time_code_ = other.time_code_;
  song_ = other.song_;
  return *this;
}

[[gnu::hot]] channel_state& midi_state::channel_for_change(unsigned number) {
  auto& channel = channels_[number & 15];
  if (channel == nullptr)
    channel = std::make_unique<channel_state>();
  return *channel;
}

[[gnu::hot]] void midi_state::apply(const ump& message, std::uint32_t mark) {
  if (message.is_channel_voice())
    apply_voice(message, mark);
  else if (message.is_system())
    apply_system(message);
  else if (message.is_sysex())
    apply_sysex(message);
}

[[gnu::hot]] void midi_state::apply_voice(const ump& message, std::uint32_t mark) {
  auto& channel = channel_for_change(message.channel());
  auto data1 = message.data1();
  auto data2 = message.data2();
  switch (message.status() & 0xF0) {
  case 0x80: channel.note_off(data1); break;
  case 0x90:
    if (data2 > 0)
      channel.note_on(data1, data2, mark);
    else
      channel.note_off(data1);
    break;
  case 0xA0: channel.set_note_pressure(data1, data2); break;
  case 0xB0: channel.control_change(data1, data2, mark); break;
  case 0xC0: channel.set_program(data1); break;
  case 0xD0: channel.set_pressure(data1); break;
  case 0xE0: channel.set_wheel(static_cast<std::uint16_t>(data2 << 7 | data1)); break;
  default: break;
  }
}

void midi_state::apply_system(const ump& message) noexcept {
  switch (message.status()) {
  case 0xF1: time_code_.apply_quarter_frame(message.data1()); break;
  case 0xF3: song_ = message.data1(); break;
  case 0xFF:
    reset_channels();
    transport_ = {};
    time_code_ = {};
    song_ = unknown_song;
    break;
  default: transport_.apply(message.status(), message.data1(), message.data2()); break;
  }
}

void midi_state::apply_sysex(const ump& chunk) noexcept {
  auto meaning = sysex_.take(chunk);
  if (meaning == sysex_meaning::reset)
    reset_channels();
  else if (meaning == sysex_meaning::full_frame)
    time_code_.apply_full_frame(sysex_.time());
}

void midi_state::reset_channels() noexcept {
  for (auto& channel : channels_)
    if (channel != nullptr)
      channel->reset();
}

[[gnu::hot]] bool midi_state::holds_notes() const noexcept {
  return std::any_of(channels_.begin(), channels_.end(), [](const auto& channel) {
    return channel != nullptr && !channel->held_notes().empty();
  });
}

std::size_t midi_state::memory() const noexcept {
  std::size_t sum = 0;
  for (const auto& channel : channels_)
    sum += channel != nullptr ? channel->memory() : 0;
  return sum;
}

bool operator==(const midi_state& a, const midi_state& b) noexcept {
  static const channel_state untouched;
  for (unsigned i = 0; i < 16; ++i) {
    const auto& left = a.channels_[i] != nullptr ? *a.channels_[i] : untouched;
    const auto& right = b.channels_[i] != nullptr ? *b.channels_[i] : untouched;
    if (!(left == right))
      return false;
  }
  return a.song_ == b.song_ && a.transport_ == b.transport_ && a.time_code_ == b.time_code_;
}

} // namespace tutti::protocol
