// A program: a plan as kernel calls that are ready to run. Everything is decoded, checked and allocated when
// it is loaded; a run allocates nothing.
//
// The words (src/engine/native/encode.ts writes them):
//   version, steps, first update step, temporary memory (in units), guards, checks, calls
//   each guard:  buffer, number of floats
//   each check:  step, buffer, number of floats    (what a step writes; in order of steps)
//   each call:   step, kernel (index into names), buffers, ints, floats, then these lists
// A buffer is two words: region (0 none, 1 variable, 2 arena, 3 io, 4 temporary) and the variable's index or
// the offset in units of 64 bytes. Floats are their bits.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>
#include "session.h"

namespace soma {

struct RunOutcome {
  bool finite = true;
  int nonFiniteStep = -1;  // with check: the first step that wrote a number that is not finite
};

class Program {
 public:
  // Throws std::runtime_error where the words are not a program for this engine.
  Program(std::shared_ptr<Session> session, const int32_t* words, size_t count,
          const std::vector<std::string>& names, size_t ioBytes);

  // One step. `seconds`, if not null, holds one number a step. Call from any one thread.
  RunOutcome run(bool check, double* seconds);

  Session& session() { return *session_; }
  const Memory& io() const { return io_; }
  int steps() const { return steps_; }
  void closeIo() { io_ = Memory(); }

 private:
  enum Region : int32_t { NONE, VARIABLE, ARENA, IO, TEMPORARY };
  struct Buffer {
    int32_t region, index;
  };
  struct Floats {
    int step;
    Buffer buffer;
    size_t count;
  };
  struct PlannedCall {
    int step;
    const Kernel* kernel;
    size_t buffers, bufferCount, ints, floats;  // where its lists start in the arrays below
  };

  void checkBuffer(const Buffer& buffer, size_t bytes) const;
  void* address(const Buffer& buffer) const;
  void resolve();
  bool finite(const Floats& floats);
  Call callOf(const PlannedCall& planned) const;

  std::shared_ptr<Session> session_;
  Memory io_;
  int steps_, firstUpdate_;
  std::vector<Floats> guards_, checks_;
  std::vector<PlannedCall> calls_;
  std::vector<Buffer> buffers_;
  std::vector<void*> addresses_;
  std::vector<int32_t> ints_;
  std::vector<float> floats_;
  size_t arenaBytes_ = 0;
};

}  // namespace soma
