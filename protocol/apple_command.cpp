// AppleMIDI commands to values and back; see the drawing in the header.
// Decides: which commands are whole, what becomes of names that are not text.
// Leaves: answering, and whether an RS makes sense (session_engine).
// Spec: Apple "MIDI Network Driver Protocol". Thread: pure functions.
#include "protocol/apple_command.hpp"

#include <algorithm>

namespace tutti::protocol {

namespace {

constexpr std::uint16_t signature = 0xFFFF;
constexpr std::uint32_t protocol_version = 2;

constexpr std::uint16_t letters(char first, char second) noexcept {
  return static_cast<std::uint16_t>(first << 8 | second);
}

enum command_letters : std::uint16_t {
  letters_in = letters('I', 'N'),
  letters_ok = letters('O', 'K'),
  letters_no = letters('N', 'O'),
  letters_by = letters('B', 'Y'),
  letters_ck = letters('C', 'K'),
  letters_rs = letters('R', 'S'),
  letters_rl = letters('R', 'L'),
};

std::uint16_t letters_of(invitation_kind kind) noexcept {
  switch (kind) {
  case invitation_kind::invite: return letters_in;
  case invitation_kind::accept: return letters_ok;
  case invitation_kind::refuse: return letters_no;
  case invitation_kind::goodbye: return letters_by;
  }
  return letters_by;
}

/// The name field: up to the first NUL, or to the end of the datagram if there is none.
std::string read_name(byte_view field) {
  auto end = std::find(field.begin(), field.end(), 0);
  std::string_view text(reinterpret_cast<const char*>(field.data()),
                        static_cast<std::size_t>(end - field.begin()));
  return clean_name(text, max_kept_name);
}

decoded<apple_command> decode_invitation(invitation_kind kind, byte_reader& reader) {
  auto version = reader.u32();
  auto token = reader.u32();
  auto ssrc = reader.u32();
  if (!reader.ok())
    return decode_error::truncated;
  // NO and BY end what they name in any version: a peer that speaks another one may say so there.
  bool opens = kind == invitation_kind::invite || kind == invitation_kind::accept;
  if (opens && version != protocol_version)
    return decode_error::bad_protocol_version;
  return apple_command{invitation{kind, token, ssrc, read_name(reader.rest())}};
}

decoded<apple_command> decode_clock_exchange(byte_reader& reader) {
  clock_exchange clock;
  clock.ssrc = reader.u32();
  clock.step = reader.u8();
  reader.skip(3); // old macOS leaves garbage here, and in the times that the step does not use
  for (auto& time : clock.times)
    time = reader.u64();
  if (!reader.ok())
    return decode_error::truncated;
  if (clock.step > 2)
    return decode_error::bad_clock_step;
  return apple_command{clock};
}

/// RS and RL: two numbers each.
template <class Command>
decoded<apple_command> decode_number_pair(byte_reader& reader) {
  auto ssrc = reader.u32();
  auto number = reader.u32();
  if (!reader.ok())
    return decode_error::truncated;
  return apple_command{Command{ssrc, number}};
}

struct command_writer {
  byte_writer& writer;

  void head(std::uint16_t command) const noexcept {
    writer.u16(signature);
    writer.u16(command);
  }

  void operator()(const invitation& command) const {
    head(letters_of(command.kind));
    writer.u32(protocol_version);
    writer.u32(command.token);
    writer.u32(command.ssrc);
    if (command.kind != invitation_kind::invite && command.kind != invitation_kind::accept)
      return;
    auto name = clean_name(command.name, max_sent_name);
    writer.bytes({reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
    writer.u8(0);
  }

  void operator()(const clock_exchange& command) const noexcept {
    head(letters_ck);
    writer.u32(command.ssrc);
    writer.u8(command.step);
    writer.u24(0);
    for (auto time : command.times)
      writer.u64(time);
  }

  void operator()(const receiver_feedback& command) const noexcept {
    head(letters_rs);
    writer.u32(command.ssrc);
    writer.u32(command.field);
  }

  void operator()(const bitrate_limit& command) const noexcept {
    head(letters_rl);
    writer.u32(command.ssrc);
    writer.u32(command.bits_per_second);
  }
};

/// A stretch of text: a well-formed character, or the longest start of one that broke off.
struct utf8_piece {
  std::size_t octets;
  bool well_formed;
};

/// The piece at the start of `text`, which is not empty (Unicode 15, table 3-7; the split of broken
/// text is the one that section 3.9 recommends).
utf8_piece first_piece(std::string_view text) noexcept {
  auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  auto lead = octet(0);
  if (lead < 0x80)
    return {1, true};
  if (lead < 0xC2 || lead > 0xF4)
    return {1, false};
  std::size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second octet's range shuts out overlong forms, surrogates and what lies above U+10FFFF.
  std::uint8_t lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  std::uint8_t highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (std::size_t i = 1; i < size; ++i) {
    if (i >= text.size() || octet(i) < lowest || octet(i) > highest)
      return {i, false};
    lowest = 0x80;
    highest = 0xBF;
  }
  return {size, true};
}

/// C0, DEL and C1: what would move a terminal's cursor or end a log line.
bool is_control(std::string_view character) noexcept {
  auto first = static_cast<std::uint8_t>(character[0]);
  if (character.size() == 1)
    return first < 0x20 || first == 0x7F;
  return first == 0xC2 && static_cast<std::uint8_t>(character[1]) < 0xA0;
}

} // namespace

decoded<apple_command> decode_apple_command(byte_view datagram) {
  byte_reader reader(datagram);
  auto first = reader.u16();
  auto command = reader.u16();
  if (!reader.ok())
    return decode_error::truncated;
  if (first != signature)
    return decode_error::not_apple_midi;
  switch (command) {
  case letters_in: return decode_invitation(invitation_kind::invite, reader);
  case letters_ok: return decode_invitation(invitation_kind::accept, reader);
  case letters_no: return decode_invitation(invitation_kind::refuse, reader);
  case letters_by: return decode_invitation(invitation_kind::goodbye, reader);
  case letters_ck: return decode_clock_exchange(reader);
  case letters_rs: return decode_number_pair<receiver_feedback>(reader);
  case letters_rl: return decode_number_pair<bitrate_limit>(reader);
  default: return decode_error::unknown_command;
  }
}

void encode_apple_command(const apple_command& command, byte_writer& writer) {
  std::visit(command_writer{writer}, command);
}

acknowledged acknowledged_sequence(std::uint32_t field, std::uint16_t lowest,
                                   std::uint16_t highest) noexcept {
  auto in_window = [=](std::uint16_t sequence) {
    return static_cast<std::uint16_t>(sequence - lowest) <=
           static_cast<std::uint16_t>(highest - lowest);
  };
  for (auto half : {field >> 16, field & 0xFFFF})
    if (auto sequence = static_cast<std::uint16_t>(half); in_window(sequence))
      return {true, sequence};
  return {};
}

std::string clean_name(std::string_view text, std::size_t limit) {
  static constexpr std::string_view replacement = "\xEF\xBF\xBD"; // U+FFFD
  std::string name;
  while (!text.empty()) {
    auto piece = first_piece(text);
    auto character = piece.well_formed ? text.substr(0, piece.octets) : replacement;
    if (is_control(character))
      character = " ";
    if (name.size() + character.size() > limit)
      break;
    name += character;
    text.remove_prefix(piece.octets);
  }
  return name;
}

} // namespace tutti::protocol
