// A program that uses RtMidi, as most that the hub meets on a machine do; and what RtMidi cannot
// do.
//
//   rtmidi_tool API play PORT HEX...    plays one message per word, such as 903c40, to the first
//   port
//                                       whose name contains PORT
//   rtmidi_tool API hear PORT           prints each message that it hears from there, until a
//   signal rtmidi_tool API hold COUNT          opens virtual inputs, up to COUNT; prints how many
//   it could,
//                                       and threads; waits for a signal
//   rtmidi_tool API ports               the ports that there are to play to
//
// API: alsa or jack.
#include <RtMidi.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "rtmidi_tool: %s\n", why.c_str());
  std::exit(1);
}

RtMidi::Api api_of(const std::string& name) {
  if (name == "alsa")
    return RtMidi::LINUX_ALSA;
  if (name == "jack")
    return RtMidi::UNIX_JACK;
  fail("the API is alsa or jack");
}

void open(RtMidi& side, const std::string& wanted) {
  for (unsigned i = 0; i < side.getPortCount(); ++i)
    if (side.getPortName(i).find(wanted) != std::string::npos)
      return side.openPort(i, "port");
  fail("there is no port \"" + wanted + '"');
}

std::vector<unsigned char> bytes_of(const char* hex) {
  std::vector<unsigned char> out;
  for (std::size_t i = 0; i + 1 < std::strlen(hex); i += 2)
    out.push_back(static_cast<unsigned char>(std::stoul(std::string(hex + i, 2), nullptr, 16)));
  return out;
}

void play(RtMidi::Api api, const std::string& port, char** words) {
  RtMidiOut out(api, "rtmidi player");
  open(out, port);
  usleep(200'000); // JACK plays what comes after its next period only
  for (; *words; ++words) {
    auto message = bytes_of(*words);
    out.sendMessage(&message);
    usleep(2'000);
  }
  usleep(200'000); // closing the port drops what has not left
}

void hear(RtMidi::Api api, const std::string& port) {
  RtMidiIn in(api, "rtmidi listener");
  in.ignoreTypes(false, false, false);
  in.setCallback(
      [](double, std::vector<unsigned char>* message, void*) {
        for (auto octet : *message)
          std::printf("%02x", octet);
        std::printf("\n");
        std::fflush(stdout);
      },
      nullptr);
  open(in, port);
  pause();
}

void hold(RtMidi::Api api, int count) {
  std::vector<std::unique_ptr<RtMidiIn>> ports;
  try {
    for (int i = 0; i < count; ++i) {
      auto port = std::make_unique<RtMidiIn>(api, "rtmidi holder " + std::to_string(i));
      port->openVirtualPort("in");
      ports.push_back(std::move(port));
    }
  } catch (const RtMidiError&) {
    // That is the answer.
  }
  std::filesystem::directory_iterator threads("/proc/self/task");
  std::printf("%zu ports, %td threads\n", ports.size(),
              std::distance(begin(threads), end(threads)));
  std::fflush(stdout);
  pause();
}

} // namespace

int main(int count, char** words) {
  if (count < 3)
    fail("rtmidi_tool alsa|jack play|hear|hold|ports ...");
  try {
    auto api = api_of(words[1]);
    std::string command = words[2];
    if (command == "play" && count > 4)
      play(api, words[3], words + 4);
    else if (command == "hear" && count == 4)
      hear(api, words[3]);
    else if (command == "hold" && count == 4)
      hold(api, std::atoi(words[3]));
    else if (command == "ports" && count == 3) {
      RtMidiOut out(api, "rtmidi tool");
      for (unsigned i = 0; i < out.getPortCount(); ++i)
        std::printf("%s\n", out.getPortName(i).c_str());
    } else
      fail("what?");
  } catch (const std::exception& error) {
    fail(error.what());
  }
}
