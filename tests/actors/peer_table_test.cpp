// Who a datagram comes from, while peers move, come back, and resemble each other.
#include "actors/peer_table.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tutti;

namespace {

io::endpoint at(std::string_view host, std::uint16_t port) {
  return io::parse_address(host, port).value();
}
peer_address pair_at(std::string_view host, std::uint16_t port) {
  return {at(host, port), at(host, static_cast<std::uint16_t>(port + 1))};
}
protocol::invitation from(std::uint32_t ssrc, std::uint32_t token, std::string name = "Anna") {
  return {protocol::invitation_kind::invite, token, ssrc, std::move(name)};
}

} // namespace

TEST_CASE("a peer is found by its addresses and its key", "[actors][peer_table]") {
  peer_table table;
  auto& anna = table.add(1, {}, pair_at("10.0.0.1", 5004));
  auto& bert = table.add(2, {}, {at("10.0.0.2", 5004), {}}); // its data address is not known yet
  CHECK(table.size() == 2);
  CHECK(table.by_address(at("10.0.0.1", 5004)) == &anna);
  CHECK(table.by_address(at("10.0.0.1", 5005)) == &anna);
  CHECK(table.by_address(at("10.0.0.2", 5004)) == &bert);
  CHECK(table.by_address(at("10.0.0.2", 5005)) == nullptr);
  CHECK(table.by_address({}) == nullptr);
  CHECK(table.by_key(2) == &bert);
  CHECK(table.by_key(3) == nullptr);
  table.set_data(bert, at("10.0.0.2", 6000));
  CHECK(table.by_address(at("10.0.0.2", 6000)) == &bert);
  CHECK(bert.address.data.port == 6000);
}

TEST_CASE("a peer is found by its invitation, and only by its last", "[actors][peer_table]") {
  peer_table table;
  auto& anna = table.add(1, {}, pair_at("10.0.0.1", 5004));
  auto where = at("10.0.0.1", 5005);
  CHECK(table.by_invitation(0, 0, where) == nullptr);
  table.set_invitation(anna, from(7, 70));
  CHECK(table.by_invitation(7, 70, where) == &anna);
  CHECK(table.by_host(7, where) == &anna);
  CHECK(table.by_host(7, at("10.0.0.9", 5005)) == nullptr);
  CHECK(anna.name == "Anna");
  table.set_invitation(anna, from(8, 80));
  CHECK(table.by_invitation(7, 70, where) == nullptr);
  CHECK(table.by_invitation(8, 80, where) == &anna);
  CHECK(table.by_host(7, where) == nullptr);
  CHECK(table.by_host(8, where) == &anna);
}

TEST_CASE("a peer that moves is found at its new address only", "[actors][peer_table]") {
  peer_table table;
  auto& anna = table.add(1, {}, pair_at("10.0.0.1", 5004));
  table.set_control(anna, at("10.0.0.1", 6004));
  CHECK(table.by_address(at("10.0.0.1", 5004)) == nullptr);
  CHECK(table.by_address(at("10.0.0.1", 6004)) == &anna);
  CHECK(table.by_address(at("10.0.0.1", 5005)) == &anna);
  table.set_data(anna, at("10.0.0.1", 6005));
  CHECK(table.by_address(at("10.0.0.1", 5005)) == nullptr);
}

// The new control address took the data address with it.
TEST_CASE("a peer may use one port for both", "[actors][peer_table]") {
  peer_table table;
  auto& anna = table.add(1, {}, {at("10.0.0.1", 5004), at("10.0.0.1", 5004)});
  CHECK(table.by_address(at("10.0.0.1", 5004)) == &anna);
  table.set_control(anna, at("10.0.0.1", 6004));
  CHECK(table.by_address(at("10.0.0.1", 5004)) == &anna); // data
  table.set_data(anna, at("10.0.0.1", 6004));
  CHECK(table.by_address(at("10.0.0.1", 5004)) == nullptr);
  CHECK(table.by_address(at("10.0.0.1", 6004)) == &anna);
  table.remove(1);
  CHECK(table.by_address(at("10.0.0.1", 6004)) == nullptr);
}

