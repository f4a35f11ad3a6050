// The thread pool. Threads spin for some microseconds between loops, because the loops of a step follow
// each other closely, and then sleep, because steps do not.
//
// Each thread has a share of a loop's tasks, the same neighbours in every loop of as many, and helps others when it has
// done its own: so what a thread wrote of an image in one loop is still in its cache when it reads it in the next.
//
// A share's tasks are drawn from a 64-bit ticket: the loop's generation above, the next task below. A worker that comes
// late holds an old generation and cannot draw; the fields of a loop are only written while all tickets are closed.
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

struct alignas(64) Share {
  std::atomic<uint64_t> ticket{ticketOf(0, CLOSED)};
  std::atomic<uint32_t> end{0};
};

}  // namespace

struct Pool::State {
  explicit State(int threads) : shares(size_t(threads)) {}

  std::vector<std::thread> workers;
  std::vector<Share> shares;            // one for each thread
  std::atomic<uint32_t> generation{0};  // workers sleep on it
  std::atomic<int> remaining{0};        // tasks not yet done; the caller sleeps on it
  std::atomic<TaskFn> fn{nullptr};
  std::atomic<const void*> body{nullptr};
  std::atomic<bool> stopping{false};

  // Runs tasks of this generation until there are none: the thread's own, then those of the next threads.
  void work(uint32_t mine, int thread) {
    const size_t count = shares.size();
    for (size_t k = 0; k < count; k++) drain(shares[(size_t(thread) + k) % count], mine, thread);
  }

  void drain(Share& share, uint32_t mine, int thread) {
    uint64_t seen = share.ticket.load(std::memory_order_acquire);
    for (;;) {
      const uint32_t task = uint32_t(seen);
      if (uint32_t(seen >> 32) != mine || task >= share.end.load(std::memory_order_acquire)) return;
      if (!share.ticket.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel, std::memory_order_acquire))
        continue;
      fn.load(std::memory_order_relaxed)(body.load(std::memory_order_relaxed), int(task), thread);
      if (remaining.fetch_sub(1, std::memory_order_acq_rel) == 1) remaining.notify_one();
      seen = share.ticket.load(std::memory_order_acquire);
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

Pool::Pool(int threads) : state_(new State(threads < 1 ? 1 : threads)) {
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
    // Stores around the caches (simd.h) wait for a fence or a locked operation, such as counting tasks that are done.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return;
  }
  const uint32_t generation = s.generation.load(std::memory_order_relaxed) + 1;
  for (Share& share : s.shares) share.ticket.store(ticketOf(generation, CLOSED), std::memory_order_relaxed);
  s.fn.store(fn, std::memory_order_relaxed);
  s.body.store(body, std::memory_order_relaxed);
  s.remaining.store(tasks, std::memory_order_relaxed);
  const int64_t count = int64_t(s.shares.size());
  for (int64_t k = 0; k < count; k++) {
    s.shares[size_t(k)].end.store(uint32_t(tasks * (k + 1) / count), std::memory_order_release);
    s.shares[size_t(k)].ticket.store(ticketOf(generation, uint32_t(tasks * k / count)), std::memory_order_release);
  }
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
