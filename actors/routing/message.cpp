#include "actors/routing/message.hpp"

namespace tutti::routing {
namespace {

constexpr std::array<message_kind, 7> voice_kinds{
    message_kind::note,       message_kind::note,    message_kind::poly_pressure,
    message_kind::controller, message_kind::program, message_kind::channel_pressure,
    message_kind::pitch_bend};

constexpr std::array<message_kind, 16> system_kinds{
    message_kind::other,        message_kind::time_code, message_kind::song_position,
    message_kind::song_select,  message_kind::other,     message_kind::other,
    message_kind::tune_request, message_kind::other,     message_kind::clock,
    message_kind::other,        message_kind::start,     message_kind::resume,
    message_kind::stop,         message_kind::other,     message_kind::active_sensing,
    message_kind::reset};

} // namespace

message_kind kind_of(const ump& m) noexcept {
  switch (m.type()) {
  case message_type::midi1_voice:
  case message_type::midi2_voice: {
    unsigned status = m.status() >> 4;
    return status >= 8 && status <= 14 ? voice_kinds[status - 8] : message_kind::other;
  }
  case message_type::system:
    return m.status() >= 0xF0 ? system_kinds[m.status() & 0xF] : message_kind::other;
  case message_type::sysex7:
  case message_type::sysex8: return message_kind::sysex;
  default: return message_kind::other;
  }
}

} // namespace tutti::routing