TEST_CASE("nothing of a removed peer is left", "[actors][peer_table]") {
  peer_table table;
  auto& anna = table.add(1, {}, pair_at("10.0.0.1", 5004));
  table.set_invitation(anna, from(7, 70));
  table.remove(1);
  table.remove(1);
  CHECK(table.size() == 0);
  CHECK(table.by_key(1) == nullptr);
  CHECK(table.by_address(at("10.0.0.1", 5004)) == nullptr);
  CHECK(table.by_address(at("10.0.0.1", 5005)) == nullptr);
  CHECK(table.by_invitation(7, 70, at("10.0.0.1", 5005)) == nullptr);
  CHECK(table.by_host(7, at("10.0.0.1", 1)) == nullptr);
}

TEST_CASE("an address that passed to another peer stays with it", "[actors][peer_table]") {
  peer_table table;
  auto& anna = table.add(1, {}, pair_at("10.0.0.1", 5004));
  auto& bert = table.add(2, {}, pair_at("10.0.0.1", 7004));
  table.set_data(bert, at("10.0.0.1", 5005)); // NAT gave Anna's data port to Bert
  CHECK(table.by_address(at("10.0.0.1", 5005)) == &bert);
  table.remove(anna.key);
  CHECK(table.by_address(at("10.0.0.1", 5005)) == &bert);
}

// Boards without a source of randomness have equal SSRCs and tokens; the last one took all data
// INs.
TEST_CASE("twins on two hosts are told apart by their hosts", "[actors][peer_table]") {
  peer_table table;
  auto& one = table.add(1, {}, {at("10.0.0.1", 5004), {}});
  auto& two = table.add(2, {}, {at("10.0.0.2", 5004), {}});
  table.set_invitation(one, from(7, 70));
  table.set_invitation(two, from(7, 70));
  CHECK(table.by_invitation(7, 70, at("10.0.0.1", 5005)) == &one);
  CHECK(table.by_invitation(7, 70, at("10.0.0.2", 5005)) == &two);
  CHECK(table.by_host(7, at("10.0.0.1", 1)) == &one);
  CHECK(table.by_host(7, at("10.0.0.2", 1)) == &two);
  // From a third address (a host with several) it is one of them.
  CHECK(table.by_invitation(7, 70, at("10.0.0.3", 5005)) != nullptr);
  table.set_invitation(two, from(8, 80));
  CHECK(table.by_invitation(7, 70, at("10.0.0.2", 5005)) == &one);
  table.remove(1);
  CHECK(table.by_invitation(7, 70, at("10.0.0.1", 5005)) == nullptr);
  CHECK(table.by_invitation(8, 80, at("10.0.0.2", 5005)) == &two);
}

// A first invitation erased the entry of SSRC 0 and token 0, whosever it was.
TEST_CASE("a peer with SSRC and token 0 keeps its entry", "[actors][peer_table]") {
  peer_table table;
  auto& zero = table.add(1, {}, pair_at("10.0.0.1", 5004));
  table.set_invitation(zero, from(0, 0));
  auto& other = table.add(2, {}, pair_at("10.0.0.2", 5004));
  table.set_invitation(other, from(7, 70));
  CHECK(table.by_invitation(0, 0, at("10.0.0.1", 5005)) == &zero);
}

