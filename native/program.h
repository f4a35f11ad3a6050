// A program: a plan as kernel calls that are ready to run. Everything is decoded, checked and allocated when
// it is loaded; a run allocates nothing.
//
// The words (src/engine/native/encode.ts writes them):
//   version, steps, first update step,
//   loop: first step, step after the last, micro-batches, slots    (all 0 without one)
//   memory, in units: temporary, micro (for a thread), prepared, slots
//   guards, checks, calls
//   each guard:  buffer, number of floats
//   each check:  step, buffer, number of floats    (what a step writes; in order of steps)
//   each call:   step, phase, kernel (index into names), buffers, ints, floats, then these lists
// A phase is 0 in order, 1 when variables have changed, 2 after the loop.
// A buffer is three words: region, the variable's index or the offset in units of 64 bytes, and a stride in
// bytes: from one micro-batch to the next, or from one slot to the next. Floats are their bits.
//
// The loop: a slot is a run of neighbouring micro-batches, and a task of the pool. All kernels of a
// micro-batch run on the thread that has the slot, on memory of that thread.
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

  // One step. `prepare` says that variables have changed since the last run. `seconds`, if not null, holds one
  // number a step; those of a loop are the mean over threads. Call from any one thread.
  RunOutcome run(bool prepare, bool check, double* seconds);

  Session& session() { return *session_; }
  const Memory& io() const { return io_; }
  int steps() const { return steps_; }
  void closeIo() { io_ = Memory(); }

 private:
  enum Region : int32_t { NONE, VARIABLE, ARENA, IO, TEMPORARY, MICRO, PREPARED, SLOTS };
  enum Phase : int32_t { NORMAL, PREPARE, FINISH, PHASES };
  struct Buffer {
    int32_t region, index, stride;
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
  struct Loop {
    int first, end, count, slots;
    bool holds(int step) const { return step >= first && step < end; }
  };
  // Who runs a call, and on which part of the batch: all threads, or one alone inside the loop.
  struct Place {
    bool alone = false;
    int thread = 0, slot = 0, micro = 0;
  };

  void checkBuffer(const Buffer& buffer, size_t bytes) const;
  void* address(const Buffer& buffer, const Place& place) const;
  Call callOf(const PlannedCall& planned, const Place& place);
  int stepToGuard(const Buffer& buffer) const;
  void reserveScratch();
  bool finite(const Floats& floats, const Place& place);
  void runCall(const PlannedCall& planned, const Place& place, double* seconds);
  void runAll(const std::vector<PlannedCall>& calls, double* seconds);
  void runLoop(double* seconds);
  int checkLoop();
  bool sums(int step) const;
  void clearSlots();
  int firstMicro(int slot) const { return int(int64_t(loop_.count) * slot / loop_.slots); }

  std::shared_ptr<Session> session_;
  Memory io_, prepared_;
  int steps_, firstUpdate_;
  Loop loop_;
  size_t microBytes_ = 0, slotBytes_ = 0;  // of a thread; of all slots
  size_t loopScratch_ = 0;                 // of a thread
  std::vector<Floats> guards_, checks_;
  std::vector<PlannedCall> calls_[PHASES];  // in order of steps
  size_t loopCalls_ = 0, loopCallsEnd_ = 0; // the loop's among calls_[NORMAL]
  std::vector<Buffer> buffers_;
  std::vector<void*> addresses_;            // for each thread, one a buffer
  std::vector<double> threadSeconds_;       // for each thread, one a step
  std::vector<int32_t> ints_;
  std::vector<float> floats_;
};

}  // namespace soma
