#include "actors/midi_json.hpp"

#include "protocol/midi_stream.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace tutti {

namespace {

constexpr auto whole_messages = "pairs of hexadecimal digits that make whole MIDI messages";

using nlohmann::json;
using protocol::sysex_form;
using protocol::ump;

struct field {
  const char* name = nullptr;
  int lowest = 0;
  int highest = 127;
};

/// A MIDI 1.0 message: its status and the names of what follows. A 14-bit value is one field.
struct message_form {
  const char* type;
  std::uint8_t status;
  field first, second;
  bool wide = false; ///< `first` takes both data octets, the low seven bits first
};

constexpr field note{"note"}, value{"value"};
constexpr std::array<message_form, 18> forms{{
    {"note_off", 0x80, note, {"velocity"}},
    {"note_on", 0x90, note, {"velocity"}},
    {"poly_pressure", 0xA0, note, value},
    {"controller", 0xB0, {"controller"}, value},
    {"program", 0xC0, {"program"}, {}},
    {"channel_pressure", 0xD0, value, {}},
    {"pitch_bend", 0xE0, {"value", -8192, 8191}, {}, true},
    {"time_code", 0xF1, value, {}},
    {"song_position", 0xF2, {"value", 0, 16383}, {}, true},
    {"song_select", 0xF3, {"song"}, {}},
    {"tune_request", 0xF6, {}, {}},
    {"clock", 0xF8, {}, {}},
    {"start", 0xFA, {}, {}},
    {"continue", 0xFB, {}, {}},
    {"stop", 0xFC, {}, {}},
    {"active_sensing", 0xFE, {}, {}},
    {"reset", 0xFF, {}, {}},
    {"sysex", 0xF0, {}, {}},
}};

std::uint8_t kind_of(std::uint8_t status) {
  return status < 0xF0 ? status & 0xF0 : status;
}

constexpr const char* form_name(sysex_form form) {
  switch (form) {
  case sysex_form::complete: return "complete";
  case sysex_form::start: return "start";
  case sysex_form::proceed: return "continue";
  case sysex_form::end: return "end";
  case sysex_form::cancelled: return "cancelled";
  }
  return "?";
}

void append_hex(std::string& out, std::uint8_t octet) {
  if (!out.empty())
    out += ' ';
  fmt::format_to(std::back_inserter(out), "{:02X}", octet);
}

std::string ump_json(const ump& message) {
  return fmt::format(R"({{"type":"ump","words":["{:08X}","{:08X}","{:08X}","{:08X}"]}})",
                     message.words[0], message.words[1], message.words[2], message.words[3]);
}

// -- reading --------------------------------------------------------------------------------------

class message_reader {
public:
  message_reader(const std::string& path, config::mistakes& found)
      : path_(path)
      , found_(found) {}

  void read(const json& one, std::vector<ump>& out) {
    if (one.is_string()) {
      if (auto octets = read_hex(one.get<std::string>(), path_))
        read_octets(std::move(*octets), path_, out);
      return;
    }
    if (!one.is_object())
      return refuse(path_, one.type_name(), "an object, or octets such as \"90 3C 64\"");
    auto type = one.find("type");
    if (type == one.end() || !type->is_string())
      return refuse(path_, "no \"type\"", "a \"type\" such as \"note_on\"");
    auto form = std::find_if(forms.begin(), forms.end(),
                             [&](const auto& known) { return *type == known.type; });
    if (form == forms.end())
      return refuse(path_ + "/type", type->dump(-1, ' ', false, json::error_handler_t::replace),
                    "a type of message such as \"note_on\", \"controller\" or \"sysex\"");
    if (form->status == 0xF0)
      return read_sysex(one, out);
    read_short(one, *form, out);
  }

private:
  void refuse(std::string path, std::string found, std::string allowed) {
    found_.push_back({std::move(path), std::move(found), std::move(allowed)});
  }

