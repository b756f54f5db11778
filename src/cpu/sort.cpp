// Stable sorting of rows: values, positions or both.
// Every element becomes an unsigned key of the same order (NaN above everything; complemented when
// descending), which is sorted by radix in long rows and by rank in short ones; a stable order
// is unique, so how the work is cut cannot be seen.
// Invariants: with positions, -0 has the key of 0 and all NaN share one, so ties keep their order.
// Without, keys tell -0 from 0 (they must give the values back), and the zeros and NaN of the
// result are written again in the order they came in. x is not the memory of a result.
#include <cstdint>
#include <utility>

#include "cpu/kernels_decl.hpp"
#include "cpu/sort_items.hpp"

namespace nnx::cpu {
namespace {

// Writes the elements of x that `which` picks at `to`, in their order.
template <class T, class Which>
void rewrite(const T* x, std::int64_t n, T* to, std::int64_t count, Which which) {
  T* const end = to + count;
  for (std::int64_t i = 0; i < n && to < end; ++i)
    if (which(x[i])) *to++ = x[i];
}

template <bool kDescending, class T>
void sort_values(const T* x, std::int64_t n, T* values) {
  using K = Keys<T>;
  using Key = typename K::Key;
  constexpr Key flip = kDescending ? ~Key(0) : Key(0);
  const Room<Key> room(n);
  Key* a = room.data();
  const std::uint64_t varying =
      fill(a, n, [x](std::int64_t i) { return Key(K::template of<false>(x[i]) ^ flip); });
  const Key* sorted = sort_items(a, a + n, n, varying);
  for_elements(n, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) values[i] = K::value(Key(sorted[i] ^ flip));
  });
  if constexpr (std::is_floating_point_v<T>) {
    const Key* end = sorted + n;
    const auto range = [&](Key first, Key last) {
      return std::pair(std::lower_bound(sorted, end, first), std::upper_bound(sorted, end, last));
    };
    const Key nan = K::kNan ^ flip, zero = K::kZero ^ flip, minus = Key(K::kZero - 1) ^ flip;
    const auto [nan_first, nan_last] = range(nan, nan);
    if (nan_first < nan_last)
      rewrite(x, n, values + (nan_first - sorted), nan_last - nan_first,
              [](T v) { return v != v; });
    const auto [first, last] = range(std::min(zero, minus), std::max(zero, minus));
    if (first < last && *first != *(last - 1))
      rewrite(x, n, values + (first - sorted), last - first, [](T v) { return v == T(0); });
  }
}

// Eight-byte keys are sorted by 32 of their bits, beside a position: the highest in which any of
// them differ, from bit `shift` up.
template <class KeyAt>
int window(std::int64_t n, KeyAt key_at) {
  Varying varying;
  for (std::int64_t i = 0; i < n; ++i) varying.add(key_at(i));
  return std::max(0, static_cast<int>(std::bit_width(varying.bits())) - 32);
}

// Items in order of those bits, by the bits below them: a few are tied, unless the data is odd.
template <class KeyAt>
void finish(Packed* items, std::int64_t n, KeyAt key_at) {
  constexpr std::uint64_t kIndex = 0xffffffffu;
  const auto before = [&](Packed a, Packed b) {
    const auto i = static_cast<std::int64_t>(a.bits & kIndex);
    const auto j = static_cast<std::int64_t>(b.bits & kIndex);
    const std::uint64_t p = key_at(i), q = key_at(j);
    return p != q ? p < q : i < j;
  };
  for (std::int64_t i = 0, j; i < n; i = j) {
    for (j = i + 1; j < n && (items[j].bits ^ items[i].bits) >> 32 == 0;) ++j;
    if (j - i > 1) std::sort(items + i, items + j, before);
  }
}

template <bool kDescending, class T>
void sort_positions(const T* x, std::int64_t n, T* values, std::int64_t* indices) {
  using K = Keys<T>;
  using Key = typename K::Key;
  constexpr Key flip = kDescending ? ~Key(0) : Key(0);
  const auto run = [&]<class Item>(Item, auto make, auto rest, auto index_of) {
    const Room<Item> room(n);
    Item* a = room.data();
    const std::uint64_t varying = fill(a, n, make);
    Item* sorted = sort_items(a, a + n, n, varying);
    rest(sorted, n);
    for_elements(n, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) indices[i] = index_of(sorted[i]);
      if (values)
        for (std::int64_t i = begin; i < end; ++i) values[i] = x[indices[i]];
    });
  };
  if (n > std::int64_t{0xffffffff}) {
    run(
        Pair{},
        [x](std::int64_t i) {
          return Pair{Key(K::template of<true>(x[i]) ^ flip), static_cast<std::uint64_t>(i)};
        },
        [](const Pair*, std::int64_t) {},
        [](Pair p) { return static_cast<std::int64_t>(p.index); });
    return;
  }
  const auto key_at = [x](std::int64_t i) -> std::uint64_t {
    return Key(K::template of<true>(x[i]) ^ flip);
  };
  const int shift = sizeof(T) == 4 ? 0 : window(n, key_at);
  run(
      Packed{},
      [&](std::int64_t i) {
        return Packed{key_at(i) >> shift << 32 | static_cast<std::uint64_t>(i)};
      },
      [&](Packed* items, std::int64_t count) {
        if (shift) finish(items, count, key_at);
      },
      [](Packed p) { return static_cast<std::int64_t>(p.bits & 0xffffffffu); });
}

// Truth values are counted, not sorted.
template <bool kDescending>
void sort_bools(const bool* x, std::int64_t n, bool* values, std::int64_t* indices) {
  std::int64_t ones = 0;
  for (std::int64_t i = 0; i < n; ++i) ones += x[i];
  const std::int64_t firsts = kDescending ? ones : n - ones;
  if (indices) {
    std::int64_t* to[2] = {indices, indices + firsts};
    for (std::int64_t i = 0; i < n; ++i) *to[x[i] != kDescending]++ = i;
  }
  if (values) {
    std::fill(values, values + firsts, kDescending);
    std::fill(values + firsts, values + n, !kDescending);
  }
}

template <bool kDescending, class T>
void sort_rows(std::int64_t rows, std::int64_t n, const T* x, T* values, std::int64_t* indices) {
  const auto row = [&](std::int64_t r) {
    const T* from = x + r * n;
    T* to = values ? values + r * n : nullptr;
    std::int64_t* at = indices ? indices + r * n : nullptr;
    if constexpr (std::is_same_v<T, bool>) sort_bools<kDescending>(from, n, to, at);
    else if (at) sort_positions<kDescending>(from, n, to, at);
    else sort_values<kDescending>(from, n, to);
  };
  // Few long rows are cut inside, many rows between them.
  if (n >= kParallel && rows < kMaxChunks) {
    for (std::int64_t r = 0; r < rows; ++r) row(r);
    return;
  }
  for_ranges(rows, grain_for(n * 32), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) row(r);
  });
}

}  // namespace

void sort(bool descending, core::Lane lane, std::int64_t rows, std::int64_t n, const void* x,
          void* values, std::int64_t* indices) {
  if (rows <= 0 || n <= 0 || (!values && !indices)) return;
  with_lane(lane, [&]<class T>(T) {
    const auto run = descending ? sort_rows<true, T> : sort_rows<false, T>;
    run(rows, n, static_cast<const T*>(x), static_cast<T*>(values), indices);
  });
}

}  // namespace nnx::cpu
