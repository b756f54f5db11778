// NVRTC: see compile.hpp. Of its interface only what is used here is declared; it has been the same
// since version 8.
#include "cuda/compile.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cuda/libraries.hpp"

namespace nnx::cuda {
namespace {

using core::Instr;
using core::InstrKind;
using core::Program;

// --- the text -----------------------------------------------------------------------------------

// What stands alone includes these; NVRTC has no standard library.
constexpr const char* kIntegers = R"(#pragma once
namespace std {
using int8_t = signed char;
using uint8_t = unsigned char;
using int16_t = short;
using uint16_t = unsigned short;
using int32_t = int;
using uint32_t = unsigned int;
using int64_t = long long;
using uint64_t = unsigned long long;
}
)";
constexpr const char* kBit = R"(#pragma once
namespace std {
template <class To, class From>
constexpr To bit_cast(From x) {
  return __builtin_bit_cast(To, x);
}
}
)";
constexpr const char* kMath = R"(#pragma once
constexpr double __builtin_inf() { return __builtin_bit_cast(double, 0x7ff0000000000000ull); }
constexpr double __builtin_huge_val() { return __builtin_inf(); }
constexpr double __builtin_nan(const char*) {
  return __builtin_bit_cast(double, 0x7ff8000000000000ull);
}
)";
struct Header {
  const char *name, *text;
};
constexpr Header kHeaders[] = {
    {"cstdint", kIntegers},
    {"bit", kBit},
    {"cmath", kMath},
#include "sources.inc"  // declare.hpp and convert.hpp with what they include, ops/pointwise.hpp
};
// Names of the declarations, by number.
constexpr const char* kNames[] = {
#include "declared_names.inc"
};

// The parts of the parameter that the text reads, laid out as CompiledArgs has them.
constexpr const char* kHead = R"(#include "core/half.hpp"
#include "cuda/convert.hpp"
#include "cuda/declare.hpp"
#include "ops/pointwise.hpp"
using namespace nnx;
using cuda::Value;
using core::DType;
struct Divisor { unsigned d, factor, shift; };
struct Space {
  int rank, ports;
  bool wide;
  long long count;
  long long extent[12];
  Divisor divisor[12];
  long long stride[12][20];
};
struct Args {
  long long count;
  const unsigned long long* stop;
  char* data[20];
  unsigned long long value[20];
  Space space;
};
template <class T>
T number(unsigned long long bits) {
  T x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
)";
static_assert(core::kMaxRank == 12 && kMaxPorts == 20, "the text above has these numbers");

const char* type_of(Lane lane) {
  constexpr const char* names[] = {"float", "double", "std::int64_t", "std::uint64_t", "bool"};
  return names[static_cast<int>(lane)];
}
std::string text_of(int n) { return std::to_string(n); }
std::string dtype_text(DType t) { return "DType(" + text_of(static_cast<int>(t)) + ")"; }
std::string reg(int r) { return "r" + std::to_string(r); }
std::string number_in(Lane lane, double value) {
  char text[64];
  if (lane == Lane::f32 || lane == Lane::f64) {
    // Exactly: a float constant by its bits.
    std::uint64_t bits = 0;
    if (lane == Lane::f32) {
      const float x = static_cast<float>(value);
      std::uint32_t b;
      std::memcpy(&b, &x, sizeof b);
      bits = b;
    } else {
      std::memcpy(&bits, &value, sizeof bits);
    }
    std::snprintf(text, sizeof text, "number<%s>(0x%" PRIx64 "ull)", type_of(lane), bits);
  } else {
    std::snprintf(text, sizeof text, "(%s)(%.0fll)", type_of(lane), value);
  }
  return text;
}

