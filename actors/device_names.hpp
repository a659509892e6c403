// Names of devices that survive replugging and renumbering, and tell identical devices apart.
// Decides: which of several devices of one name is the first, the second and so on.
// Leaves: what devices there are (alsa_watch). Thread: values.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace tutti {

class device_names {
public:
  /// The name of the device `handle` (any number that is its own while it is there), which calls
  /// itself `name` and is plugged in at `place`: the name itself for the first, "name (2)" for the
  /// second. It gets the number that was last used for its place if that is free, else the lowest
  /// that is.
  std::string arrive(int handle, const std::string& name, const std::string& place);
  /// The device has gone; its number waits for it.
  void leave(int handle);

private:
  struct number {
    std::string place; ///< of the device that has it, or had it last
    int handle = 0;
    bool taken = false;
  };

  std::map<std::string, std::vector<number>> numbers_; ///< by name; the first is number 1
};

} // namespace tutti
