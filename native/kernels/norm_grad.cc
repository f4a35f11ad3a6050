// Gradient of a batch normalisation, from the gradient of what followed it (norm.cc): ReLU and a 2×2 maximum are
// undone on the fly, and so is a channel attention that scales the result.
//   ints: NormShape, the attention's strides; floats: [the attention's factor] (channel_gradient.h)
//
// Two passes: Σ g and Σ g·x̂ a channel, then dx = γ/σ·(g − Σg/n − x̂·Σ(g·x̂)/n) (on running statistics: γ/σ·g).
// The normalised values are computed again, with the same operations as forward, so that signs and maxima are
// the same. dx may lie where x does.
#include <cmath>
#include "channel_gradient.h"
#include "norm_line.h"
#include "norm_shape.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

struct Incoming {
  const float* g;
  const float* result;    // what ReLU gave, where it was pooled before; null: to be computed again
  const uint8_t* argmax;  // null: not pooled
  ChannelGradient attention;
};

// The gradient that reaches y, in the order of the units of one group: undone are attention and ReLU.
template <int ATTENTION, bool RELU>
class Gradient {
 public:
  Gradient(const Incoming& in, const NormLine& line, int image, int group)
      : line_(line), ofResult_(in.attention, image, group) {}

  // `x` is the value that g belongs to.
  Vec operator()(Vec g, Vec x, int part) {
    if (ATTENTION == NO_ATTENTION && !RELU) return g;
    const Vec y = line_(x, part);
    g = ofResult_(g, RELU ? clamped(y) : y, part);
    return RELU ? select(y > Vec{}, g, Vec{}) : g;
  }

 private:
  const NormLine line_;
  UndoAttention<ATTENTION> ofResult_;
};

// One register of a 2×2 window: where its four pixels lie, their values, which of them was the maximum, and the
// gradient of that one.
struct Window {
  size_t at[4];
  Vec x[4], best, g;
  VecI index;
};

template <int ATTENTION, bool RELU, class Body>
inline void forWindows(const NormShape& s, const Incoming& in, const NormLine& line, int image, int group, const float* x,
                       const Body& body) {
  Gradient<ATTENTION, RELU> gradient(in, line, image, group);
  const float* g = in.g + s.pooledOffset(image, group);
  const uint8_t* argmax = in.argmax + s.pooledOffset(image, group);
  const size_t start = s.offset(image, group), row = size_t(s.W) * LANES;
  const int OH = s.pooledH(), OW = s.pooledW();
  for (int i = 0; i < OH; i++)
    for (int j = 0; j < OW; j++, g += LANES, argmax += LANES)
      for (int part = 0; part < PARTS; part++) {
        Window w;
        w.at[0] = start + size_t(2 * i) * row + size_t(2 * j) * LANES + part * VL;
        w.at[1] = w.at[0] + LANES;
        w.at[2] = w.at[0] + row;
        w.at[3] = w.at[2] + LANES;
        for (int k = 0; k < 4; k++) w.x[k] = load(x + w.at[k]);
        w.index = loadBytes(argmax + part * VL);
        w.best = w.x[0];
        for (int k = 1; k < 4; k++) w.best = select(w.index == k, w.x[k], w.best);
        w.g = gradient(load(g + part * VL), w.best, part);
        body(w, part);
      }
}

// Calls body(at, lanes in use, x, g, part) for each register of a group that was not pooled.
template <int ATTENTION, bool RELU, class Body>
inline void forValues(const NormShape& s, const Incoming& in, const NormLine& line, int image, int group, const float* x,
                      const Body& body) {
  Gradient<ATTENTION, RELU> gradient(in, line, image, group);
  const float* g = in.g;
  forUnits(s, image, group, [&](size_t at, auto lanes) {
    for (int part = 0; part < PARTS; part++) {
      const int n = lanesOfPart(lanes, part);
      if (n == 0) break;
      const size_t i = at + part * VL;
      const Vec value = loadPart(x + i, n);
      body(i, n, value, gradient(loadPart(g + i, n), value, part), part);
    }
  });
}

template <int ATTENTION, bool RELU>
void sumGroup(const NormShape& s, const Incoming& in, const NormLine& line, int image, int group, const float* x,
              Products& products) {
  if (in.argmax) {
    forWindows<ATTENTION, RELU>(s, in, line, image, group, x, [&](const Window& w, int part) {
      products.add(part, w.g, w.best - line.mean.part[part]);
    });
  } else {
    // Lanes that are not in use have no gradient.
    forValues<ATTENTION, RELU>(s, in, line, image, group, x, [&](size_t, int, Vec value, Vec g, int part) {
      products.add(part, g, value - line.mean.part[part]);
    });
  }
}

// A quarter of the memory: where ReLU let a pooled value through it is y, and x − mean = (y − β)/slope. Loses the
// bits by which β is larger than γ, so for this group β must not be much larger.
template <int ATTENTION>
void sumResults(const NormShape& s, const Incoming& in, const NormLine& line, int image, int group, Products& products) {
  UndoAttention<ATTENTION> undo(in.attention, image, group);
  const float* g = in.g + s.pooledOffset(image, group);
  const float* result = in.result + s.pooledOffset(image, group);
  for (int i = 0; i < s.pooledH() * s.pooledW() * LANES; i += LANES)
    for (int part = 0; part < PARTS; part++) {
      const Vec y = load(result + i + part * VL), undone = undo(load(g + i + part * VL), y, part);
      products.add(part, select(y > Vec{}, undone, Vec{}), y - line.shift.part[part]);
    }
}