// One element: loads, instructions, stores; `at(p)` is the text of port p's address.
template <class At>
std::string element_text(const Program& p, const Layouts& l, At at) {
  std::string s;
  for (int i = 0; i < p.inputs; ++i) {
    const int port = p.outputs + i;
    const std::string t = type_of(p.in_lane[i]);
    s += "    Value<" + t + "> " + reg(i) + " = ";
    s += l.fixed[port]
             ? "number<" + t + ">(args.value[" + text_of(port) + "]);\n"
             : "cuda::load_as<" + t + ">(" + at(port) + ", " + dtype_text(l.dtype[port]) + ");\n";
  }
  for (const core::Constant& c : p.constants)
    s += std::string("    Value<") + type_of(c.lane) + "> " + reg(c.reg) + " = " +
         number_in(c.lane, c.value) + ";\n";
  int step = 0;
  std::vector<std::string> now(core::kMaxRegisters);  // the name of each register's present value
  for (int r = 0; r < core::kMaxRegisters; ++r) now[static_cast<std::size_t>(r)] = reg(r);
  const auto value = [&](int r) { return now[static_cast<std::size_t>(r)]; };
  for (const Instr& c : p.code) {
    const std::string name = "y" + text_of(step++);
    switch (c.kind) {
      case InstrKind::apply: {
        s +=
            "    const auto " + name + " = cuda::as_results(pointwise::" + kNames[c.function] + "(";
        for (int k = 0; k < c.arity; ++k) s += (k ? ", " : "") + value(c.src[k]);
        s += "));\n";
        for (int k = 0; k < c.results; ++k)
          now[c.dst[k]] = "pointwise::get<" + text_of(k) + ">(" + name + ")";
        break;
      }
      case InstrKind::cast:
        s += std::string("    const Value<") + type_of(c.to) + "> " + name + " = cuda::convert<" +
             type_of(c.to) + ">(" + value(c.src[0]) + ".v);\n";
        now[c.dst[0]] = name;
        break;
      case InstrKind::round:
        s += std::string("    const Value<") + type_of(c.lane) + "> " + name +
             " = cuda::round_to(" + dtype_text(c.dtype) + ", " + value(c.src[0]) + ".v);\n";
        now[c.dst[0]] = name;
    }
  }
  for (int k = 0; k < p.outputs; ++k)
    s += std::string("    cuda::store_as<") + type_of(p.out_lane[k]) + ">(" + at(k) + ", " +
         dtype_text(l.dtype[k]) + ", " + value(p.out_reg[k]) + ".v);\n";
  return s;
}

std::string kernel_text(const Program& p, const Layouts& l) {
  std::string s = kHead;
  s += "extern \"C\" __global__ void __launch_bounds__(" + text_of(kCompiledThreads) +
       ") program(const __grid_constant__ Args args) {\n"
       "  if (args.stop && *args.stop) return;\n"
       "  const long long step = (long long)gridDim.x * blockDim.x;\n"
       "  long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;\n";
  const int ports = p.outputs + p.inputs;
  if (l.flat) {
    // Four elements a thread, a grid apart: loads of all four are under way together.
    s += "#pragma unroll 4\n  for (; i < args.count; i += step) {\n";
    s += element_text(p, l, [&](int port) {
      return "args.data[" + text_of(port) + "] + i * " + text_of(int(bytes_of(l.dtype[port])));
    });
  } else {
    s += "  for (; i < args.count; i += step) {\n";
    for (int k = 0; k < ports; ++k)
      if (!l.fixed[k]) s += "    long long o" + text_of(k) + " = 0;\n";
    s += "    long long rest = i;\n"
         "    for (int a = 0; a < args.space.rank; ++a) {\n"
         "      long long at = rest;\n"
         "      if (a + 1 < args.space.rank) {\n"
         "        const Divisor& d = args.space.divisor[a];\n"
         "        const long long q = args.space.wide ? rest / args.space.extent[a]\n"
         "          : (long long)((__umulhi((unsigned)rest, d.factor) + (unsigned)rest) >> "
         "d.shift);\n"
         "        at = rest - q * args.space.extent[a];\n"
         "        rest = q;\n"
         "      }\n";
    for (int k = 0; k < ports; ++k)
      if (!l.fixed[k])
        s += "      o" + text_of(k) + " += at * args.space.stride[a][" + text_of(k) + "];\n";
    s += "    }\n";
    s += element_text(
        p, l, [&](int port) { return "args.data[" + text_of(port) + "] + o" + text_of(port); });
  }
  return s + "  }\n}\n";
}

