#include "actors/device_names.hpp"

#include <catch2/catch.hpp>

using tutti::device_names;

TEST_CASE("a device that returns under another number has its name again", "[actors][local]") {
  device_names names;
  CHECK(names.arrive(20, "Keys", "usb-1") == "Keys");
  CHECK(names.arrive(20, "Keys", "usb-1") == "Keys"); // seen again
  names.leave(20);
  CHECK(names.arrive(24, "Keys", "usb-1") == "Keys");
}

TEST_CASE("identical devices are numbered, and keep their number at their place",
          "[actors][local]") {
  device_names names;
  CHECK(names.arrive(20, "Keys", "usb-1") == "Keys");
  CHECK(names.arrive(24, "Keys", "usb-2") == "Keys (2)");
  CHECK(names.arrive(28, "Pads", "usb-3") == "Pads");
  names.leave(20);
  names.leave(24);
  CHECK(names.arrive(32, "Keys", "usb-2") == "Keys (2)"); // comes first now
  CHECK(names.arrive(36, "Keys", "usb-1") == "Keys");
}

TEST_CASE("a device that moved to another place takes the number that is free", "[actors][local]") {
  device_names names;
  names.arrive(20, "Keys", "usb-1");
  names.arrive(24, "Keys", "usb-2");
  names.leave(24);
  CHECK(names.arrive(28, "Keys", "usb-9") == "Keys (2)");
}
