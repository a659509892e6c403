#include "protocol/event_decoder.hpp"

namespace tutti::protocol {

namespace {

bool begins_sysex(command_kind kind) noexcept {
  return kind == command_kind::sysex || kind == command_kind::sysex_first;
}

bool ends_sysex(command_kind kind) noexcept {
  return kind == command_kind::sysex || kind == command_kind::sysex_last;
}

} // namespace

[[gnu::hot]] void event_decoder::decode(const midi_command& command, hub_time at, bool starts_list,
                                        std::vector<event>& out) {
  if (command.kind == command_kind::undefined) {
    ++counters_.undefined_commands;
    return;
  }
  if (command.kind != command_kind::midi)
    return append_sysex(command, at, starts_list, out);
  auto data1 = !command.data.empty() ? command.data[0] : std::uint8_t{0};
  auto data2 = command.data.size() > 1 ? command.data[1] : std::uint8_t{0};
  out.push_back({make_short(command.status, data1, data2), at, starts_list});
}

void event_decoder::abandon(hub_time at, bool starts_list, std::vector<event>& out) {
  if (!open_)
    return;
  open_ = false;
  ++counters_.abandoned_sysex;
  out.push_back({make_sysex(sysex_form::cancelled, {}), at, starts_list});
}

void event_decoder::append_sysex(const midi_command& command, hub_time at, bool starts_list,
                                 std::vector<event>& out) {
  auto begins = begins_sysex(command.kind);
  if (!begins && !open_) {
    ++counters_.orphan_segments; // its start was lost
    return;
  }
  if (begins && open_) {
    abandon(at, starts_list, out); // a new F0 while one is open drops the open one
    starts_list = false;
  }
  if (command.kind == command_kind::sysex_cancel) {
    open_ = false;
    out.push_back({make_sysex(sysex_form::cancelled, {}), at, starts_list});
    return;
  }
  auto ends = ends_sysex(command.kind);
  auto rest = command.data;
  do {
    auto chunk = rest.first(rest.size() < 6 ? rest.size() : 6);
    rest = rest.subspan(chunk.size());
    auto last = ends && rest.empty();
    auto form = begins ? (last ? sysex_form::complete : sysex_form::start)
                       : (last ? sysex_form::end : sysex_form::proceed);
    out.push_back({make_sysex(form, chunk), at, starts_list});
    begins = starts_list = false;
  } while (!rest.empty());
  open_ = !ends;
}

} // namespace tutti::protocol
