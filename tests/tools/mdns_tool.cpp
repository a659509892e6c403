// Drives io/mdns and io/interface_watcher for tests/discovery-lanes: one line on stdout per event,
// one command per line on stdin. Ends with goodbyes on SIGTERM, SIGINT or the end of stdin's
// commands "quit". Thread: one.
//
//   mdns_tool [--mode auto|daemon|embedded|off] [--host LABEL] [--interface NAME]...
//
//   browse TYPE                           publish ID PORT any|ipv4|ipv6 NAME...
//   withdraw ID                           update ID PORT any|ipv4|ipv6 NAME...
//   ports PORT...                         interfaces                quit
#include "io/interface_watcher.hpp"
#include "io/mdns.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/streambuf.hpp>

#include <chrono>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <unistd.h>

using namespace tutti::io;
namespace asio = boost::asio;

namespace {

const auto started = std::chrono::steady_clock::now();

/// A line, with the milliseconds since the start before it.
class line {
public:
  line() {
    const auto age = std::chrono::steady_clock::now() - started;
    text_ << std::chrono::duration_cast<std::chrono::milliseconds>(age).count();
  }
  ~line() { std::cout << text_.str() << std::endl; }
  template <class Value>
  line& operator<<(const Value& value) {
    text_ << ' ' << value;
    return *this;
  }

private:
  std::ostringstream text_;
};

const char* text(publication_state state) {
  switch (state) {
  case publication_state::waiting: return "waiting";
  case publication_state::probing: return "probing";
  case publication_state::established: return "established";
  case publication_state::failed: return "failed";
  }
  return "?";
}

void print(const service_event& event) {
  line out;
  out << (event.what == service_event::kind::added     ? "ADDED"
          : event.what == service_event::kind::changed ? "CHANGED"
                                                       : "REMOVED")
      << "name=" + event.service.name << "host=" + event.service.host << "at";
  for (const auto& endpoint : event.service.endpoints)
    out << endpoint;
}

void print(const std::vector<network_interface>& interfaces) {
  for (const auto& interface : interfaces) {
    line out;
    out << "INTERFACE" << interface.name << (interface.up ? "up" : "down")
        << (interface.running ? "running" : "dormant");
    for (const auto& assigned : interface.addresses)
      out << assigned.address.to_string() + "/" + std::to_string(assigned.prefix_length) +
                 (assigned.tentative ? "?" : "");
  }
}

class tool {
public:
  tool(asio::io_context& loop, mdns_options options)
      : mdns_(loop, std::move(options),
              {[](const service_event& event) { print(event); },
               [](const publication_status& status) {
                 line() << "PUBLICATION" << status.id << text(status.state) << "name=" + status.name
                        << status.reason;
               },
               [](const notice& said) { line() << "NOTICE" << said.text; }})
      , watcher_(loop, [this](const auto& interfaces) {
        print(interfaces);
        mdns_.set_interfaces(interfaces);
      }) {
    mdns_.set_interfaces(watcher_.list());
  }

  void command(const std::string& text) {
    std::istringstream in(text);
    std::string verb;
    in >> verb;
    if (verb == "browse") {
      std::string type;
      in >> type;
      mdns_.browse(type);
    } else if (verb == "publish") {
      const auto key = key_of(in);
      ids_[key] = mdns_.publish(announcement_of(in));
    } else if (verb == "update") {
      const auto key = key_of(in);
      mdns_.update(ids_.at(key), announcement_of(in));
    } else if (verb == "withdraw") {
      mdns_.withdraw(ids_.at(key_of(in)));
    } else if (verb == "ports") {
      std::vector<std::uint16_t> ports;
      for (std::uint16_t port; in >> port;)
        ports.push_back(port);
      mdns_.set_listening_ports(ports);
    } else if (verb == "interfaces") {
      print(watcher_.list());
    } else {
      line() << "UNKNOWN" << text;
    }
  }

private:
  static int key_of(std::istream& in) {
    int key = 0;
    in >> key;
    return key;
  }

  static announcement announcement_of(std::istream& in) {
    announcement service;
    service.type = "_apple-midi._udp";
    std::string family;
    in >> service.port >> family >> std::ws;
    service.family = family == "ipv4"   ? ip_family::ipv4
                     : family == "ipv6" ? ip_family::ipv6
                                        : ip_family::any;
    std::getline(in, service.name);
    return service;
  }

  mdns mdns_;
  interface_watcher watcher_;
  std::map<int, registration_id> ids_;
};

void read_commands(asio::posix::stream_descriptor& input, asio::streambuf& buffer, tool& driven,
                   asio::io_context& loop) {
  asio::async_read_until(input, buffer, '\n',
                         [&](const boost::system::error_code& error, std::size_t) {
                           if (error)
                             return; // without commands it goes on until a signal
                           std::string text;
                           std::istream in(&buffer);
                           std::getline(in, text);
                           if (text == "quit")
                             return loop.stop();
                           driven.command(text);
                           read_commands(input, buffer, driven, loop);
                         });
}

} // namespace

int main(int argc, char** argv) {
  mdns_options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i], value = argv[i + 1];
    if (flag == "--mode")
      options.mode = value == "daemon"     ? mdns_mode::daemon
                     : value == "embedded" ? mdns_mode::embedded
                     : value == "off"      ? mdns_mode::off
                                           : mdns_mode::automatic;
    else if (flag == "--host")
      options.host_label = value;
    else if (flag == "--interface")
      options.interfaces.push_back(value);
  }
  asio::io_context loop(1);
  asio::signal_set signals(loop, SIGTERM, SIGINT);
  signals.async_wait([&](auto, int) { loop.stop(); });
  asio::posix::stream_descriptor input(loop, ::dup(STDIN_FILENO));
  asio::streambuf buffer;
  tool driven(loop, options);
  read_commands(input, buffer, driven, loop);
  loop.run();
  line() << "EXIT";
}
