// A stand-in for NVRTC (libnvrtc.so.13): "compiles" a program with the C++ compiler into a shared
// object that runs the kernel thread after thread; its "cubin" is that object's path. For kernels
// without barriers, of one parameter, named `program`.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <unistd.h>

namespace {
struct Program {
  std::string text, cubin, log;
  std::map<std::string, std::string> headers;
};
// The real standard headers are better than NVRTC's substitutes.
bool substitute(const std::string& name) { return name.find('/') == name.npos; }
constexpr const char* kRun = R"(
extern "C" void standin_program(void** a, unsigned blocks, unsigned threads) {
  gridDim.x = blocks;
  blockDim.x = threads;
  for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x)
    for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x) program(*(const Args*)a[0]);
}
)";
}  // namespace

extern "C" {
int nvrtcVersion(int* major, int* minor) {
  *major = 13;
  *minor = 0;
  return 0;
}
int nvrtcCreateProgram(Program** made, const char* text, const char*, int n, const char* const* texts,
                       const char* const* names) {
  *made = new Program{text, {}, {}, {}};
  for (int i = 0; i < n; ++i) (*made)->headers[names[i]] = texts[i];
  return 0;
}
int nvrtcCompileProgram(Program* p, int, const char* const*) {
  namespace fs = std::filesystem;
  static int count = 0;
  const fs::path folder = fs::path(std::getenv("NNX_STANDIN_COMPILE")) /
                          (std::to_string(getpid()) + "-" + std::to_string(count++));
  for (const auto& [name, text] : p->headers) {
    if (substitute(name)) continue;
    fs::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << text;
  }
  fs::create_directories(folder);
  std::ofstream(folder / "program.cpp") << "#include <cuda_runtime.h>\n" << p->text << kRun;
  const std::string object = (folder / "program.so").string();
  const std::string command = std::string(NNX_STANDIN_CXX) +
                              " -std=c++20 -O1 -w -shared -fPIC -ffp-contract=off -I" + folder.string() +
                              " -I" NNX_STANDIN_INCLUDE " -I" NNX_STANDIN_SOURCE " -o " + object + " " +
                              (folder / "program.cpp").string() + " 2> " + (folder / "log").string();
  if (std::system(command.c_str()) == 0) {
    p->cubin = object + std::string(1, '\0');
    return 0;
  }
  std::ifstream log(folder / "log");
  p->log.assign(std::istreambuf_iterator<char>(log), {});
  return 6;
}
int nvrtcGetCUBINSize(Program* p, std::size_t* n) {
  *n = p->cubin.size();
  return 0;
}
int nvrtcGetCUBIN(Program* p, char* to) {
  std::memcpy(to, p->cubin.data(), p->cubin.size());
  return 0;
}
int nvrtcGetProgramLogSize(Program* p, std::size_t* n) {
  *n = p->log.size() + 1;
  return 0;
}
int nvrtcGetProgramLog(Program* p, char* to) {
  std::memcpy(to, p->log.c_str(), p->log.size() + 1);
  return 0;
}
int nvrtcDestroyProgram(Program** p) {
  delete *p;
  *p = nullptr;
  return 0;
}
}
