// What an engine and a session hold: the threads and kernels, and the memory that programs share.
#pragma once
#include <memory>
#include <mutex>
#include <vector>
#include "isa.h"
#include "memory.h"
#include "pool.h"

namespace soma {

struct Engine {
  Engine(const Isa& isa, int threads) : isa(isa), pool(threads), serial(1) {}

  const Isa& isa;
  Pool pool;
  Pool serial;  // for kernels that a thread of the pool runs by itself; holds no state of its own
  std::mutex running;  // one program at a time has the threads
};

// Variables live as long as the session and never move. The rest is shared by the programs of the session,
// which run one at a time, grows when a program is loaded, and may then move: the arena, the scratch memory
// of a kernel, temporary memory between the kernels of one step, what a micro-batch needs (once for each
// thread), and the sums over micro-batches.
class Session {
 public:
  explicit Session(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}

  Engine& engine() { return *engine_; }

  // Adds a variable of zeros and returns its index.
  int addVariable(size_t bytes) {
    variables_.emplace_back(bytes);
    return int(variables_.size()) - 1;
  }
  const Memory& variable(int index) const { return variables_.at(size_t(index)); }

  void reserveArena(size_t bytes) { grow(arena_, bytes); }
  void reserveScratch(size_t bytes) { grow(scratch_, bytes); }
  void reserveTemporary(size_t bytes) { grow(temporary_, bytes); }
  void reserveMicro(size_t bytes) { grow(micro_, bytes); }
  void reserveSlots(size_t bytes) { grow(slots_, bytes); }
  char* arena() const { return arena_.data(); }
  char* scratch() const { return scratch_.data(); }
  char* temporary() const { return temporary_.data(); }
  char* micro() const { return micro_.data(); }
  char* slots() const { return slots_.data(); }
  size_t arenaBytes() const { return arena_.bytes(); }
  size_t scratchBytes() const { return scratch_.bytes(); }
  size_t temporaryBytes() const { return temporary_.bytes(); }
  size_t microBytes() const { return micro_.bytes(); }
  size_t slotBytes() const { return slots_.bytes(); }

  // Frees all memory; programs of a closed session cannot run.
  void close() {
    closed_ = true;
    variables_.clear();
    arena_ = Memory();
    scratch_ = Memory();
    temporary_ = Memory();
    micro_ = Memory();
    slots_ = Memory();
  }
  bool closed() const { return closed_; }

 private:
  static void grow(Memory& memory, size_t bytes) {
    if (bytes <= memory.bytes()) return;
    memory = Memory();  // given back first, so that the two are never held together
    memory = Memory(bytes);
  }

  std::shared_ptr<Engine> engine_;
  std::vector<Memory> variables_;
  Memory arena_, scratch_, temporary_, micro_, slots_;
  bool closed_ = false;
};

}  // namespace soma
