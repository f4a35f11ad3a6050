#include "program.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <stdexcept>

namespace soma {
namespace {

constexpr int32_t VERSION = 3;
constexpr size_t UNIT = 64;

// Reads words one after the other and never beyond the end.
class Reader {
 public:
  Reader(const int32_t* words, size_t count) : next_(words), end_(words + count) {}

  int32_t word() {
    if (next_ == end_) throw std::runtime_error("the program ends too early");
    return *next_++;
  }
  int32_t count() {
    const int32_t n = word();
    if (n < 0 || n > end_ - next_) throw std::runtime_error("the program has a wrong count");
    return n;
  }
  bool atEnd() const { return next_ == end_; }

 private:
  const int32_t* next_;
  const int32_t* end_;
};

void expectCount(const Kernel& kernel, const char* what, int wanted, size_t got) {
  if (wanted >= 0 && size_t(wanted) != got)
    throw std::runtime_error("kernel " + std::string(kernel.name) + ": expected " + std::to_string(wanted) +
                             " " + what + ", got " + std::to_string(got));
}

}  // namespace

Program::Program(std::shared_ptr<Session> session, const int32_t* words, size_t count,
                 const std::vector<std::string>& names, size_t ioBytes)
    : session_(std::move(session)), io_(ioBytes) {
  Reader in(words, count);
  if (in.word() != VERSION) throw std::runtime_error("the program is of another version; run `npm run build`");
  const int threads = session_->engine().pool.threads();
  const auto readBuffer = [&] {
    Buffer buffer{in.word(), 0, 0};
    buffer.index = in.word();
    buffer.stride = in.word();
    return buffer;
  };
  steps_ = in.word();
  firstUpdate_ = in.word();
  loop_.first = in.word();
  loop_.end = in.word();
  loop_.count = in.word();
  loop_.slots = in.word();
  session_->reserveTemporary(size_t(in.word()) * UNIT);
  microBytes_ = size_t(in.word()) * UNIT;
  session_->reserveMicro(microBytes_ * size_t(threads));
  prepared_ = Memory(size_t(in.word()) * UNIT);
  slotBytes_ = size_t(in.word()) * UNIT;
  session_->reserveSlots(slotBytes_);
  const int guards = in.count(), checks = in.count(), calls = in.count();
  for (int i = 0; i < guards; i++) {
    const Buffer buffer = readBuffer();
    guards_.push_back({firstUpdate_, buffer, size_t(in.word())});
  }
  for (int i = 0; i < checks; i++) {
    const int step = in.word();
    const Buffer buffer = readBuffer();
    checks_.push_back({step, buffer, size_t(in.word())});
  }
  for (int i = 0; i < calls; i++) {
    PlannedCall call{};
    call.step = in.word();
    const int32_t phase = in.word();
    if (phase < 0 || phase >= PHASES) throw std::runtime_error("a call has an unknown phase");
    const std::string& name = names.at(size_t(in.word()));
    const auto known = session_->engine().isa.kernels.find(name);
    if (known == session_->engine().isa.kernels.end())
      throw std::runtime_error("kernel " + name + " is not in this build; run `npm run build:native`");
    call.kernel = known->second;
    call.bufferCount = size_t(in.count());
    const size_t intCount = size_t(in.count()), floatCount = size_t(in.count());
    expectCount(*call.kernel, "buffers", call.kernel->buffers, call.bufferCount);
    expectCount(*call.kernel, "integers", call.kernel->ints, intCount);
    expectCount(*call.kernel, "floats", call.kernel->floats, floatCount);
    call.buffers = buffers_.size();
    call.ints = ints_.size();
    call.floats = floats_.size();
    for (size_t k = 0; k < call.bufferCount; k++) buffers_.push_back(readBuffer());
    for (size_t k = 0; k < intCount; k++) ints_.push_back(in.word());
    for (size_t k = 0; k < floatCount; k++) {
      const int32_t bits = in.word();
      float value;
      std::memcpy(&value, &bits, sizeof value);
      floats_.push_back(value);
    }
    calls_[phase].push_back(call);
  }
  if (!in.atEnd()) throw std::runtime_error("the program has words left over");

  for (const Buffer& buffer : buffers_) checkBuffer(buffer, 0);
  for (const Floats& floats : guards_) checkBuffer(floats.buffer, floats.count * sizeof(float));
  for (const Floats& floats : checks_) checkBuffer(floats.buffer, floats.count * sizeof(float));
  const auto& inOrder = calls_[NORMAL];
  while (loopCalls_ < inOrder.size() && inOrder[loopCalls_].step < loop_.first) loopCalls_++;
  loopCallsEnd_ = loopCalls_;
  while (loopCallsEnd_ < inOrder.size() && loop_.holds(inOrder[loopCallsEnd_].step)) loopCallsEnd_++;
  for (Floats& guard : guards_) guard.step = stepToGuard(guard.buffer);
  addresses_.resize(buffers_.size() * size_t(loop_.count > 0 ? threads : 1));
  threadSeconds_.resize(loop_.count > 0 ? size_t(steps_) * size_t(threads) : 0);
  reserveScratch();
}

// The last step in front of the updates that a guarded buffer is written or read by, after which it is still in cache; what a
// loop leaves is looked at right before the updates.
int Program::stepToGuard(const Buffer& buffer) const {
  for (size_t i = calls_[NORMAL].size(); i-- > 0;) {
    const PlannedCall& planned = calls_[NORMAL][i];
    if (planned.step >= firstUpdate_) continue;
    for (size_t k = 0; k < planned.bufferCount; k++) {
      const Buffer& touched = buffers_[planned.buffers + k];
      if (touched.region == buffer.region && touched.index == buffer.index)
        return loop_.holds(planned.step) ? firstUpdate_ : planned.step;
    }
  }
  return firstUpdate_;
}

void Program::reserveScratch() {
  const int threads = session_->engine().pool.threads();
  size_t shared = 0;
  for (int phase = 0; phase < PHASES; phase++)
    for (const PlannedCall& planned : calls_[phase]) {
      if (!planned.kernel->scratch) continue;
      const bool looping = phase == NORMAL && loop_.holds(planned.step);
      const size_t bytes = planned.kernel->scratch(callOf(planned, {}), looping ? 1 : threads);
      size_t& most = looping ? loopScratch_ : shared;
      most = std::max(most, (bytes + UNIT - 1) / UNIT * UNIT);
    }
  session_->reserveScratch(std::max(shared, loopScratch_ * size_t(threads)));
}

void Program::checkBuffer(const Buffer& buffer, size_t bytes) const {
  size_t held = 0, start = size_t(buffer.index) * UNIT;
  switch (buffer.region) {
    case NONE: return;
    case VARIABLE: held = session_->variable(buffer.index).bytes(), start = 0; break;
    case ARENA: held = session_->arenaBytes(); break;
    case IO: held = io_.bytes(); break;
    case TEMPORARY: held = session_->temporaryBytes(); break;
    case MICRO: held = microBytes_; break;
    case PREPARED: held = prepared_.bytes(); break;
    case SLOTS: held = slotBytes_, bytes = size_t(buffer.stride) * size_t(loop_.slots); break;
    default: throw std::runtime_error("the program names an unknown region");
  }
  // Where a buffer is rows of a whole, those of the last micro-batch must lie inside too.
  if (buffer.stride && buffer.region != SLOTS) bytes = size_t(buffer.stride) * size_t(loop_.count);
  if (buffer.index < 0 || buffer.stride < 0 || start + bytes > held)
    throw std::runtime_error("a buffer lies outside its region");
}

void* Program::address(const Buffer& buffer, const Place& place) const {
  const size_t offset = size_t(buffer.index) * UNIT;
  const size_t rows = size_t(place.micro) * size_t(buffer.stride);
  switch (buffer.region) {
    case VARIABLE: return session_->variable(buffer.index).data();
    case ARENA: return session_->arena() + offset + rows;
    case IO: return io_.data() + offset + rows;
    case TEMPORARY: return session_->temporary() + offset;
    case MICRO: return session_->micro() + size_t(place.thread) * microBytes_ + offset;
    case PREPARED: return prepared_.data() + offset;
    case SLOTS: return session_->slots() + offset + size_t(place.slot) * size_t(buffer.stride);
    default: return nullptr;
  }
}

// Memory may have moved since the last call, so that addresses are made anew; there are few.
Call Program::callOf(const PlannedCall& planned, const Place& place) {
  void** addresses = addresses_.data() + size_t(place.thread) * buffers_.size() + planned.buffers;
  for (size_t i = 0; i < planned.bufferCount; i++) addresses[i] = address(buffers_[planned.buffers + i], place);
  Engine& engine = session_->engine();
  return {addresses, ints_.data() + planned.ints, floats_.data() + planned.floats,
          session_->scratch() + size_t(place.thread) * loopScratch_, place.alone ? &engine.serial : &engine.pool};
}

// A float is not finite where all bits of its exponent are set.
bool Program::finite(const Floats& floats, const Place& place) {
  const uint32_t* bits = static_cast<const uint32_t*>(address(floats.buffer, place));
  constexpr size_t CHUNK = 1 << 16;
  constexpr uint32_t EXPONENT = 0x7f800000;
  std::atomic<bool> broken{false};
  session_->engine().pool.run(int((floats.count + CHUNK - 1) / CHUNK), [&](int task, int) {
    const size_t start = size_t(task) * CHUNK, end = std::min(start + CHUNK, floats.count);
    uint32_t found = 0;
    for (size_t i = start; i < end; i++) found |= (bits[i] & EXPONENT) == EXPONENT;
    if (found) broken.store(true, std::memory_order_relaxed);
  });
  return !broken.load(std::memory_order_relaxed);
}

void Program::runCall(const PlannedCall& planned, const Place& place, double* seconds) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = seconds ? Clock::now() : Clock::time_point();
  planned.kernel->run(callOf(planned, place));
  if (seconds) seconds[planned.step] += std::chrono::duration<double>(Clock::now() - start).count();
}

