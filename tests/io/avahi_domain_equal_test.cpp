// Names compared quickly, beside libavahi-common's own comparison.
#include "io/avahi_domain_equal.hpp"

#include <avahi-common/domain.h>
#include <avahi-core/core.h>
#include <catch2/catch.hpp>
#include <dlfcn.h>

#include <random>
#include <string>

using tutti::io::is_same_domain;

namespace {

int original(const char* a, const char* b) {
  static const auto function =
      reinterpret_cast<decltype(&avahi_domain_equal)>(::dlsym(RTLD_NEXT, "avahi_domain_equal"));
  return function(a, b);
}

class random_names {
public:
  explicit random_names(unsigned seed)
      : random_(seed) {}

  std::string next() {
    std::string name;
    for (auto labels = 1 + below(3); labels > 0; --labels) {
      for (auto size = 1 + below(4); size > 0; --size)
        name += pieces[below(std::size(pieces))];
      if (labels > 1 || below(4) == 0)
        name += '.';
    }
    return name;
  }
  /// The same name in other letters, or nearly the same.
  std::string like(std::string name) {
    for (auto& c : name)
      if (below(6) == 0 && std::isalpha(static_cast<unsigned char>(c)))
        c = static_cast<char>(c ^ 0x20);
    if (below(3) == 0)
      name += below(2) == 0 ? "." : "a";
    if (below(3) == 0)
      name = "\\097" + name;
    return name;
  }
  std::size_t below(std::size_t limit) { return random_() % limit; }

private:
  // The same characters in several spellings, and what is in the names of services.
  static constexpr const char* pieces[] = {"a", "A",   "b",          "7",     "-",     "_",
                                           " ", "\\.", "\\\\",       "\\032", "\\046", "\\097",
                                           "ü", "Ü",   "\\195\\188", "'",     "("};
  std::mt19937 random_;
};

} // namespace

TEST_CASE("what is told from the octets is what libavahi tells", "[io][avahi_domain_equal]") {
  random_names random(3);
  std::size_t same = 0, different = 0;
  for (int i = 0; i < 200'000; ++i) {
    auto a = random.next();
    auto b = i % 2 == 0 ? random.like(a) : random.next();
    if (!avahi_is_valid_domain_name(a.c_str()) || !avahi_is_valid_domain_name(b.c_str()))
      continue;
    auto told = is_same_domain(a.c_str(), b.c_str());
    if (told && *told != (original(a.c_str(), b.c_str()) != 0))
      FAIL(a << " and " << b);
    if (avahi_domain_equal(a.c_str(), b.c_str()) != original(a.c_str(), b.c_str()))
      FAIL(a << " and " << b);
    same += told && *told;
    different += told && !*told;
  }
  CHECK(same > 1000);
  CHECK(different > 10'000);
}

TEST_CASE("names that differ in spelling are left to libavahi", "[io][avahi_domain_equal]") {
  CHECK_FALSE(is_same_domain("Stage.local", "Stage.local."));
  CHECK_FALSE(is_same_domain("\\065.local", "A.local"));
  CHECK_FALSE(is_same_domain("a\\.b", "a\\046b"));
  CHECK(avahi_domain_equal("a\\.b", "a\\046b") == 1);
  CHECK(is_same_domain("Stage\\032Left._apple-midi._udp.local",
                       "stage\\032left._apple-midi._udp.local") == true);
  CHECK(is_same_domain("Flap\\0321.local", "Flap\\0322.local") == false);
}

TEST_CASE("libavahi-core calls the quick comparison", "[io][avahi_domain_equal]") {
  auto called = ::dlsym(RTLD_DEFAULT, "avahi_domain_equal");
  CHECK(called == reinterpret_cast<void*>(&avahi_domain_equal));
  CHECK(called != ::dlsym(RTLD_NEXT, "avahi_domain_equal"));
}
