// A value, or the reason why the bytes are not one.
// Decides: the list of reasons; each has its own counter per peer.
// Leaves: when to give one (the codecs). Hostile bytes are never thrown, never logged one by one.
// Thread: values; no shared state.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>

namespace tutti::protocol {

enum class decode_error : std::uint8_t {
  truncated,            ///< ends before a field that must be there
  not_apple_midi,       ///< no FF FF signature
  unknown_command,      ///< AppleMIDI letters that nobody defined
  bad_protocol_version, ///< AppleMIDI version other than 2
  bad_clock_step,       ///< CK count above 2
  bad_rtp_version,      ///< RTP version other than 2
  bad_payload_type,     ///< RTP payload type other than 97
  bad_padding,          ///< RTP padding count of 0, or longer than the payload
  bad_section_length,   ///< command section LEN passes the end of the packet
  bad_delta_time,       ///< delta time of more than five octets
  missing_status,       ///< data octet where no running status is in force
  stray_status,         ///< status octet where data belongs
  bad_system_exclusive, ///< SysEx segment without a tail, or with a tail that cannot be
  bad_journal,          ///< journal header that does not fit
  bad_journal_length,   ///< journal LENGTH below its minimum or past its end
  bad_chapter,          ///< a chapter that contradicts itself or passes its journal's LENGTH
  oversize,             ///< longer than what this hub takes
};

inline constexpr std::size_t decode_error_count =
    static_cast<std::size_t>(decode_error::oversize) + 1;

/// Short, stable name; used as a label in the API and the metrics.
constexpr std::string_view to_string(decode_error error) noexcept {
  switch (error) {
  case decode_error::truncated: return "truncated";
  case decode_error::not_apple_midi: return "not_apple_midi";
  case decode_error::unknown_command: return "unknown_command";
  case decode_error::bad_protocol_version: return "bad_protocol_version";
  case decode_error::bad_clock_step: return "bad_clock_step";
  case decode_error::bad_rtp_version: return "bad_rtp_version";
  case decode_error::bad_payload_type: return "bad_payload_type";
  case decode_error::bad_padding: return "bad_padding";
  case decode_error::bad_section_length: return "bad_section_length";
  case decode_error::bad_delta_time: return "bad_delta_time";
  case decode_error::missing_status: return "missing_status";
  case decode_error::stray_status: return "stray_status";
  case decode_error::bad_system_exclusive: return "bad_system_exclusive";
  case decode_error::bad_journal: return "bad_journal";
  case decode_error::bad_journal_length: return "bad_journal_length";
  case decode_error::bad_chapter: return "bad_chapter";
  case decode_error::oversize: return "oversize";
  }
  return "unknown";
}

/// What a decoder returns. (std::expected is C++23.)
template <class Value>
class [[nodiscard]] decoded {
public:
  decoded(Value value)
      : content_(std::in_place_index<0>, std::move(value)) {}
  decoded(decode_error error)
      : content_(std::in_place_index<1>, error) {}

  explicit operator bool() const noexcept { return content_.index() == 0; }
  const Value& operator*() const& noexcept { return *std::get_if<0>(&content_); }
  Value& operator*() & noexcept { return *std::get_if<0>(&content_); }
  Value&& operator*() && noexcept { return std::move(*std::get_if<0>(&content_)); }
  const Value* operator->() const noexcept { return std::get_if<0>(&content_); }
  Value* operator->() noexcept { return std::get_if<0>(&content_); }

  /// Only when there is no value.
  decode_error error() const noexcept {
    assert(content_.index() == 1);
    return *std::get_if<1>(&content_);
  }

private:
  std::variant<Value, decode_error> content_;
};

} // namespace tutti::protocol