void Program::runAll(const std::vector<PlannedCall>& calls, double* seconds) {
  for (const PlannedCall& planned : calls) runCall(planned, {}, seconds);
}

void Program::clearSlots() {
  constexpr size_t PIECE = 1 << 18;
  char* slots = session_->slots();
  session_->engine().pool.run(int((slotBytes_ + PIECE - 1) / PIECE), [&](int task, int) {
    const size_t start = size_t(task) * PIECE;
    std::memset(slots + start, 0, std::min(PIECE, slotBytes_ - start));
  });
}

void Program::runLoop(double* seconds) {
  clearSlots();
  std::fill(threadSeconds_.begin(), threadSeconds_.end(), 0.0);
  session_->engine().pool.run(loop_.slots, [&](int slot, int thread) {
    double* own = seconds ? threadSeconds_.data() + size_t(thread) * size_t(steps_) : nullptr;
    for (int micro = firstMicro(slot); micro < firstMicro(slot + 1); micro++)
      for (size_t i = loopCalls_; i < loopCallsEnd_; i++) 
        runCall(calls_[NORMAL][i], {true, thread, slot, micro}, own);
  });
  if (seconds)
    for (size_t i = 0; i < threadSeconds_.size(); i++)
      seconds[i % size_t(steps_)] += threadSeconds_[i] / session_->engine().pool.threads();
  runAll(calls_[FINISH], seconds);
}

