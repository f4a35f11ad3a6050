#include "program.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <stdexcept>

namespace soma {
namespace {

constexpr int32_t VERSION = 2;
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
  const auto readBuffer = [&] {
    Buffer buffer{in.word(), 0};
    buffer.index = in.word();
    return buffer;
  };
  steps_ = in.word();
  firstUpdate_ = in.word();
  session_->reserveTemporary(size_t(in.word()) * UNIT);
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
    calls_.push_back(call);
  }
  if (!in.atEnd()) throw std::runtime_error("the program has words left over");

  for (const Buffer& buffer : buffers_) checkBuffer(buffer, 0);
  for (const Floats& floats : guards_) checkBuffer(floats.buffer, floats.count * sizeof(float));
  for (const Floats& floats : checks_) checkBuffer(floats.buffer, floats.count * sizeof(float));
  addresses_.resize(buffers_.size());
  resolve();
  size_t scratch = 0;
  for (const PlannedCall& planned : calls_)
    if (planned.kernel->scratch)
      scratch = std::max(scratch, planned.kernel->scratch(callOf(planned), session_->engine().pool.threads()));
  session_->reserveScratch(scratch);
}

void Program::checkBuffer(const Buffer& buffer, size_t bytes) const {
  size_t held = 0, start = size_t(buffer.index) * UNIT;
  switch (buffer.region) {
    case NONE: return;
    case VARIABLE: held = session_->variable(buffer.index).bytes(), start = 0; break;
    case ARENA: held = session_->arenaBytes(); break;
    case IO: held = io_.bytes(); break;
    case TEMPORARY: held = session_->temporaryBytes(); break;
    default: throw std::runtime_error("the program names an unknown region");
  }
  if (buffer.index < 0 || start + bytes > held) throw std::runtime_error("a buffer lies outside its region");
}

void* Program::address(const Buffer& buffer) const {
  const size_t offset = size_t(buffer.index) * UNIT;
  switch (buffer.region) {
    case VARIABLE: return session_->variable(buffer.index).data();
    case ARENA: return session_->arena() + offset;
    case IO: return io_.data() + offset;
    case TEMPORARY: return session_->temporary() + offset;
    default: return nullptr;
  }
}

void Program::resolve() {
  for (size_t i = 0; i < buffers_.size(); i++) addresses_[i] = address(buffers_[i]);
}

Call Program::callOf(const PlannedCall& planned) const {
  return {addresses_.data() + planned.buffers, ints_.data() + planned.ints, floats_.data() + planned.floats,
          session_->scratch(), &session_->engine().pool};
}

// A float is not finite where all bits of its exponent are set.
bool Program::finite(const Floats& floats) {
  const uint32_t* bits = static_cast<const uint32_t*>(address(floats.buffer));
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

RunOutcome Program::run(bool check, double* seconds) {
  using Clock = std::chrono::steady_clock;
  std::lock_guard<std::mutex> lock(session_->engine().running);
  resolve();  // the arena may have grown since the last run
  if (seconds) std::memset(seconds, 0, size_t(steps_) * sizeof(double));
  const auto guardsFinite = [&] {
    for (const Floats& guard : guards_)
      if (!finite(guard)) return false;
    return true;
  };
  size_t nextCheck = 0;
  const auto brokenUpTo = [&](int step) {
    for (; nextCheck < checks_.size() && checks_[nextCheck].step <= step; nextCheck++)
      if (!finite(checks_[nextCheck])) return checks_[nextCheck].step;
    return -1;
  };

  size_t next = 0;
  bool guarded = false;
  for (int step = 0; step < steps_; step++) {
    if (step == firstUpdate_) {
      const bool fine = guardsFinite();
      if (check || !fine) return {fine, -1};
      guarded = true;
    }
    const Clock::time_point start = Clock::now();
    for (; next < calls_.size() && calls_[next].step == step; next++)
      calls_[next].kernel->run(callOf(calls_[next]));
    if (seconds) seconds[step] = std::chrono::duration<double>(Clock::now() - start).count();
    if (check)
      if (const int broken = brokenUpTo(step); broken >= 0) return {false, broken};
  }
  return {guarded || guardsFinite(), -1};
}

}  // namespace soma
