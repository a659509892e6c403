#include "actors/peer_imports.hpp"

#include <catch2/catch.hpp>

using namespace tutti;
using namespace std::chrono_literals;
using wish = peer_imports::wish;

namespace {

const peer_imports::time_point start{1h};

config::peer_import settings(config::peer_import::mode which) {
  config::peer_import result;
  result.which = which;
  result.linger = 5s;
  return result;
}

config::remote_peer remote(const std::string& name) {
  config::remote_peer result;
  result.host = "192.0.2.1";
  result.name = name;
  return result;
}

port_description peer(const std::string& name) {
  return {port_kind::rtp, "Studio", name};
}

std::string names(const peer_imports& imports) {
  std::string out;
  for (const auto& one : imports.ports())
    out += one.name + " -> " + one.partner + "; ";
  return out;
}

} // namespace

TEST_CASE("peers have ports only if that is wanted", "[actors][peer_imports]") {
  peer_imports off;
  off.attached(1, "rtp/Studio/Anna", peer("Anna"));
  off.add(remote("Far"));
  CHECK(off.ports().empty());
  peer_imports joined(settings(config::peer_import::mode::joined));
  joined.add(remote("Far"));
  CHECK(joined.ports().empty());
}

TEST_CASE("a peer that joins has a port until it goes", "[actors][peer_imports]") {
  peer_imports imports(settings(config::peer_import::mode::joined), {{"Hub"}});
  imports.attached(1, "rtp/Studio/Anna", peer("Anna"));
  imports.attached(2, "rtp/Studio/Anna (2)", peer("Anna"));
  imports.attached(3, "rtp/Studio/Hub", peer("Hub"));
  imports.attached(4, "tcp/desk/1", {port_kind::tcp, "desk", "1"});
  CHECK(names(imports) == "Anna -> rtp/Studio/Anna; Anna (2) -> rtp/Studio/Anna (2); "
                          "Hub (2) -> rtp/Studio/Hub; ");
  imports.detached(1);
  imports.detached(4);
  CHECK(names(imports) == "Anna (2) -> rtp/Studio/Anna (2); Hub (2) -> rtp/Studio/Hub; ");
}

TEST_CASE("a peer that was invited for a port has no second one", "[actors][peer_imports]") {
  peer_imports imports(settings(config::peer_import::mode::known));
  imports.add(remote("Far"));
  auto invited = peer("Far");
  invited.by_rule = false;
  invited.partner = "alsa/Tutti/Far";
  imports.attached(1, "rtp/Studio/Far", invited);
  CHECK(names(imports) == "Far -> ; ");
}

TEST_CASE("peers are chosen by name", "[actors][peer_imports]") {
  std::string why;
  auto wanted = settings(config::peer_import::mode::joined);
  wanted.include = {*config::name_pattern::parse("A*", why)};
  wanted.exclude = {*config::name_pattern::parse("*2", why)};
  peer_imports imports(wanted);
  imports.attached(1, "rtp/Studio/Anna", peer("Anna"));
  imports.attached(2, "rtp/Studio/Anna 2", peer("Anna 2"));
  imports.attached(3, "rtp/Studio/Bob", peer("Bob"));
  CHECK(names(imports) == "Anna -> rtp/Studio/Anna; ");
}

TEST_CASE("a connection on demand lasts as long as its port is used, and a little longer",
          "[actors][peer_imports]") {
  peer_imports imports(settings(config::peer_import::mode::known));
  imports.add(remote("Far"));
  std::string name;
  CHECK(imports.next(start, name) == wish::nothing);
  imports.set_used("Far", true, start);
  REQUIRE(imports.next(start, name) == wish::invite);
  CHECK(name == "Far");
  CHECK(imports.next(start, name) == wish::nothing);
  imports.invited("Far", true, start);
  imports.set_used("Far", false, start + 1s);
  CHECK(imports.next(start + 1s, name) == wish::nothing);
  CHECK(imports.plan(start + 1s) == start + 6s);
  CHECK_FALSE(imports.plan(start + 1s)); // told before
  // Whoever comes back in time finds it connected.
  imports.set_used("Far", true, start + 3s);
  CHECK(imports.next(start + 6s, name) == wish::nothing);
  imports.set_used("Far", false, start + 8s);
  CHECK(imports.next(start + 12s, name) == wish::nothing);
  REQUIRE(imports.next(start + 13s, name) == wish::let_go);
  CHECK(imports.next(start + 13s, name) == wish::nothing);
}

TEST_CASE("an invitation that failed is tried again later, while it is wanted",
          "[actors][peer_imports]") {
  peer_imports imports(settings(config::peer_import::mode::known));
  imports.add(remote("Far"));
  std::string name;
  imports.set_used("Far", true, start);
  REQUIRE(imports.next(start, name) == wish::invite);
  imports.invited("Far", false, start);
  CHECK(imports.next(start + 1s, name) == wish::nothing);
  CHECK(imports.plan(start + 1s) == start + 10s);
  CHECK(imports.next(start + 10s, name) == wish::invite);
  // Let go while the answer is on its way: it is let go of when that has come.
  imports.set_used("Far", false, start + 10s);
  CHECK(imports.next(start + 20s, name) == wish::nothing);
  imports.invited("Far", true, start + 21s);
  CHECK(imports.next(start + 21s, name) == wish::let_go);
}