bool canSumResults(const NormShape& s, const Incoming& in, const float* gamma, const float* beta, int group) {
  constexpr float LARGER = 64;
  if (!in.result) return false;
  for (int c = s.firstChannel(group); c < s.firstChannel(group) + s.channels(group); c++)
    if (!(std::abs(beta[c]) <= LARGER * std::abs(gamma[c])) || gamma[c] == 0) return false;
  return true;
}

// dx = slope·(g − p − (x − mean)·q)
struct Correction {
  Block p, q;

  Vec operator()(const NormLine& line, Vec g, Vec x, int part) const {
    return (g - p.part[part] - (x - line.mean.part[part]) * q.part[part]) * line.slope.part[part];
  }
};

template <int ATTENTION, bool RELU>
void writeGroup(const NormShape& s, const Incoming& in, const NormLine& line, const Correction& correct, int image, int group,
                const float* x, float* dx) {
  if (!in.argmax) {
    forValues<ATTENTION, RELU>(s, in, line, image, group, x, [&](size_t i, int n, Vec value, Vec g, int part) {
      storePart(dx + i, correct(line, g, value, part), n);
    });
    return;
  }
  forWindows<ATTENTION, RELU>(s, in, line, image, group, x, [&](const Window& w, int part) {
    for (int k = 0; k < 4; k++) store(dx + w.at[k], correct(line, select(w.index == k, w.g, Vec{}), w.x[k], part));
  });
  // The odd last column and row, which no window covers.
  const size_t start = s.offset(image, group);
  const auto uncovered = [&](int i, int j) {
    const size_t at = start + (size_t(i) * s.W + j) * LANES;
    for (int part = 0; part < PARTS; part++)
      store(dx + at + part * VL, correct(line, Vec{}, load(x + at + part * VL), part));
  };
  if (s.W % 2)
    for (int i = 0; i < s.pooledH() * 2; i++) uncovered(i, s.W - 1);
  if (s.H % 2)
    for (int j = 0; j < s.W; j++) uncovered(s.H - 1, j);
}

// [x, γ, β | null, mean, invStd, g, result of ReLU | null, argmax | null, four of the attention, dx | null, dγ | null,
//  dβ | null, what dγ and dβ are where they are known | null]
void batchNormGrad(const Call& call) {
  const NormShape s(call.ints);
  const NormPlan plan(s, call.scratch);
  const float *x = call.f32(0), *gamma = call.f32(1), *beta = call.f32(2), *mean = call.f32(3), *invStd = call.f32(4);
  const Incoming in{call.f32(5), call.f32(6), call.u8(7),
                    ChannelGradient(call, 8, call.ints + NormShape::INTS, call.floats[0])};
  float *dx = call.f32(12), *dGamma = call.f32(13), *dBeta = call.f32(14);
  const float *knownGamma = call.f32(15), *knownBeta = call.f32(16);
  for (int c = 0; c < s.C; c++) plan.r[c] = invStd[c] * gamma[c];
  const auto lineOf = [&](int group) {
    return NormLine{channelLanes(s, group, mean), channelLanes(s, group, plan.r), beta ? channelLanes(s, group, beta) : Block{}};
  };

  const auto run = [&]<int ATTENTION, bool RELU>() {
    if (!knownGamma)
      sumChannels(call, s, plan, [&](int group, int from, int to) {
        const NormLine line = lineOf(group);
        Products products;
        if (!canSumResults(s, in, gamma, beta, group)) {
          for (int image = from; image < to; image++) sumGroup<ATTENTION, RELU>(s, in, line, image, group, x, products);
          return products.totals();
        }
        for (int image = from; image < to; image++) sumResults<ATTENTION>(s, in, line, image, group, products);
        LaneTotals totals = products.totals();
        for (int l = 0; l < s.channels(group); l++) totals.second[l] /= plan.r[s.firstChannel(group) + l];
        return totals;
      });
    for (int c = 0; c < s.C; c++) {
      const double sum = knownBeta ? knownBeta[c] : plan.first[c];
      const double along = knownGamma ? knownGamma[c] : plan.second[c] * invStd[c];
      if (dGamma) dGamma[c] = float(along);
      if (dBeta) dBeta[c] = float(sum);
      plan.p[c] = s.training ? float(sum / s.count()) : 0;
      plan.q[c] = s.training ? float(along * invStd[c] / s.count()) : 0;
    }
    if (!dx) return;
    forGroups(call, s, [&](int image, int group) {
      const Correction correct{channelLanes(s, group, plan.p), channelLanes(s, group, plan.q)};
      writeGroup<ATTENTION, RELU>(s, in, lineOf(group), correct, image, group, x, dx);
    });
  };
  withAttention(in.attention, [&]<int ATTENTION>() {
    if (s.relu) {
      run.template operator()<ATTENTION, true>();
    } else {
      run.template operator()<ATTENTION, false>();
    }
  });
}

size_t normScratch(const Call& call, int) { return NormPlan(NormShape(call.ints), nullptr).bytes; }

const Kernel KERNELS[] = {
    {"batch_norm_grad", 17, NormShape::INTS + ChannelGradient::INTS, 1, batchNormGrad, normScratch},
};

}  // namespace

KernelTable normGradKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