// --- the compiler -------------------------------------------------------------------------------

using Handle = struct ProgramHandle*;
struct Compiler {
  int (*create)(Handle*, const char* text, const char* name, int headers, const char* const* texts,
                const char* const* names) = nullptr;
  int (*compile)(Handle, int options, const char* const* option) = nullptr;
  int (*cubin_size)(Handle, std::size_t*) = nullptr;
  int (*cubin)(Handle, char*) = nullptr;
  int (*log_size)(Handle, std::size_t*) = nullptr;
  int (*log)(Handle, char*) = nullptr;
  int (*destroy)(Handle*) = nullptr;
  int (*version)(int*, int*) = nullptr;
  bool there = false;
  int major = 0, minor = 0;
};

const Compiler& compiler() {
  static const Compiler all = [] {
    Compiler c;
    SharedLibrary file("libnvrtc.so.13");
    file.find(c.create, "nvrtcCreateProgram");
    file.find(c.compile, "nvrtcCompileProgram");
    file.find(c.cubin_size, "nvrtcGetCUBINSize");
    file.find(c.cubin, "nvrtcGetCUBIN");
    file.find(c.log_size, "nvrtcGetProgramLogSize");
    file.find(c.log, "nvrtcGetProgramLog");
    file.find(c.destroy, "nvrtcDestroyProgram");
    file.find(c.version, "nvrtcVersion");
    c.there = file.complete() && c.version(&c.major, &c.minor) == 0;
    return c;
  }();
  return all;
}

// The cubin, or nothing. With NNX_CUDA_DEBUG the compiler's complaint is printed.
std::string compile_text(const std::string& text, const std::string& architecture) {
  const Compiler& c = compiler();
  std::vector<const char*> names, texts;
  for (const Header& h : kHeaders) {
    names.push_back(h.name);
    texts.push_back(h.text);
  }
  Handle program = nullptr;
  if (c.create(&program, text.c_str(), "program.cu", static_cast<int>(names.size()), texts.data(),
               names.data()) != 0)
    return {};
  const std::string target = "-arch=sm_" + architecture;
  const char* options[] = {"--std=c++20", "--fmad=false", "-default-device", target.c_str()};
  std::string cubin;
  std::size_t size = 0;
  if (c.compile(program, static_cast<int>(std::size(options)), options) == 0) {
    if (c.cubin_size(program, &size) == 0 && size > 0) {
      cubin.resize(size);
      if (c.cubin(program, cubin.data()) != 0) cubin.clear();
    }
  } else if (std::getenv("NNX_CUDA_DEBUG") && c.log_size(program, &size) == 0) {
    std::string log(size, '\0');
    if (c.log(program, log.data()) == 0)
      std::fprintf(stderr, "%s\n%s\n", text.c_str(), log.c_str());
  }
  c.destroy(&program);
  return cubin;
}

// --- the cache on disk --------------------------------------------------------------------------

std::uint64_t hash_of(std::string_view text, std::uint64_t h = 0xcbf29ce484222325) {
  for (const char x : text) h = (h ^ static_cast<unsigned char>(x)) * 0x100000001b3;
  return h;
}
std::string cache_folder() {
  std::string folder;
  if (const char* named = std::getenv("NNX_CACHE"); named && *named) folder = named;
  else if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg && *xdg)
    folder = std::string(xdg) + "/nnx";
  else if (const char* home = std::getenv("HOME"); home && *home)
    folder = std::string(home) + "/.cache/nnx";
  return folder.empty() ? folder : folder + "/cuda";
}
void make_folder(const std::string& path) {
  for (std::size_t at = 1; at != path.npos && at < path.size(); ++at) {
    at = path.find('/', at);
    mkdir(path.substr(0, at).c_str(), 0777);
    if (at == path.npos) break;
  }
}
std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return file ? std::string(std::istreambuf_iterator<char>(file), {}) : std::string();
}
// Whole or not at all, whoever else writes it.
void write_file(const std::string& path, const std::string& content) {
  const std::string part = path + "." + std::to_string(getpid());
  {
    std::ofstream file(part, std::ios::binary);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    if (!file) {
      unlink(part.c_str());
      return;
    }
  }
  if (rename(part.c_str(), path.c_str()) != 0) unlink(part.c_str());
}