  void read_short(const json& one, const message_form& form, std::vector<ump>& out) {
    auto before = found_.size();
    auto status = form.status;
    std::vector<std::string_view> known{"type", "group"};
    auto group = read_number(one, {"group", 1, 16}, 1);
    if (status < 0xF0) {
      status |= static_cast<std::uint8_t>(read_number(one, {"channel", 1, 16}, std::nullopt) - 1);
      known.emplace_back("channel");
    }
    int data1 = 0, data2 = 0;
    if (form.first.name) {
      data1 = read_number(one, form.first, std::nullopt);
      known.emplace_back(form.first.name);
    }
    if (form.second.name) {
      data2 = read_number(one, form.second, std::nullopt);
      known.emplace_back(form.second.name);
    }
    if (form.wide) {
      auto wide = data1 - form.first.lowest;
      data1 = wide & 0x7F;
      data2 = wide >> 7;
    }
    refuse_others(one, known);
    if (found_.size() == before)
      out.push_back(protocol::make_short(status, static_cast<std::uint8_t>(data1),
                                         static_cast<std::uint8_t>(data2),
                                         static_cast<std::uint8_t>(group - 1)));
  }

  void read_sysex(const json& one, std::vector<ump>& out) {
    refuse_others(one, {"type", "data"});
    auto data = one.find("data");
    if (data == one.end() || !data->is_string())
      return refuse(path_ + "/data", data == one.end() ? "nothing" : data->type_name(),
                    "octets such as \"7E 7F 06 01\", without F0 and F7");
    auto octets = read_hex(data->get<std::string>(), path_ + "/data");
    if (!octets)
      return;
    if (std::any_of(octets->begin(), octets->end(), [](auto octet) { return octet > 0x7F; }))
      return refuse(path_ + "/data", "a status octet", "data octets, 00 to 7F");
    octets->insert(octets->begin(), 0xF0);
    octets->push_back(0xF7);
    read_octets(std::move(*octets), path_ + "/data", out);
  }

  int read_number(const json& one, const field& wanted, std::optional<int> otherwise) {
    auto allowed = fmt::format("a whole number from {} to {}", wanted.lowest, wanted.highest);
    auto place = path_ + "/" + wanted.name;
    auto given = one.find(wanted.name);
    if (given == one.end()) {
      if (!otherwise)
        refuse(place, "nothing", allowed);
      return otherwise.value_or(wanted.lowest);
    }
    if (given->is_number_integer()) {
      auto number = given->get<std::int64_t>();
      if (number >= wanted.lowest && number <= wanted.highest &&
          !(given->is_number_unsigned() && given->get<std::uint64_t>() > 16383))
        return static_cast<int>(number);
    }
    refuse(place, given->is_primitive() && !given->is_string() ? given->dump() : given->type_name(),
           allowed);
    return wanted.lowest;
  }

  void refuse_others(const json& one, const std::vector<std::string_view>& known) {
    for (const auto& [key, ignored] : one.items())
      if (std::find(known.begin(), known.end(), key) == known.end())
        refuse(config::pointer_to(path_, key), "an unknown key",
               fmt::format("{}", fmt::join(known, ", ")));
  }

  std::optional<std::vector<std::uint8_t>> read_hex(const std::string& text,
                                                    const std::string& place) {
    std::vector<std::uint8_t> octets;
    for (std::size_t i = 0; i < text.size();) {
      if (text[i] == ' ') {
        ++i;
        continue;
      }
      auto high = digit(text, i), low = digit(text, i + 1);
      if (high < 0 || low < 0) {
        refuse(place, "something else at " + std::to_string(i + 1), whole_messages);
        return std::nullopt;
      }
      octets.push_back(static_cast<std::uint8_t>(high << 4 | low));
      i += 2;
    }
    return octets;
  }

