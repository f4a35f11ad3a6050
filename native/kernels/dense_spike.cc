// Fully connected layers of spikes: only features that fired cost anything.
//
// A spike of feature f adds the row w'[f][0 … O) to y, or the row g[0 … O) to dw'[f]. Bits are read word
// by word in stored order (dense_shape.h); rows of outputs are padded to blocks of 16.
#include "dense_shape.h"
#include "tables.h"

#include <utility>

namespace soma::SOMA_ISA {
namespace {

int paddedOutputs(const DenseShape& s) { return blocks(s.O) * LANES; }

// Sum of the rows weights[events[i] …] over V registers of outputs, with several running sums where one
// register alone would wait for its own addition.
template <int V>
void sumRows(const uint32_t* events, int count, const float* weights, float* out) {
  constexpr int CHAINS = V >= 4 ? 1 : 4 / V;
  Vec sum[CHAINS][V] = {};
  int i = 0;
  for (; i + CHAINS <= count; i += CHAINS)
#pragma GCC unroll 8
    for (int chain = 0; chain < CHAINS; chain++)
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) sum[chain][v] = sum[chain][v] + load(weights + events[i + chain] + v * VL);
  for (; i < count; i++)
    for (int v = 0; v < V; v++) sum[0][v] = sum[0][v] + load(weights + events[i] + v * VL);
  for (int v = 0; v < V; v++) {
    for (int chain = 1; chain < CHAINS; chain++) sum[0][v] = sum[0][v] + sum[chain][v];
    store(out + v * VL, sum[0][v]);
  }
}

struct DenseSpikePlan {
  static constexpr int TASK_ROWS = 16;

  size_t eventsSize;
  float* sums;
  uint32_t* events;  // of one row, for each thread
  size_t bytes;

  DenseSpikePlan(const DenseShape& s, char* base, int threads) {
    Scratch scratch(base);
    eventsSize = size_t(s.words() + 1) * LANES;
    sums = scratch.take<float>(size_t(threads) * paddedOutputs(s));
    events = scratch.take<uint32_t>(threads * eventsSize);
    bytes = scratch.used();
  }
};

// All outputs of one row of sums.
void sumAllRows(const uint32_t* events, int count, const float* weights, int width, float* out) {
  int o = 0;
  for (; o + 8 * VL <= width; o += 8 * VL) sumRows<8>(events, count, weights + o, out + o);
  for (; o + 4 * VL <= width; o += 4 * VL) sumRows<4>(events, count, weights + o, out + o);
  for (; o < width; o += VL) sumRows<1>(events, count, weights + o, out + o);
}

struct DenseGradWeightSpikePlan {
  static constexpr int TASK_WORDS = 2, TASK_FEATURES = TASK_WORDS * LANES;

  float *gradients, *sums;  // [rows][padded outputs]; of a task's features, for each thread
  uint32_t* events;         // for each thread and feature: the rows in which it fired
  size_t bytes;

