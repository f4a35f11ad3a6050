// The thread pool. Threads spin for some microseconds between loops, because the loops of a step follow
// each other closely, and then sleep, because steps do not.
//
// A loop's tasks are drawn from one 64-bit ticket: the loop's generation above, the next task below. A
// worker that comes late holds an old generation and cannot draw; the fields of a loop are only written
// while the ticket is closed.
#include "pool.h"

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace soma {
namespace {

constexpr uint32_t CLOSED = 0xffffffff;
constexpr int SPINS = 4000;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

inline uint64_t ticketOf(uint32_t generation, uint32_t task) { return uint64_t(generation) << 32 | task; }

}  // namespace

struct Pool::State {
  std::vector<std::thread> workers;
  std::atomic<uint32_t> generation{0};  // workers sleep on it
  std::atomic<uint64_t> ticket{ticketOf(0, CLOSED)};
  std::atomic<int> remaining{0};  // tasks not yet done; the caller sleeps on it
  std::atomic<int> tasks{0};
  std::atomic<TaskFn> fn{nullptr};
  std::atomic<const void*> body{nullptr};
  std::atomic<bool> stopping{false};

  // Draws and runs tasks of this generation until there are none.
  void work(uint32_t mine, int thread) {
    uint64_t seen = ticket.load(std::memory_order_acquire);
    for (;;) {
      if (uint32_t(seen >> 32) != mine) return;
      const uint32_t task = uint32_t(seen);
      if (task == CLOSED || int(task) >= tasks.load(std::memory_order_acquire)) return;
      if (!ticket.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel, std::memory_order_acquire))
        continue;
      fn.load(std::memory_order_relaxed)(body.load(std::memory_order_relaxed), int(task), thread);
      if (remaining.fetch_sub(1, std::memory_order_acq_rel) == 1) remaining.notify_one();
      seen = ticket.load(std::memory_order_acquire);
    }
  }

  void serve(int thread) {
    uint32_t last = 0;
    for (;;) {
      uint32_t now = generation.load(std::memory_order_acquire);
      for (int i = 0; now == last && i < SPINS; i++) {
        pause();
        now = generation.load(std::memory_order_acquire);
      }
      if (now == last) {
        generation.wait(last, std::memory_order_acquire);
        continue;
      }
      if (stopping.load(std::memory_order_acquire)) return;
      last = now;
      work(now, thread);
    }
  }
};

Pool::Pool(int threads) : state_(new State) {
  for (int thread = 1; thread < threads; thread++)
    state_->workers.emplace_back([this, thread] { state_->serve(thread); });
}

Pool::~Pool() {
  state_->stopping.store(true, std::memory_order_release);
  state_->generation.fetch_add(1, std::memory_order_acq_rel);
  state_->generation.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

int Pool::threads() const { return int(state_->workers.size()) + 1; }

void Pool::runTasks(int tasks, TaskFn fn, const void* body) {
  State& s = *state_;
  if (tasks <= 1 || s.workers.empty()) {
    for (int task = 0; task < tasks; task++) fn(body, task, 0);
    return;
  }
  const uint32_t generation = s.generation.load(std::memory_order_relaxed) + 1;
  s.ticket.store(ticketOf(generation, CLOSED), std::memory_order_relaxed);
  s.fn.store(fn, std::memory_order_relaxed);
  s.body.store(body, std::memory_order_relaxed);
  s.remaining.store(tasks, std::memory_order_relaxed);
  s.tasks.store(tasks, std::memory_order_release);
  s.ticket.store(ticketOf(generation, 0), std::memory_order_release);
  s.generation.store(generation, std::memory_order_release);
  s.generation.notify_all();
  s.work(generation, 0);
  int left = s.remaining.load(std::memory_order_acquire);
  for (int i = 0; left != 0 && i < SPINS; i++) {
    pause();
    left = s.remaining.load(std::memory_order_acquire);
  }
  while (left != 0) {
    s.remaining.wait(left, std::memory_order_acquire);
    left = s.remaining.load(std::memory_order_acquire);
  }
}

}  // namespace soma