// Whether what a step of the loop writes is only there after the last micro-batch.
bool Program::sums(int step) const {
  return std::any_of(calls_[FINISH].begin(), calls_[FINISH].end(),
                     [&](const PlannedCall& planned) { return planned.step == step; });
}

// The loop on one thread, looking at what each step writes: the first that is not finite, or -1.
int Program::checkLoop() {
  clearSlots();
  for (int slot = 0; slot < loop_.slots; slot++)
    for (int micro = firstMicro(slot); micro < firstMicro(slot + 1); micro++) {
      const Place place{true, 0, slot, micro};
      size_t next = loopCalls_;
      const auto runUpTo = [&](int step) {
        for (; next < loopCallsEnd_ && calls_[NORMAL][next].step <= step; next++)
          runCall(calls_[NORMAL][next], place, nullptr);
      };
      for (const Floats& written : checks_) {
        if (!loop_.holds(written.step)) continue;
        runUpTo(written.step);
        if (!sums(written.step) && !finite(written, place)) return written.step;
      }
      runUpTo(loop_.end);
    }
  runAll(calls_[FINISH], nullptr);
  for (const Floats& written : checks_)
    if (loop_.holds(written.step) && sums(written.step) && !finite(written, {})) return written.step;
  return -1;
}

RunOutcome Program::run(bool prepare, bool check, double* seconds) {
  std::lock_guard<std::mutex> lock(session_->engine().running);
  if (seconds) std::memset(seconds, 0, size_t(steps_) * sizeof(double));
  bool fine = true;
  const auto lookAtGuards = [&](int step) {
    for (const Floats& guard : guards_)
      if (guard.step == step && fine) fine = finite(guard, {});
  };
  size_t nextCheck = 0;
  const auto brokenUpTo = [&](int step) {
    for (; nextCheck < checks_.size() && checks_[nextCheck].step <= step; nextCheck++)
      if (!loop_.holds(checks_[nextCheck].step) && !finite(checks_[nextCheck], {})) return checks_[nextCheck].step;
    return -1;
  };

  if (prepare) runAll(calls_[PREPARE], seconds);
  const std::vector<PlannedCall>& calls = calls_[NORMAL];
  size_t next = 0;
  for (int step = 0; step < steps_; step++) {
    if (step == firstUpdate_) {
      lookAtGuards(firstUpdate_);
      if (check || !fine) return {fine, -1};
    }
    if (loop_.holds(step)) {
      if (step > loop_.first) continue;
      next = loopCallsEnd_;
      if (!check) runLoop(seconds);
      if (const int broken = check ? checkLoop() : -1; broken >= 0) return {false, broken};
      continue;
    }
    for (; next < calls.size() && calls[next].step == step; next++) runCall(calls[next], {}, seconds);
    if (step < firstUpdate_) lookAtGuards(step);
    if (check)
      if (const int broken = brokenUpTo(step); broken >= 0) return {false, broken};
  }
  if (firstUpdate_ >= steps_) lookAtGuards(firstUpdate_);
  return {fine, -1};
}

}  // namespace soma