TEST_CASE("whatever peers do, the table finds what a plain search finds", "[actors][peer_table]") {
  for (unsigned seed = 0; seed < 30; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    peer_table table;
    auto host = [&] { return "10.0.0." + std::to_string(1 + random() % 3); };
    auto where = [&] { return at(host(), static_cast<std::uint16_t>(5000 + random() % 6)); };
    port_key next = 1;
    for (int step = 0; step < 300; ++step) {
      std::vector<peer_table::peer*> all;
      for (port_key key = 1; key < next; ++key)
        if (auto one = table.by_key(key))
          all.push_back(one);
      auto any = all.empty() ? nullptr : all[random() % all.size()];
      switch (random() % 6) {
      case 0: table.add(next++, {}, {where(), where()}); break;
      case 1:
        if (any)
          table.remove(any->key);
        break;
      case 2:
        if (any)
          table.set_control(*any, where());
        break;
      case 3:
        if (any)
          table.set_data(*any, where());
        break;
      default:
        if (any)
          table.set_invitation(*any, from(random() % 3, random() % 3));
      }
      std::size_t count = 0;
      table.for_each([&](const peer_table::peer& one) {
        ++count;
        CHECK(table.by_key(one.key) == &one);
      });
      CHECK(count == table.size());
      // What is found is right. (An address that two claim belongs to the later one.)
      for (int i = 0; i < 10; ++i) {
        auto sender = where();
        if (auto found = table.by_address(sender)) {
          CHECK(table.by_key(found->key) == found);
          CHECK((found->address.control == sender || found->address.data == sender));
        }
        std::uint32_t ssrc = random() % 3, token = random() % 3;
        if (auto found = table.by_host(ssrc, sender)) {
          CHECK(found->ssrc == ssrc);
          CHECK(found->address.control.same_host(sender));
        }
        if (auto found = table.by_invitation(ssrc, token, sender)) {
          CHECK(found->ssrc == ssrc);
          CHECK(found->token == token);
        }
      }
    }
  }
}

TEST_CASE("a peer that the hub invites is found at every address that it may have",
          "[actors][peer_table]") {
  peer_table table;
  auto& anna = table.add(1, {}, pair_at("10.0.0.1", 5004));
  table.add_target(anna, {"service/Anna", "Anna", {at("fd00::1", 5004), at("10.0.0.1", 5004)}});
  CHECK(table.by_target("service/Anna") == &anna);
  CHECK(table.by_address(at("fd00::1", 5004)) == &anna);
  CHECK(table.by_address(at("fd00::1", 5005)) == &anna);
  CHECK(peer_table::may_play(anna, at("fd00::1", 5005)));
  CHECK_FALSE(peer_table::may_play(anna, at("fd00::1", 5004)));
  CHECK(table.by_expected_name("Anna", at("fd00::1", 49000)) == &anna);
  CHECK(table.by_expected_name("Anna", at("fd00::2", 5004)) == nullptr);
  CHECK(table.by_expected_name("Bert", at("fd00::1", 5004)) == nullptr);
  table.set_identity(anna, 7, "Anna");
  CHECK(table.by_expected_name("Anna", at("fd00::1", 49000)) == nullptr); // it has answered
  CHECK(table.by_host(7, at("fd00::1", 49000)) == &anna);
  CHECK(table.by_name("Anna", at("fd00::1", 49000)) == &anna);
  SECTION("a second target adds addresses, and takes them with it") {
    table.add_target(anna, {"peer/desk:5004", {}, {at("10.0.0.1", 5004), at("10.7.0.1", 5004)}});
    CHECK(anna.candidates.size() == 3);
    CHECK(table.by_address(at("10.7.0.1", 5004)) == &anna);
    table.remove_target(anna, "peer/desk:5004");
    CHECK(table.by_address(at("10.7.0.1", 5004)) == nullptr);
    CHECK(table.by_address(at("10.0.0.1", 5004)) == &anna);
    CHECK(table.by_target("peer/desk:5004") == nullptr);
  }
  SECTION("told again, the addresses are others; where the peer is counts still") {
    table.add_target(anna, {"service/Anna", "Anna", {at("fd00::9", 5004)}});
    CHECK(table.by_address(at("fd00::1", 5004)) == nullptr);
    CHECK(table.by_address(at("fd00::9", 5004)) == &anna);
    CHECK(table.by_address(at("10.0.0.1", 5004)) == &anna);
  }
  SECTION("an address that somebody is at is not taken away by hope") {
    auto& bert = table.add(2, {}, pair_at("10.0.0.2", 5004));
    table.add_target(anna, {"service/Anna", "Anna", {at("10.0.0.2", 5004)}});
    CHECK(table.by_address(at("10.0.0.2", 5004)) == &bert);
  }
  table.remove(1);
  CHECK(table.by_target("service/Anna") == nullptr);
  for (auto host : {"fd00::1", "fd00::9", "10.0.0.1", "10.7.0.1"})
    CHECK(table.by_address(at(host, 5004)) == nullptr);
}

