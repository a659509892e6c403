// Any datagram as an AppleMIDI command.
// Holds: reading is total; what was read is written and read again the same, apart from the name,
// which is sent shorter or not at all; a name is clean; an acknowledged number lies in the window.
#include "protocol/apple_command.hpp"
#include "tests/fuzz/fuzz_target.hpp"

using namespace tutti::protocol;
using tutti::fuzz::require;

namespace {

apple_command without_name(apple_command command) {
  if (auto* invited = std::get_if<invitation>(&command))
    invited->name.clear();
  return command;
}

apple_command written_and_read(const apple_command& command) {
  std::array<std::uint8_t, max_apple_command> buffer{};
  byte_writer writer(buffer);
  encode_apple_command(command, writer);
  require(writer.ok(), "every command fits into max_apple_command");
  auto again = decode_apple_command(writer.written());
  require(bool(again), "what is written can be read");
  return *again;
}

} // namespace

TUTTI_FUZZ_TARGET(apple_command, input) {
  auto command = decode_apple_command(input);
  if (!command)
    return;
  require(looks_like_apple_command(input), "only what starts with FF FF is a command");
  auto again = written_and_read(*command);
  require(without_name(again) == without_name(*command), "a command survives writing");
  require(written_and_read(again) == again, "what was written once stays as it is");

  if (auto* invited = std::get_if<invitation>(&*command)) {
    require(invited->name.size() <= max_kept_name, "a name has a limit");
    require(invited->name.find('\0') == std::string::npos, "a name holds no NUL");
    require(clean_name(invited->name, max_kept_name) == invited->name, "a name is clean");
    auto& sent = std::get<invitation>(again).name;
    require(sent == clean_name(invited->name, max_sent_name) || sent.empty(),
            "a sent name is the start of the name");
  }
  if (auto* feedback = std::get_if<receiver_feedback>(&*command)) {
    auto lowest = static_cast<std::uint16_t>(feedback->ssrc);
    auto highest = static_cast<std::uint16_t>(feedback->ssrc >> 16);
    auto found = acknowledged_sequence(feedback->field, lowest, highest);
    if (found.found)
      require(std::uint16_t(found.sequence - lowest) <= std::uint16_t(highest - lowest),
              "an acknowledged number lies in the window");
  }
}
