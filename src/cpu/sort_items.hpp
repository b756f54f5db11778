// Sorting items by unsigned keys: what sort.cpp and ranked.cpp share.
// Every element becomes an unsigned key of the same order (NaN above everything), which is sorted
// by radix in long rows and by rank in short ones; both are stable.
// Invariants: with ties, -0 has the key of 0 and all NaN share one. How the work is cut depends on
// the number of items alone.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "cpu/rows.hpp"
#include "cpu/vec.hpp"

namespace nnx::cpu::inline NNX_LEVEL {

inline constexpr int kDigit = 8;  // bits a pass sorts by
inline constexpr int kBuckets = 1 << kDigit;
inline constexpr std::int64_t kRanked = 2 * kVectorBytes;  // rows up to here are sorted by rank
inline constexpr std::int64_t kParallel = 65536;           // rows from here by several threads
inline constexpr std::int64_t kMaxChunks = 16;
inline constexpr std::int64_t kCached = 1 << 14;  // items that stay in the second-level cache

// --- keys -------------------------------------------------------------------------------------

template <class T>
using KeyOf = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

template <class T>
struct Keys {
  using Key = KeyOf<T>;
  static constexpr Key kTop = Key(1) << (8 * sizeof(T) - 1);
  static constexpr Key kNan = ~Key(0);
  static constexpr Key kZero = kTop;  // of +0; -0 is just below

  template <bool kTies>
  static Key of(T x) {
    const Key bits = std::bit_cast<Key>(x);
    if constexpr (std::is_floating_point_v<T>) {
      if (kTies && x == T(0)) return kZero;
      const Key key = bits & kTop ? ~bits : bits | kTop;
      return x != x ? kNan : key;
    } else {
      return std::is_signed_v<T> ? bits ^ kTop : bits;
    }
  }
  static T value(Key key) {
    if constexpr (std::is_floating_point_v<T>)
      return std::bit_cast<T>(key & kTop ? key & ~kTop : ~key);
    else return std::bit_cast<T>(std::is_signed_v<T> ? key ^ kTop : key);
  }
};

// What is moved while sorting; Bits says which of its bits decide the order.
struct Pair {
  std::uint64_t key, index;
};
template <class Item>
struct Bits {
  static constexpr int shift = 0, count = 8 * sizeof(Item);
  static std::uint64_t of(Item a) { return a; }
};
template <>
struct Bits<Pair> {
  static constexpr int shift = 0, count = 64;
  static std::uint64_t of(Pair a) { return a.key; }
};
// A 32 bit key above a 32 bit position.
struct Packed {
  std::uint64_t bits;
};
template <>
struct Bits<Packed> {
  static constexpr int shift = 32, count = 32;
  static std::uint64_t of(Packed a) { return a.bits; }
};

// --- sorting items ----------------------------------------------------------------------------

// Every item goes where the number of smaller ones says; equal ones follow each other. The inner
// loop is one comparison a lane, without branches. Returns b.
template <class Item>
Item* rank_sort(const Item* a, Item* b, std::int64_t n) {
  using Key = std::conditional_t<Bits<Item>::count == 32, std::uint32_t, std::uint64_t>;
  constexpr std::int64_t kPad = 16;
  Key keys[kRanked];
  std::uint8_t equals[kRanked] = {};
  const std::int64_t padded = (n + kPad - 1) / kPad * kPad;
  for (std::int64_t i = 0; i < n; ++i)
    keys[i] = static_cast<Key>(Bits<Item>::of(a[i]) >> Bits<Item>::shift);
  std::fill(keys + n, keys + padded, ~Key(0));  // smaller than none
  for (std::int64_t i = 0; i < n; ++i) {
    Key smaller = 0;
    for (std::int64_t j = 0; j < padded; ++j) smaller += keys[j] < keys[i];
    b[smaller + equals[smaller]++] = a[i];
  }
  return b;
}

// Moves a to b in the order of the digit at `shift`, equal ones in their order; start[d] is where
// digit d begins. In a chunk items keep their order, and a bucket takes the chunks in order.
template <class Item>
void sort_digit(const Item* a, Item* b, std::int64_t n, int shift, std::int64_t* start) {
  const std::int64_t chunks = n < kParallel ? 1 : std::min(kMaxChunks, n / (kParallel / 2));
  const std::int64_t grain = (n + chunks - 1) / chunks;
  std::int64_t counts[kMaxChunks][kBuckets];
  const auto digit = [shift](Item item) {
    return static_cast<std::size_t>((Bits<Item>::of(item) >> shift) & (kBuckets - 1));
  };
  for_ranges(n, grain, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t* count = counts[begin / grain];
    std::fill(count, count + kBuckets, 0);
    for (std::int64_t i = begin; i < end; ++i) ++count[digit(a[i])];
  });
  std::int64_t at = 0;
  for (int bucket = 0; bucket < kBuckets; ++bucket) {
    start[bucket] = at;
    for (std::int64_t c = 0; c * grain < n; ++c) at += std::exchange(counts[c][bucket], at);
  }
  start[kBuckets] = at;
  for_ranges(n, grain, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t* place = counts[begin / grain];
    for (std::int64_t i = begin; i < end; ++i) b[place[digit(a[i])]++] = a[i];
  });
}