  void read_octets(std::vector<std::uint8_t> octets, const std::string& place,
                   std::vector<ump>& out) {
    auto size = out.size();
    protocol::midi_stream_parser parser;
    parser.parse(octets, out);
    const auto& wrong = parser.counters();
    auto mistakes = wrong.stray_data + wrong.undefined_status + wrong.unfinished_message +
                    wrong.cancelled_sysex + wrong.oversize_sysex;
    auto complete = out.size();
    parser.reset(out); // an open SysEx gives one more
    // Whatever is unfinished shows when a status follows that begins something new.
    protocol::midi_stream_parser second;
    std::vector<ump> ignored;
    octets.push_back(0xF6);
    second.parse(octets, ignored);
    mistakes += second.counters().unfinished_message + second.counters().cancelled_sysex;
    if (mistakes > 0 || out.size() != complete || complete == size) {
      out.resize(size);
      refuse(place, complete == size ? "no whole message" : "broken MIDI", whole_messages);
    }
  }

  static int digit(const std::string& text, std::size_t i) {
    constexpr std::string_view digits = "0123456789abcdef0123456789ABCDEF";
    auto found = i < text.size() ? digits.find(text[i]) : digits.npos;
    return found == digits.npos ? -1 : static_cast<int>(found % 16);
  }

  const std::string& path_;
  config::mistakes& found_;
};

} // namespace

std::string message_octets(const ump& message) {
  std::string out;
  if (message.is_sysex()) {
    auto form = message.form();
    if (form == sysex_form::complete || form == sysex_form::start)
      append_hex(out, 0xF0);
    for (unsigned i = 0; i < message.sysex_size(); ++i)
      append_hex(out, message.sysex_octet(i));
    if (form == sysex_form::complete || form == sysex_form::end)
      append_hex(out, 0xF7);
  } else if (message.is_channel_voice() || message.is_system()) {
    auto size = protocol::short_message_size(message.status());
    append_hex(out, message.status());
    if (size > 1)
      append_hex(out, message.data1());
    if (size > 2)
      append_hex(out, message.data2());
  }
  return out;
}

std::string message_json(const ump& message) {
  if (message.is_sysex()) {
    std::string data;
    for (unsigned i = 0; i < message.sysex_size(); ++i)
      append_hex(data, message.sysex_octet(i));
    return fmt::format(R"({{"type":"sysex","form":"{}","data":"{}"}})", form_name(message.form()),
                       data);
  }
  if (!message.is_channel_voice() && !message.is_system())
    return ump_json(message);
  auto form = std::find_if(forms.begin(), forms.end(), [&](const auto& known) {
    return known.status == kind_of(message.status());
  });
  if (form == forms.end())
    return ump_json(message);
  auto out = fmt::format(R"({{"type":"{}")", form->type);
  if (message.is_channel_voice())
    fmt::format_to(std::back_inserter(out), R"(,"channel":{})", message.channel() + 1);
  if (message.group() > 0)
    fmt::format_to(std::back_inserter(out), R"(,"group":{})", message.group() + 1);
  if (form->first.name)
    fmt::format_to(std::back_inserter(out), R"(,"{}":{})", form->first.name,
                   form->wide ? (message.data2() << 7 | message.data1()) + form->first.lowest
                              : message.data1());
  if (form->second.name)
    fmt::format_to(std::back_inserter(out), R"(,"{}":{})", form->second.name, message.data2());
  return out + '}';
}

std::vector<ump> read_messages(const json& list, const std::string& path, config::mistakes& found) {
  std::vector<ump> out;
  if (!list.is_array() || list.empty() || list.size() > max_sent_messages) {
    found.push_back({path,
                     list.is_array() ? std::to_string(list.size()) + " messages" : list.type_name(),
                     fmt::format("a list of 1 to {} messages", max_sent_messages)});
    return out;
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto place = config::pointer_to(path, i);
    message_reader(place, found).read(list[i], out);
  }
  return out;
}

} // namespace tutti