TEST_CASE("the sender that was asked for last is not remembered beyond a change",
          "[actors][peer_table]") {
  peer_table table;
  auto before = at("10.0.0.1", 5005), after = at("10.0.0.1", 6005);
  auto& anna = table.add(1, {}, pair_at("10.0.0.1", 5004));
  CHECK(table.sender(before) == &anna);
  table.set_data(anna, after);
  CHECK(table.sender(before) == nullptr);
  CHECK(table.sender(after) == &anna);
  table.remove(1);
  CHECK(table.sender(after) == nullptr);
}

TEST_CASE("a name that everybody has says nothing of who is who", "[actors][peer_table]") {
  peer_table table;
  auto elsewhere = at("10.9.0.1", 5004);
  for (port_key key = 1; key <= peer_table::max_namesakes + 1; ++key) {
    auto& one = table.add(key, {}, pair_at("10.0.0." + std::to_string(key), 5004));
    table.set_identity(one, static_cast<std::uint32_t>(key), "Piano");
    CHECK(table.namesakes("Piano", elsewhere).size() ==
          (key > peer_table::max_namesakes ? 0 : key - 1));
    one.in_session = true;
  }
  CHECK(table.namesakes("Piano", elsewhere).empty());
  table.remove(1);
  CHECK(table.namesakes("Piano", elsewhere).size() == peer_table::max_namesakes);
  table.set_identity(*table.by_key(2), 2, "Organ");
  CHECK(table.namesakes("Piano", elsewhere).size() == peer_table::max_namesakes - 1);
  CHECK(table.namesakes("Organ", elsewhere).size() == 1);
}

TEST_CASE("one participant that is two peers is noticed, boards that are alike are not",
          "[actors][peer_table]") {
  peer_table table;
  auto& anna = table.add(1, {}, pair_at("10.0.0.1", 5004));
  auto& again = table.add(2, {}, pair_at("fd00::1", 5004));
  auto& board = table.add(3, {}, pair_at("10.0.0.2", 5004));
  for (auto one : {&anna, &again, &board}) {
    table.set_identity(*one, 7, "Anna");
    one->in_session = true;
  }
  CHECK(table.twin_of(again) != nullptr); // nothing speaks for two
  again.in_session = false;
  CHECK(table.twin_of(anna) == nullptr);
  CHECK(table.twin_of(board) == nullptr);
  CHECK(table.namesakes("Anna", at("10.0.0.2", 6000)) == std::vector{&anna});
  CHECK(table.namesakes("Anna", at("10.0.0.9", 5004)).size() == 2);
  CHECK(table.namesakes("Bert", at("10.0.0.9", 5004)).empty());
  SECTION("a target that has both addresses tells") {
    table.add_target(anna, {"service/Anna", "Anna", {at("10.0.0.1", 5004), at("10.0.0.2", 5004)}});
    CHECK(table.twin_of(anna) == &board);
    CHECK(table.twin_of(board) == &anna);
  }
  SECTION("the one that is invited counts most") {
    table.add_target(board, {"service/Anna", "Anna", {at("10.0.0.2", 5004)}});
    CHECK(table.by_identity(7, "Anna") == &board);
    CHECK(table.twin_of(anna) == &board); // the other came from another of its addresses
    table.add_target(anna, {"peer/10.0.0.1:5004", {}, {at("10.0.0.1", 5004)}});
    CHECK(table.twin_of(anna) == nullptr);
  }
  SECTION("in session, it is known where it was found even if it is not invited any more") {
    table.add_target(anna, {"service/Anna", "Anna", {at("10.5.0.1", 5004)}});
    table.remove_target(anna, "service/Anna");
    CHECK(table.by_address(at("10.5.0.1", 5004)) == &anna);
    table.remove(1);
    CHECK(table.by_address(at("10.5.0.1", 5004)) == nullptr);
  }
  CHECK(table.by_identity(8, "Anna") == nullptr);
  CHECK(table.by_identity(7, "Bert") == nullptr);
}
