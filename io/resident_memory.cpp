#include "io/resident_memory.hpp"

#include <cstdint>

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

namespace tutti::io {

namespace {

/// What is larger is mapped by itself. glibc would raise this with every such block that is freed.
constexpr int large_block = 128 * 1024;

// Only what is mapped without write access is as it is in the file: relocations are in the rest.
int release_segments(dl_phdr_info* object, std::size_t, void*) {
  auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0)
      continue;
    auto begin = object->dlpi_addr + segment.p_vaddr;
    auto end = (begin + segment.p_memsz) & ~(page - 1); // a page shared with another segment stays
    begin = (begin + page - 1) & ~(page - 1);
    if (begin < end)
      ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

} // namespace

void keep_memory_flat() noexcept {
  ::mallopt(M_MMAP_THRESHOLD, large_block);
}

// Where memory is locked, madvise refuses, as it should.
void release_start_up_memory() noexcept {
  ::malloc_trim(0);
  ::dl_iterate_phdr(release_segments, nullptr);
}

} // namespace tutti::io