// Least significant digit first; digits that are equal everywhere are skipped.
template <class Item>
Item* radix_sort(Item* a, Item* b, std::int64_t n, std::uint64_t varying) {
  std::int64_t start[kBuckets + 1];
  for (int shift = Bits<Item>::shift; shift < Bits<Item>::shift + Bits<Item>::count;
       shift += kDigit) {
    if (((varying >> shift) & (kBuckets - 1)) == 0) continue;
    sort_digit(a, b, n, shift, start);
    std::swap(a, b);
  }
  return a;
}

// Items that fill more than a cache: by the most significant digit that varies, then each of its
// buckets by itself. The result stands in `to`, which is a or b.
template <class Item>
void sort_buckets(Item* a, Item* b, std::int64_t n, std::uint64_t varying, Item* to) {
  if (n <= kCached || varying == 0) {
    const Item* sorted = n <= kRanked ? rank_sort(a, b, n) : radix_sort(a, b, n, varying);
    if (sorted != to) std::copy(sorted, sorted + n, to);
    return;
  }
  const int shift = std::max(static_cast<int>(std::bit_width(varying)) - kDigit, Bits<Item>::shift);
  std::int64_t start[kBuckets + 1];
  sort_digit(a, b, n, shift, start);
  const std::uint64_t rest = varying & ((std::uint64_t{1} << shift) - 1);
  for_ranges(kBuckets, n < kParallel ? kBuckets : 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t d = begin; d < end; ++d) {
      const std::int64_t at = start[d], count = start[d + 1] - at;
      if (count) sort_buckets(b + at, a + at, count, rest, to + at);
    }
  });
}

// Sorts a with the help of b; the result is in one of them.
template <class Item>
Item* sort_items(Item* a, Item* b, std::int64_t n, std::uint64_t varying) {
  if (n <= kRanked) return rank_sort(a, b, n);
  if (n <= kCached) return radix_sort(a, b, n, varying);
  const std::uint64_t all = ~std::uint64_t{0} >> (64 - Bits<Item>::count);
  sort_buckets(a, b, n, varying & all << Bits<Item>::shift, a);
  return a;
}

// f(begin, end) over the elements of a row, by several threads when it is long.
template <class F>
void for_elements(std::int64_t n, F&& f) {
  for_ranges(n, std::max<std::int64_t>(kParallel / 2, (n + kMaxChunks - 1) / kMaxChunks), f);
}

// Room for two times n items: from the thread's scratch when it is small.
template <class Item>
class Room {
 public:
  explicit Room(std::int64_t n) {
    const std::size_t items = 2 * static_cast<std::size_t>(n);
    if (items * sizeof(Item) > (std::size_t{1} << 18)) owned_.reset(new Item[items]);
    data_ = owned_ ? owned_.get() : static_cast<Item*>(scratch(items * sizeof(Item), Slot::work));
  }
  Item* data() const { return data_; }

 private:
  Item* data_;
  std::unique_ptr<Item[]> owned_;
};

// The bits in which items differ, from their bitwise and and or.
struct Varying {
  std::uint64_t all = ~std::uint64_t{0}, some = 0;
  void add(std::uint64_t bits) {
    all &= bits;
    some |= bits;
  }
  void add(const Varying& o) {
    all &= o.all;
    some |= o.some;
  }
  std::uint64_t bits() const { return some & ~all; }
};

// a[i] = make(i), and the bits that vary.
template <class Item, class Make>
std::uint64_t fill(Item* a, std::int64_t n, Make make) {
  Varying parts[kMaxChunks];
  const std::int64_t grain =
      std::max<std::int64_t>(kParallel / 2, (n + kMaxChunks - 1) / kMaxChunks);
  for_elements(n, [&](std::int64_t begin, std::int64_t end) {
    Varying varying;
    for (std::int64_t i = begin; i < end; ++i) {
      a[i] = make(i);
      varying.add(Bits<Item>::of(a[i]));
    }
    parts[begin / grain] = varying;
  });
  Varying varying;
  for (std::int64_t i = 0; i * grain < n; ++i) varying.add(parts[i]);
  return varying.bits();
}

}  // namespace nnx::cpu::inline NNX_LEVEL
