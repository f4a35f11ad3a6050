// A fixed team of threads. One parallel loop at a time; the caller takes part in it.
#pragma once
#include <memory>

namespace soma {

class Pool {
 public:
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int threads() const;

  // Calls body(task, thread) once for each task in [0, tasks), in any order; returns when all are done.
  // `thread` is in [0, threads()) and is never in two calls at once: use it to pick private scratch.
  template <class Body>
  void run(int tasks, const Body& body) {
    runTasks(tasks, &trampoline<Body>, &body);
  }

 private:
  using TaskFn = void (*)(const void* body, int task, int thread);
  template <class Body>
  static void trampoline(const void* body, int task, int thread) {
    (*static_cast<const Body*>(body))(task, thread);
  }
  void runTasks(int tasks, TaskFn fn, const void* body);
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soma
