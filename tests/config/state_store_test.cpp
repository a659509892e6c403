// The state on disk is whole whatever happens to the process, and says what it lost.
#include "config/run_time_changes.hpp"
#include "config/state_store.hpp"
#include "tests/support/scratch_folder.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <random>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace tutti::config;
using nlohmann::json;

namespace {

/// A folder with a state file.
struct state_folder : tutti::test::scratch_folder {
  std::filesystem::path file() const { return path() / "tutti.state.json"; }
};

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void put(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

/// A document whose parts must agree.
json generation(int number) {
  return {{"number", number}, {"list", std::vector<int>(200, number)}};
}

} // namespace

TEST_CASE("without a file the state is empty and nothing is said", "[config][state]") {
  state_folder folder;
  auto state = state_store(folder.file()).load();
  CHECK_FALSE(state.found);
  CHECK(state.content == json::object());
  CHECK(state.remarks.empty());
}

TEST_CASE("what was saved is loaded", "[config][state]") {
  state_folder folder;
  state_store store(folder.file());
  for (int i = 0; i < 3; ++i) {
    REQUIRE_FALSE(store.save(generation(i)));
    auto state = store.load();
    CHECK(state.found);
    CHECK(state.content == generation(i));
    CHECK(state.remarks.empty());
  }
}

TEST_CASE("a file that is cut anywhere or changed is set aside for the former one",
          "[config][state]") {
  state_folder folder;
  state_store store(folder.file());
  REQUIRE_FALSE(store.save({{"a", 1}}));
  REQUIRE_FALSE(store.save({{"a", 2}}));
  auto whole = text_of(folder.file());
  auto previous = text_of(folder.file().string() + ".previous");
  auto damaged = [&](const std::string& text) {
    put(folder.file(), text);
    put(folder.file().string() + ".previous", previous);
    auto state = store.load();
    REQUIRE(state.found);
    REQUIRE(state.content == json{{"a", 1}});
    REQUIRE(state.remarks.size() == 2);
    CHECK_THAT(state.remarks[0],
               Catch::StartsWith("The state file " + folder.file().string() + " is damaged (") &&
                   Catch::EndsWith(".damaged."));
    CHECK_THAT(state.remarks[1], Catch::StartsWith("The former state is used"));
    CHECK(text_of(folder.file().string() + ".damaged") == text);
  };
  for (std::size_t size = 0; size + 2 < whole.size();
       ++size) // the last octets are } and a line end
    damaged(whole.substr(0, size));
  auto other = whole;
  other[other.find(": 2") + 2] = '3';
  damaged(other);
  damaged("[]");
}

TEST_CASE("if both generations are damaged the configuration alone counts", "[config][state]") {
  state_folder folder;
  put(folder.file(), "x");
  put(folder.file().string() + ".previous", "{}");
  auto state = state_store(folder.file()).load();
  CHECK_FALSE(state.found);
  CHECK(state.remarks.size() == 3);
}

TEST_CASE("a save that fails says why and leaves the former state", "[config][state]") {
  state_folder folder;
  state_store nowhere(folder.file().parent_path() / "none" / "x.json");
  auto error = nowhere.save({});
  REQUIRE(error);
  CHECK_THAT(*error, Catch::StartsWith("Cannot write ") && Catch::Contains("No such file"));
  if (std::filesystem::exists("/dev/full")) {
    state_store store(folder.file());
    REQUIRE_FALSE(store.save({{"a", 1}}));
    std::filesystem::create_symlink("/dev/full", folder.file().string() + ".new");
    CHECK(store.save({{"a", 2}}));
    CHECK(store.load().content == json{{"a", 1}});
  }
}

TEST_CASE("kill -9 in the middle of a thousand saves loses no acknowledged one",
          "[config][state]") {
  std::mt19937 random(1);
  int written = 0, round = 0;
  state_folder folder;
  for (; written < 1000 && round < 60; ++round) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      state_store store(folder.file());
      for (int i = written;; ++i) {
        if (store.save(generation(i)))
          ::_exit(1);
        if (::write(ends[1], &i, sizeof i) != sizeof i)
          ::_exit(2);
      }
    }
    ::close(ends[1]);
    std::this_thread::sleep_for(std::chrono::microseconds(2000 + random() % 30000));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    int last = written - 1;
    for (int i; ::read(ends[0], &i, sizeof i) == sizeof i;)
      last = i;
    ::close(ends[0]);
    auto state = state_store(folder.file()).load();
    REQUIRE(state.remarks.empty());
    if (last < 0)
      continue;
    REQUIRE(state.found);
    int number = state.content.at("number").get<int>();
    CHECK(state.content == generation(number));
    CHECK(number >= last);
    CHECK(number <= last + 1);
    written = number + 1;
  }
  CHECK(written > 10);
}

TEST_CASE("a changed section holds until the file's own is edited", "[config][state]") {
  json file = {{"rules", {1}}, {"log", {{"level", "info"}}}};
  run_time_changes changes;
  changes.set("rules", {1, 2}, file);
  changes.set("scene", "verse", file);
  changes.set_note("approved", {"Anna"});
  run_time_changes again(changes.to_json());

  auto merged = file;
  CHECK(again.merge_into(merged).empty());
  CHECK(merged["rules"] == json{1, 2});
  CHECK(merged["scene"] == "verse");
  CHECK(merged["log"] == file["log"]);
  CHECK(again.note("approved") == json{"Anna"});
  CHECK(again.note("nothing").is_null());

  auto edited = file;
  edited["rules"] = {9};
  edited["log"]["level"] = "debug";
  CHECK(again.merge_into(edited) == std::vector<std::string>{"rules"});
  CHECK(edited["rules"] == json{9});
  CHECK(edited["scene"] == "verse");
  CHECK_FALSE(again.has("rules"));

  again.set("scene", file["scene"], file);
  CHECK_FALSE(again.has("scene"));
  for (auto broken :
       {"[]", "{}", "{\"sections\": 1}", "{\"sections\": {\"rules\": 1}, \"notes\": []}"})
    CHECK(run_time_changes(json::parse(broken)).empty());
}