std::string cubin_of(const std::string& text) {
  const std::string architecture = std::to_string(capability());
  static const std::uint64_t headers = [] {
    std::uint64_t h = hash_of("");
    for (const Header& header : kHeaders) h = hash_of(header.text, h);
    return h;
  }();
  const Compiler& c = compiler();
  char name[96];
  std::snprintf(name, sizeof name, "%016" PRIx64 "%016" PRIx64 "-%d.%d-sm%s.cubin", headers,
                hash_of(text), c.major, c.minor, architecture.c_str());
  const std::string folder = cache_folder();
  if (!folder.empty())
    if (std::string found = read_file(folder + "/" + name); !found.empty()) return found;
  std::string made = compile_text(text, architecture);
  if (!made.empty() && !folder.empty()) {
    make_folder(folder);
    write_file(folder + "/" + name, made);
  }
  return made;
}

// --- kernels in use -----------------------------------------------------------------------------

constexpr int64_t kLarge = int64_t{1} << 18;  // elements for which a first call compiles
constexpr int kOften = 16;                    // calls after which a small one does

struct Entry {
  int calls = 0;
  bool tried = false;
  const void* kernel = nullptr;
};
std::string key_of(const Program& p, const Layouts& l) {
  std::string key;
  const auto add = [&](const auto& x) { key.append(reinterpret_cast<const char*>(&x), sizeof x); };
  add(device_in_use());
  add(p.inputs);
  add(p.outputs);
  add(l.flat);
  for (int k = 0; k < p.outputs; ++k) {
    add(p.out_lane[k]);
    add(p.out_reg[k]);
  }
  for (int i = 0; i < p.inputs; ++i) add(p.in_lane[i]);
  for (int k = 0; k < p.outputs + p.inputs; ++k) {
    add(l.dtype[k]);
    add(l.fixed[k]);
  }
  for (const auto& c : p.constants) {
    add(c.reg);
    add(c.lane);
    add(c.value);
  }
  for (const auto& c : p.code) {
    add(c.kind);
    add(c.lane);
    add(c.to);
    add(c.dtype);
    add(c.function);
    key.append(reinterpret_cast<const char*>(c.src), c.arity ? c.arity : 1);
    key.append(reinterpret_cast<const char*>(c.dst), c.results);
  }
  return key;
}

}  // namespace

bool compiler_is_there() { return compiler().there; }

const char* program_text(const Program& program, const Layouts& layouts) {
  static thread_local std::string text;
  text = kernel_text(program, layouts);
  return text.c_str();
}

const void* compiled_kernel(const Program& program, const Layouts& layouts, int64_t count) {
  if (!compiler().there) return nullptr;
  static std::mutex mutex;
  static auto& entries = *new std::unordered_map<std::string, Entry>;
  const std::string key = key_of(program, layouts);
  const std::lock_guard lock(mutex);
  Entry& entry = entries[key];
  if (entry.tried || (count < kLarge && ++entry.calls < kOften)) return entry.kernel;
  entry.tried = true;
  static auto& cubins = *new std::vector<std::string>;  // stay where they were loaded from
  cubins.push_back(cubin_of(kernel_text(program, layouts)));
  if (!cubins.back().empty()) entry.kernel = load_kernel(cubins.back().data(), "program");
  return entry.kernel;
}

}  // namespace nnx::cuda
