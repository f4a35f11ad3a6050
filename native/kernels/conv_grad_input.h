// dx = the transpose of the convolution applied to g: the dense way, for every shape.
//
// Input rows and columns are split by their remainder modulo the stride. Within one such phase (py, px)
// the transpose is again a stride-1 convolution of g, with those taps that reach the phase:
//
//   dx[py + sh*i][px + sw*j] = sum of w[ky][kx] * g[i + a][j + b],
//     a = (py + padTop - ky*dilH) / sh, b = (px + padLeft - kx*dilW) / sw, both without remainder
//
// so it runs on the same register tiles as the forward pass, with weights packed transposed.
#pragma once
#include "conv_emit.h"
#include "conv_pack.h"
#include "conv_source.h"
#include "conv_tile.h"

namespace soma::SOMA_ISA {

static inline int floorDivide(int a, int b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// One axis of the split: which taps reach each remainder, and how far into g.
struct AxisPhases {
  int stride, dilation, pad, kernel;
  int lowest, highest;  // of the shifts into g over all phases

  AxisPhases(int stride, int dilation, int pad, int kernel)
      : stride(stride), dilation(dilation), pad(pad), kernel(kernel),
        lowest(floorDivide(pad - (kernel - 1) * dilation, stride)), highest(floorDivide(stride - 1 + pad, stride)) {}

  bool reaches(int phase, int tap) const { return (phase + pad - tap * dilation) % stride == 0; }
  int shift(int phase, int tap) const { return (phase + pad - tap * dilation) / stride; }
};

struct GradInputPlan {
  static constexpr size_t FRAME_FLOATS = 48 * 1024;
  static constexpr int MIN_TASKS = 8;

  AxisPhases vertical, horizontal;
  int bandSteps, bands;  // a band covers bandSteps * sh input rows
  Frame frame;
  bool direct;
  size_t frameSize, sumsSize, groupWeights;
  float *noBias, *frames, *sums;
  int32_t *tapOffsets, *tapIndices, *phaseStarts;  // taps in phase order
  size_t bytes;

  GradInputPlan(const ConvShape& s, char* base, int threads)
      : vertical(s.sh, s.dilH, s.padTop, s.kh), horizontal(s.sw, s.dilW, s.padLeft, s.kw) {
    frame.lanes = frameLanes(s.groupO());
    frame.phases = 1;
    frame.columns = divideUp(s.W, s.sw) + horizontal.highest - horizontal.lowest;
    chooseBands(s);
    direct = isBlocked(s.C) && (s.groups == 1 || s.groupC() % LANES == 0);

    Scratch scratch(base);
    frameSize = frameBlocks(s.groupO()) * frame.size();
    sumsSize = direct ? 0 : size_t(blocks(s.groupC())) * bandSteps * s.sh * s.W * LANES;
    groupWeights = packedSize(s.groupO(), s.groupC(), s.taps());
    tapOffsets = scratch.take<int32_t>(s.taps());
    tapIndices = scratch.take<int32_t>(s.taps());
    phaseStarts = scratch.take<int32_t>(s.sh * s.sw + 1);
    noBias = scratch.take<float>(PANEL);
    frames = scratch.take<float>(threads * frameSize);
    sums = scratch.take<float>(threads * sumsSize);
    bytes = scratch.used();
  }

  // Sorts the taps by phase; needs the scratch memory.
  void listTaps(const ConvShape& s) const {
    int count = 0;
    for (int phase = 0; phase < s.sh * s.sw; phase++) {
      const int py = phase / s.sw, px = phase % s.sw;
      phaseStarts[phase] = count;
      for (int ky = 0; ky < s.kh; ky++)
        for (int kx = 0; kx < s.kw; kx++) {
          if (!vertical.reaches(py, ky) || !horizontal.reaches(px, kx)) continue;
          tapIndices[count] = ky * s.kw + kx;
          tapOffsets[count++] = int32_t(frame.offset(vertical.shift(py, ky) - vertical.lowest,
                                                     horizontal.shift(px, kx) - horizontal.lowest));
        }
    }
    phaseStarts[s.sh * s.sw] = count;
  }

 private:
  void chooseBands(const ConvShape& s) {
    const int steps = divideUp(s.H, s.sh);
    const auto frameRows = [&](int outputSteps) { return outputSteps + vertical.highest - vertical.lowest; };
    const size_t rowFloats = frame.rowSize() * frameBlocks(s.groupO());
    bandSteps = larger(steps, 1);
    while (bandSteps > 1 && (frameRows(bandSteps) * rowFloats > FRAME_FLOATS ||
                             (bandSteps > 4 && s.images * divideUp(steps, bandSteps) < MIN_TASKS)))
      bandSteps = divideUp(bandSteps, 2);
    bands = divideUp(steps, bandSteps);
    frame.rows = frameRows(bandSteps);
  }
};

// Packs the weights phase by phase, [group][phase][panel]…
static inline void packGradInput(const Call& call, const ConvShape& s, const float* w, float* to) {
  const GradInputPlan plan(s, call.scratch, call.pool->threads());
  const int C = s.groupC(), O = s.groupO(), phases = s.sh * s.sw;
  plan.listTaps(s);
  call.pool->run(s.groups * phases * panels(C), [&](int task, int) {
    const int panel = task % panels(C), phase = task / panels(C) % phases, group = task / panels(C) / phases;
    const int first = plan.phaseStarts[phase], taps = plan.phaseStarts[phase + 1] - first;
    const auto place = [&](int tap) {
      if (taps == s.taps()) return tap;  // one phase, which has them in order
      for (int t = 0; t < taps; t++)
        if (plan.tapIndices[first + t] == tap) return t;
      return -1;
    };
    packTransposedPanel(panel, O, C, taps, s.taps(), place, w + size_t(group) * O * C * s.taps(),
                        to + group * plan.groupWeights + packedSize(O, C, first) + panel * panelSize(O, taps));
  });
}

static inline void runGradInput(const Call& call, const ConvShape& s, const GradientMap& g, const float* packed,
                                float* dx) {
  const GradInputPlan plan(s, call.scratch, call.pool->threads());
  const int C = s.groupC(), O = s.groupO(), phases = s.sh * s.sw;
  plan.listTaps(s);
  std::memset(plan.noBias, 0, PANEL * sizeof(float));

  const size_t pixels = size_t(s.H) * s.W;
  TileGeometry geometry{};
  geometry.channels = O;
  geometry.lanes = plan.frame.lanes;
  geometry.inputBlock = plan.frame.size();
  geometry.inputRow = plan.frame.rowSize();
  geometry.outputPixel = size_t(s.sw) * LANES;
  geometry.outputRow = size_t(s.sh) * s.W * LANES;
  geometry.outputBlock = plan.direct ? pixels * LANES : size_t(plan.bandSteps) * geometry.outputRow;
  geometry.relu = false;

  const ConvEmitter emitter(s.transposed(), dx, nullptr);

  call.pool->run(s.images * plan.bands, [&](int task, int thread) {
    const int n = task / plan.bands, firstStep = task % plan.bands * plan.bandSteps;
    const int firstRow = firstStep * s.sh, rows = smaller(plan.bandSteps * s.sh, s.H - firstRow);
    float* frame = plan.frames + thread * plan.frameSize;
    for (int group = 0; group < s.groups; group++) {
      for (int o = 0; o < O; o += LANES)
        stageGradient(g, n, group * O + o, smaller(LANES, O - o), firstStep + plan.vertical.lowest,
                      plan.horizontal.lowest, plan.frame, frame + o / LANES * geometry.inputBlock);
      float* out = plan.sums + thread * plan.sumsSize;
      if (plan.direct) {
        const size_t block = size_t(n) * blocks(s.C) + group * C / LANES;
        out = dx + (block * pixels + size_t(firstRow) * s.W) * LANES;
      }
      for (int phase = 0; phase < phases; phase++) {
        const int py = phase / s.sw, px = phase % s.sw;
        const int first = plan.phaseStarts[phase], taps = plan.phaseStarts[phase + 1] - first;
        const int phaseRows = py < rows ? divideUp(rows - py, s.sh) : 0;
        const int phaseColumns = px < s.W ? divideUp(s.W - px, s.sw) : 0;
        const float* weights = packed + group * plan.groupWeights + packedSize(O, C, first);
        for (int panel = 0; panel < panels(C); panel++)
          convolvePanel(geometry, {plan.tapOffsets + first, taps}, frame, weights + panel * panelSize(O, taps),
                        plan.noBias, panel, C, phaseRows, phaseColumns,
                        out + (size_t(py) * s.W + px) * LANES);
      }
      if (!plan.direct)
        emitter.emit(n, {out, geometry.outputBlock, size_t(s.W) * LANES, group * C, C, firstRow, rows, nullptr});
    }
  });
}

}  // namespace soma::SOMA_ISA
