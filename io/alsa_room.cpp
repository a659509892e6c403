#include "io/alsa_room.hpp"

#include <climits>

#include <sound/asequencer.h>
#include <sys/ioctl.h>

namespace tutti::io {

int alsa_free_cells(int sequencer, int client) noexcept {
  snd_seq_client_pool pool{};
  pool.client = client;
  auto known = ::ioctl(sequencer, SNDRV_SEQ_IOCTL_GET_CLIENT_POOL, &pool) >= 0;
  return !known || pool.input_free >= pool.input_pool ? INT_MAX : pool.input_free;
}

} // namespace tutti::io