  DenseGradWeightSpikePlan(const DenseShape& s, char* base, int threads) {
    Scratch scratch(base);
    gradients = scratch.take<float>(size_t(s.rows) * paddedOutputs(s));
    sums = scratch.take<float>(size_t(threads) * TASK_FEATURES * paddedOutputs(s));
    events = scratch.take<uint32_t>(size_t(threads) * TASK_FEATURES * s.rows);
    bytes = scratch.used();
  }
};

// [w, packed [words * 16][padded outputs]]
void denseSpikeWeights(const Call& call) {
  const DenseShape s(call.ints);
  const float* w = call.f32(0);
  float* packed = call.f32(1);
  const int width = paddedOutputs(s), words = s.words();
  constexpr int PACK_WORDS = 8;
  call.pool->run(divideUp(words, PACK_WORDS), [&](int task, int) {
    for (int o = 0; o < width; o++)
      for (int word = task * PACK_WORDS; word < smaller(words, (task + 1) * PACK_WORDS); word++)
        for (int bit = 0; bit < LANES && s.spikeExists(word, bit); bit++)
          packed[(size_t(word) * LANES + bit) * width + o] =
              o < s.O ? w[size_t(o) * s.features() + s.spikeFeature(word, bit)] : 0;
  });
}

// [x, packed weights, bias | null, y]
void denseSpike(const Call& call) {
  const DenseShape s(call.ints);
  const DenseSpikePlan plan(s, call.scratch, call.pool->threads());
  const uint16_t* x = call.spikes(0);
  const float *weights = call.f32(1), *bias = call.f32(2);
  float* y = call.f32(3);
  const int width = paddedOutputs(s), words = s.words();

  call.pool->run(divideUp(s.rows, DenseSpikePlan::TASK_ROWS), [&](int task, int thread) {
    uint32_t* events = plan.events + thread * plan.eventsSize;
    float* sums = plan.sums + size_t(thread) * width;
    const int first = task * DenseSpikePlan::TASK_ROWS;
    for (int r = first; r < smaller(s.rows, first + DenseSpikePlan::TASK_ROWS); r++) {
      const uint16_t* row = x + size_t(r) * words;
      uint32_t* end = events;
      for (int word = 0; word < words; word++)
        if (row[word]) end = compressBits(row[word], uint32_t(word) * LANES * width, uint32_t(width), end);
      sumAllRows(events, int(end - events), weights, width, sums);
      for (int o = 0; o < s.O; o++) y[size_t(r) * s.O + o] = sums[o] + (bias ? bias[o] : 0);
    }
  });
}
size_t denseSpikeScratch(const Call& call, int threads) {
  return DenseSpikePlan(DenseShape(call.ints), nullptr, threads).bytes;
}

void denseGradWeightSpike(const Call& call) {
  const DenseShape s(call.ints);
  const DenseGradWeightSpikePlan plan(s, call.scratch, call.pool->threads());
  const uint16_t* x = call.spikes(0);
  const float* g = call.f32(1);
  float* dw = call.f32(2);
  const int width = paddedOutputs(s), words = s.words();
  for (int r = 0; r < s.rows; r++)
    for (int o = 0; o < width; o++)
      plan.gradients[size_t(r) * width + o] = o < s.O ? g[size_t(r) * s.O + o] : 0;

  using Plan = DenseGradWeightSpikePlan;
  call.pool->run(divideUp(words, Plan::TASK_WORDS), [&](int task, int thread) {
    float* sums = plan.sums + size_t(thread) * Plan::TASK_FEATURES * width;
    uint32_t* events = plan.events + size_t(thread) * Plan::TASK_FEATURES * s.rows;
    const int first = task * Plan::TASK_WORDS, end = smaller(words, first + Plan::TASK_WORDS);
    int counts[Plan::TASK_FEATURES] = {};
    for (int r = 0; r < s.rows; r++)
      for (int word = first; word < end; word++)
        for (unsigned bits = x[size_t(r) * words + word]; bits; bits &= bits - 1) {
          const int f = (word - first) * LANES + __builtin_ctz(bits);
          events[size_t(f) * s.rows + counts[f]++] = uint32_t(r * width);
        }
    for (int f = 0; f < (end - first) * LANES; f++)
      sumAllRows(events + size_t(f) * s.rows, counts[f], plan.gradients, width, sums + size_t(f) * width);
    for (int o = 0; o < s.O; o++)
      for (int word = first; word < end; word++)
        for (int bit = 0; bit < LANES && s.spikeExists(word, bit); bit++)
          dw[size_t(o) * s.features() + s.spikeFeature(word, bit)] =
              sums[size_t((word - first) * LANES + bit) * width + o];
  });
}
size_t denseGradWeightSpikeScratch(const Call& call, int threads) {
  return DenseGradWeightSpikePlan(DenseShape(call.ints), nullptr, threads).bytes;
}

// ---- Sums over micro-batches

// Where outputs are few, a spike's row of them is too short for its price: then the lanes are features, 16 of a word,
// and each output is added to those that fired.
//   few outputs   [words][outputs, a multiple of 8][16]
//   many          [words][16][outputs, a multiple of 8]
constexpr int FEW_OUTPUTS = 16, OUTPUT_STEP = 8;
int summedOutputs(const DenseShape& s) { return divideUp(s.O, OUTPUT_STEP) * OUTPUT_STEP; }
size_t wordSums(const DenseShape& s) { return size_t(LANES) * summedOutputs(s); }
size_t sumIndex(const DenseShape& s, int bit, int o) {
  return s.O <= FEW_OUTPUTS ? size_t(o) * LANES + bit : size_t(bit) * summedOutputs(s) + o;
}

// N outputs of a word, over all rows.
template <int N>
void addToLanes(const DenseShape& s, const uint16_t* x, const float* g, float* sums) {
  const size_t words = size_t(s.words());
  for (int lane = 0; lane < LANES; lane += VL) {
    Vec sum[N];
#pragma GCC unroll 8
    for (int o = 0; o < N; o++) sum[o] = load(sums + o * LANES + lane);
    for (int r = 0; r < s.rows; r++) {
      const unsigned bits = x[r * words] >> lane & ((1u << VL) - 1);
#pragma GCC unroll 8
      for (int o = 0; o < N; o++) sum[o] = addBits(bits, sum[o], broadcast(g[size_t(r) * s.O + o]));
    }
#pragma GCC unroll 8
    for (int o = 0; o < N; o++) store(sums + o * LANES + lane, sum[o]);
  }
}

using AddToLanes = void (*)(const DenseShape&, const uint16_t*, const float*, float*);
template <size_t... N>
AddToLanes addToLanesFor(int outputs, std::index_sequence<N...>) {
  static constexpr AddToLanes TABLE[] = {addToLanes<int(N) + 1>...};
  return TABLE[outputs - 1];
}

// All outputs of each neuron that fired, row by row.
void addToOutputs(const DenseShape& s, const uint16_t* x, const float* g, int firstWord, int endWord, float* sums) {
  const int width = summedOutputs(s), words = s.words();
  for (int r = 0; r < s.rows; r++)
    for (int o = 0; o < width; o += OUTPUT_STEP) {
      float gradient[OUTPUT_STEP];
      for (int l = 0; l < OUTPUT_STEP; l++) gradient[l] = o + l < s.O ? g[size_t(r) * s.O + o + l] : 0;
      for (int word = firstWord; word < endWord; word++)
        for (unsigned bits = x[size_t(r) * words + word]; bits; bits &= bits - 1) {
          float* to = sums + word * wordSums(s) + sumIndex(s, __builtin_ctz(bits), o);
          for (int l = 0; l < OUTPUT_STEP; l++) to[l] += gradient[l];
        }
    }
}

// [x, g, sums]: adds to the sums.
void denseGradWeightSpikeAdd(const Call& call) {
  const DenseShape s(call.ints);
  const uint16_t* x = call.spikes(0);
  const float* g = call.f32(1);
  float* sums = call.f32(2);
  constexpr int TASK_WORDS = 64;
  call.pool->run(divideUp(s.words(), TASK_WORDS), [&](int task, int) {
    const int first = task * TASK_WORDS, end = smaller(s.words(), first + TASK_WORDS);
    if (s.O > FEW_OUTPUTS) return addToOutputs(s, x, g, first, end, sums);
    for (int word = first; word < end; word++)
      for (int o = 0; o < s.O; o += OUTPUT_STEP)
        addToLanesFor(smaller(OUTPUT_STEP, s.O - o), std::make_index_sequence<OUTPUT_STEP>())(
            s, x + word, g + o, sums + word * wordSums(s) + size_t(o) * LANES);
  });
}

// [sums of all slots, dw]; ints: those of the layer, and slots.
void denseGradWeightSpikeSum(const Call& call) {
  const DenseShape s(call.ints);
  const float* sums = call.f32(0);
  float* dw = call.f32(1);
  const int slots = call.ints[DenseShape::INTS];
  const size_t slotSize = size_t(s.words()) * wordSums(s);
  constexpr int TASK_WORDS = 16;
  call.pool->run(divideUp(s.words(), TASK_WORDS), [&](int task, int) {
    const int end = smaller(s.words(), (task + 1) * TASK_WORDS);
    for (int word = task * TASK_WORDS; word < end; word++)
      for (int bit = 0; bit < LANES && s.spikeExists(word, bit); bit++)
        for (int o = 0; o < s.O; o++) {
          const float* from = sums + word * wordSums(s) + sumIndex(s, bit, o);
          float total = 0;
          for (int slot = 0; slot < slots; slot++) total += from[slot * slotSize];
          dw[size_t(o) * s.features() + s.spikeFeature(word, bit)] = total;
        }
  });
}

const Kernel KERNELS[] = {
    {"dense_spike_weights", 2, DenseShape::INTS, 0, denseSpikeWeights, nullptr},
    {"dense_spike", 4, DenseShape::INTS, 0, denseSpike, denseSpikeScratch},
    {"dense_grad_weight_spike", 3, DenseShape::INTS, 0, denseGradWeightSpike, denseGradWeightSpikeScratch},
    {"dense_grad_weight_spike_add", 3, DenseShape::INTS, 0, denseGradWeightSpikeAdd, nullptr},
    {"dense_grad_weight_spike_sum", 2, DenseShape::INTS + 1, 0, denseGradWeightSpikeSum, nullptr},
};

}  // namespace

KernelTable denseSpikeKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
