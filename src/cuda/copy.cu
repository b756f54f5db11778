// Copies between the host and a device. A device copies by itself what is in pinned memory; other
// memory of the host passes through pinned blocks in parts, so that a copy to a device returns when
// the host's memory has been read and does not wait for what is queued before, and one to the host
// overlaps the device's part with the host's. The runtime does the same for small ones, at less
// cost, and for large ones, slowly, where no memory can be pinned.
#include "cuda/copy.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "cuda/device.hpp"
#include "cuda/pinned.hpp"

namespace nnx::cuda {
namespace {

constexpr std::size_t kDirect = std::size_t{64} << 10;  // up to here the runtime does not wait
constexpr std::size_t kPart = std::size_t{4} << 20;

void queue(void* to, const void* from, std::size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream()), "copy");
}

void to_device(char* to, const char* from, std::size_t bytes, bool early) {
  const bool page_locked = is_pinned(from);
  PinnedBlock* ours = page_locked && early ? pinned().find(from) : nullptr;
  if (ours) {
    queue(to, from, bytes);
    return pinned().mark(*ours);
  }
  if (!page_locked && bytes <= kDirect) return queue(to, from, bytes);
  std::size_t done = 0;
  // Large pinned ones are waited for: that takes less time than the host's reading of them.
  while (done < bytes && !(page_locked && bytes > kPart)) {
    const std::size_t n = std::min(kPart, bytes - done);
    const Lease room(n);
    if (!room) break;
    std::memcpy(room.data(), from + done, n);
    queue(to + done, room.data(), n);
    room.mark();
    done += n;
  }
  if (done == bytes) return;
  queue(to + done, from + done, bytes - done);
  if (page_locked) check(cudaStreamSynchronize(stream()), "copy");
}

void to_host(char* to, const char* from, std::size_t bytes) {
  std::optional<Lease> room[2];
  std::size_t rooms = 0;
  if (bytes > kDirect)
    while (rooms < 2 && rooms * kPart < bytes) {
      room[rooms].emplace(std::min(kPart, bytes));
      if (!*room[rooms]) break;
      ++rooms;
    }
  if (rooms == 0) return read_back(to, from, bytes, "copy");
  const std::size_t parts = (bytes + kPart - 1) / kPart;
  const auto length = [&](std::size_t part) { return std::min(kPart, bytes - part * kPart); };
  for (std::size_t step = 0; step < parts + rooms - 1; ++step) {
    if (step < parts) {
      const Lease& next = *room[step % rooms];
      queue(next.data(), from + step * kPart, length(step));
      next.mark();
    }
    if (step + 1 < rooms) continue;
    const std::size_t part = step + 1 - rooms;
    const Lease& here = *room[part % rooms];
    here.wait("copy");
    std::memcpy(to + part * kPart, here.data(), length(part));
  }
  wait_and_report("copy");
}

// The source's device may have work queued on it, and must not use the memory again too soon.
void between(void* to, const void* from, std::size_t bytes) {
  cudaPointerAttributes where{};
  check(cudaPointerGetAttributes(&where, from), "copy");
  wait_for_device(where.device);
  queue(to, from, bytes);
  make_device_wait(where.device);
}

}  // namespace

void copy(core::Transfer kind, void* to, const void* from, std::size_t bytes, bool early) {
  if (bytes == 0) return;
  switch (kind) {
    case core::Transfer::to_device:
      return to_device(static_cast<char*>(to), static_cast<const char*>(from), bytes, early);
    case core::Transfer::to_host:
      return to_host(static_cast<char*>(to), static_cast<const char*>(from), bytes);
    case core::Transfer::between_devices: return between(to, from, bytes);
  }
}

}  // namespace nnx::cuda
