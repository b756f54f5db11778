// Order statistics of rows without sorting them: the first few, the middle, any stretch of places.
// Few first places are found by one pass that keeps the best so far, in order. Others by digits
// from the top: the digit of the place wanted is known from counts, and only the elements that
// share it are looked at again; what lies in the stretch is then sorted. Invariants: as in a stable
// sort, equal elements stand in the order of their positions, so the answer is unique.
#include <cstdint>

#include "cpu/kernels_decl.hpp"
#include "cpu/sort_items.hpp"

namespace nnx::cpu {
namespace {

constexpr std::int64_t kFew = 32;    // places kept in order while passing by
constexpr std::int64_t kBlock = 64;  // elements that are looked over together

template <bool kDescending, class T>
inline auto key_of(T x) {
  using K = Keys<T>;
  using Key = typename K::Key;
  return Key(K::template of<true>(x) ^ (kDescending ? ~Key(0) : Key(0)));
}

template <bool kDescending, class T>
void first_few(const T* x, std::int64_t n, std::int64_t count, std::int64_t* indices) {
  using Key = typename Keys<T>::Key;
  Key best[kFew];
  std::int64_t held = 0;
  const auto insert = [&](Key key, std::int64_t i) {
    std::int64_t at = held < count ? held++ : count - 1;
    for (; at > 0 && best[at - 1] > key; --at) {
      best[at] = best[at - 1];
      indices[at] = indices[at - 1];
    }
    best[at] = key;
    indices[at] = i;
  };
  std::int64_t i = 0;
  for (; i < count; ++i) insert(key_of<kDescending>(x[i]), i);
  while (i < n) {
    const std::int64_t end = std::min(n, i + kBlock);
    if (end - i == kBlock) {
      const Key limit = best[count - 1];
      Key any = 0;
      for (std::int64_t j = 0; j < kBlock; ++j) any |= key_of<kDescending>(x[i + j]) < limit;
      if (!any) {
        i = end;
        continue;
      }
    }
    for (; i < end; ++i)
      if (const Key key = key_of<kDescending>(x[i]); key < best[count - 1]) insert(key, i);
  }
}

// The key at a place of the order, and how many keys are smaller.
template <class Key>
struct Place {
  Key key;
  std::int64_t smaller;
};
template <bool kDescending, int kStep, class T>
auto key_at_place(const T* x, std::int64_t n, std::int64_t place) {
  using Key = typename Keys<T>::Key;
  constexpr int kBits = 8 * sizeof(Key);
  std::int64_t smaller = 0;
  std::unique_ptr<Key[]> held(new Key[static_cast<std::size_t>(n)]);
  std::int64_t left = n;
  int shift = kBits - kStep;
  for (bool whole = true;; whole = false) {
    constexpr std::size_t kCounts = std::size_t{1} << kStep;
    std::uint32_t counts[2][kCounts] = {};  // two, so that equal neighbours do not wait
    const auto digit = [shift](Key key) {
      return static_cast<std::size_t>(key >> shift) & (kCounts - 1);
    };
    const auto each = [&](auto&& f) {
      if (whole)
        for (std::int64_t i = 0; i < n; ++i) f(key_of<kDescending>(x[i]), i);
      else
        for (std::int64_t i = 0; i < left; ++i) f(held[i], i);
    };
    each([&](Key key, std::int64_t i) { ++counts[i & 1][digit(key)]; });
    std::size_t d = 0;
    for (;; ++d) {
      const std::int64_t here = std::int64_t{counts[0][d]} + counts[1][d];
      if (smaller + here > place) break;
      smaller += here;
    }
    std::int64_t kept = 0;
    each([&](Key key, std::int64_t) {
      held[kept] = key;
      kept += digit(key) == d;
    });
    left = kept;
    if (shift == 0) return Place<Key>{held[0], smaller};
    if (left <= kRanked) {
      const std::int64_t at = place - smaller;
      std::nth_element(held.get(), held.get() + at, held.get() + left);
      const Key key = held[at];
      for (std::int64_t i = 0; i < left; ++i) smaller += held[i] < key;
      return Place<Key>{key, smaller};
    }
    shift = std::max(0, shift - kStep);
  }
}

constexpr std::int64_t kShort = 1 << 13;

template <bool kDescending, class T>
auto key_by_bits(const T* x, std::int64_t n, std::int64_t place) {
  using Key = typename Keys<T>::Key;
  Key* keys = static_cast<Key*>(scratch(static_cast<std::size_t>(n) * sizeof(Key), Slot::extra));
  for (std::int64_t i = 0; i < n; ++i) keys[i] = key_of<kDescending>(x[i]);
  const auto smaller = [&](Key key) {
    Key count = 0;
    for (std::int64_t i = 0; i < n; ++i) count += keys[i] < key;
    return static_cast<std::int64_t>(count);
  };
  Key found = 0;  // the largest key with no more than `place` smaller ones
  for (Key bit = Key(1) << (8 * sizeof(Key) - 1); bit; bit >>= 1)
    if (smaller(found | bit) <= place) found |= bit;
  return Place<Key>{found, smaller(found)};
}

template <bool kDescending, class T>
void stretch(const T* x, std::int64_t n, std::int64_t first, std::int64_t count,
             std::int64_t* indices) {
  using Key = typename Keys<T>::Key;
  const auto at_place = [&](std::int64_t place) {
    constexpr std::int64_t kLong = 1 << 14;  // rows in which fewer passes are worth more counters
    if (sizeof(Key) == 4 && n <= kShort) return key_by_bits<kDescending>(x, n, place);
    return n < kLong ? key_at_place<kDescending, 8>(x, n, place)
                     : key_at_place<kDescending, 11>(x, n, place);
  };
  const auto high = at_place(first + count - 1);
  if (count == 1) {
    std::int64_t skipped = first - high.smaller;
    for (std::int64_t i = 0; i < n; ++i)
      if (key_of<kDescending>(x[i]) == high.key && skipped-- == 0) {
        *indices = i;
        return;
      }
  }
  const auto low = first == 0 ? Place<Key>{0, 0} : at_place(first);
  // Positions of what lies between, in order of position; then of key.
  std::unique_ptr<std::int64_t[]> between(new std::int64_t[static_cast<std::size_t>(n) + 1]);
  std::int64_t found = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const Key key = key_of<kDescending>(x[i]);
    between[found] = i;
    found += key >= low.key && key <= high.key;
  }
  const std::int64_t skipped = first - low.smaller;
  if (low.key == high.key) {  // all tied: they are in order
    std::copy(between.get() + skipped, between.get() + skipped + count, indices);
    return;
  }
  const Room<Pair> room(found);
  Pair* a = room.data();
  const std::uint64_t varying = fill(a, found, [&](std::int64_t i) {
    const std::int64_t at = between[i];
    return Pair{key_of<kDescending>(x[at]), static_cast<std::uint64_t>(at)};
  });
  const Pair* sorted = sort_items(a, a + found, found, varying);
  for (std::int64_t i = 0; i < count; ++i)
    indices[i] = static_cast<std::int64_t>(sorted[skipped + i].index);
}

template <bool kDescending, class T>
void ranked_rows(std::int64_t rows, std::int64_t n, std::int64_t first, std::int64_t count,
                 const T* x, std::int64_t* indices) {
  for_ranges(rows, grain_for(n * 8), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      if (first == 0 && count <= kFew)
        first_few<kDescending>(x + r * n, n, count, indices + r * count);
      else stretch<kDescending>(x + r * n, n, first, count, indices + r * count);
    }
  });
}

}  // namespace

void ranked(bool descending, core::Lane lane, std::int64_t rows, std::int64_t n, std::int64_t first,
            std::int64_t count, const void* x, std::int64_t* indices) {
  if (rows <= 0 || n <= 0 || count <= 0) return;
  with_lane(lane, [&]<class T>(T) {
    if constexpr (!std::is_same_v<T, bool>) {
      const auto run = descending ? ranked_rows<true, T> : ranked_rows<false, T>;
      run(rows, n, first, count, static_cast<const T*>(x), indices);
    }
  });
}

}  // namespace nnx::cpu
