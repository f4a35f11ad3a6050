// dx of a stride-1 convolution to at most 8 channels: neighbouring taps of a row of the kernel share a register.
//
// A register of 16 lanes would hold 5 … 8 channels. Instead lanes f·C … f·C + C−1 sum for tap FOLD·j + f, so that a row
// of the kernel takes ⌈kw/FOLD⌉ products a pixel in place of kw. What lane group f sums at column x belongs to column
// x + f·dilation: the groups are added when all sums are there.
#pragma once
#include "conv_source.h"
#include "conv_tile.h"

namespace soma::SOMA_ISA {

static inline bool isFolded(const ConvShape& s) {
  return s.sh == 1 && s.sw == 1 && s.groups == 1 && s.kw > 1 && isBlocked(s.C) && s.C <= LANES / 2;
}

struct FoldedPlan {
  static constexpr size_t FRAME_FLOATS = 48 * 1024;  // staged gradient of a task: a fifth of a level 2 cache
  static constexpr int MIN_TASKS = 8;

  int fold, columnTaps, taps;  // lane groups; products of a row of the kernel, and of all
  int firstColumn, firstRow;   // of g, as the frame begins, for output row 0
  int sumColumns;              // columns that sums are made for, from −(fold−1)·dilation on
  int bandRows, bands;
  Frame frame;
  size_t frameSize, sumsSize;
  float *noBias, *frames, *sums;
  int32_t* offsets;
  size_t bytes;

  FoldedPlan(const ConvShape& s, char* base, int threads)
      : fold(smaller(s.kw, LANES / s.C)), columnTaps(divideUp(s.kw, fold)), taps(s.kh * columnTaps),
        firstColumn(s.padLeft - (fold * columnTaps - 1) * s.dilW), firstRow(s.padTop - (s.kh - 1) * s.dilH),
        sumColumns(s.W + (fold - 1) * s.dilW) {
    frame.lanes = frameLanes(s.O);
    frame.phases = 1;
    frame.columns = s.W + (fold * columnTaps - 1) * s.dilW;
    const auto frameRows = [&](int rows) { return rows + (s.kh - 1) * s.dilH; };
    const size_t rowFloats = frame.rowSize() * frameBlocks(s.O);
    bandRows = larger(s.H, 1);
    while (bandRows > 1 && (frameRows(bandRows) * rowFloats > FRAME_FLOATS ||
                            (bandRows > 4 && s.images * divideUp(s.H, bandRows) < MIN_TASKS)))
      bandRows = divideUp(bandRows, 2);
    bands = divideUp(s.H, bandRows);
    frame.rows = frameRows(bandRows);

    Scratch scratch(base);
    frameSize = frameBlocks(s.O) * frame.size();
    // A lane group is read as a whole register, beyond the last pixel.
    sumsSize = (size_t(bandRows) * sumColumns + 1) * LANES;
    noBias = scratch.take<float>(size_t(panels(LANES)) * PANEL);
    offsets = scratch.take<int32_t>(taps);
    frames = scratch.take<float>(threads * frameSize);
    sums = scratch.take<float>(threads * sumsSize);
    bytes = scratch.used();
  }
};

// Takes no more room than the same weights unfolded.
static inline void packFolded(const ConvShape& s, const float* w, float* to) {
  const FoldedPlan plan(s, nullptr, 1);
  const int lanes = plan.fold * s.C;
  const auto weight = [&](int l, int o, int t) {
    const int ky = t / plan.columnTaps, kx = t % plan.columnTaps * plan.fold + l / s.C;
    return kx < s.kw ? w[((size_t(o) * s.C + l % s.C) * s.kh + ky) * s.kw + kx] : 0.0f;
  };
  for (int panel = 0; panel < panels(lanes); panel++) {
    const int width = panelRegisters(lanes, panel) * VL;
    float* out = to + panel * panelSize(s.O, plan.taps);
    for (int o0 = 0; o0 < s.O; o0 += LANES)
      for (int t = 0; t < plan.taps; t++)
        for (int o = o0; o < smaller(s.O, o0 + LANES); o++)
          for (int l = panel * PANEL; l < panel * PANEL + width; l++) *out++ = l < lanes ? weight(l, o, t) : 0.0f;
  }
}

static inline void runFolded(const Call& call, const ConvShape& s, const GradientMap& g, const float* packed,
                             float* dx) {
  const FoldedPlan plan(s, call.scratch, call.pool->threads());
  const int lanes = plan.fold * s.C;
  std::memset(plan.noBias, 0, size_t(panels(LANES)) * PANEL * sizeof(float));
  for (int t = 0; t < plan.taps; t++)
    plan.offsets[t] = int32_t(plan.frame.offset((s.kh - 1 - t / plan.columnTaps) * s.dilH,
                                                (plan.columnTaps - 1 - t % plan.columnTaps) * plan.fold * s.dilW));
  TileGeometry geometry{};
  geometry.channels = s.O;
  geometry.lanes = plan.frame.lanes;
  geometry.inputBlock = plan.frame.size();
  geometry.inputRow = plan.frame.rowSize();
  geometry.outputPixel = LANES;
  geometry.outputRow = size_t(plan.sumColumns) * LANES;

  call.pool->run(s.images * plan.bands, [&](int task, int thread) {
    const int n = task / plan.bands, firstRow = task % plan.bands * plan.bandRows;
    const int rows = smaller(plan.bandRows, s.H - firstRow);
    float* frame = plan.frames + thread * plan.frameSize;
    float* sums = plan.sums + thread * plan.sumsSize;
    for (int o = 0; o < s.O; o += LANES)
      stageGradient(g, n, o, smaller(LANES, s.O - o), firstRow + plan.firstRow, plan.firstColumn, plan.frame,
                    frame + o / LANES * geometry.inputBlock);
    for (int panel = 0; panel < panels(lanes); panel++)
      convolvePanel(geometry, {plan.offsets, plan.taps}, frame, packed + panel * panelSize(s.O, plan.taps), plan.noBias,
                    panel, lanes, rows, plan.sumColumns, sums);
    float* to = dx + (size_t(n) * s.H + firstRow) * s.W * LANES;
    for (int row = 0; row < rows; row++)
      for (int x = 0; x < s.W; x++, to += LANES)
        for (int part = 0; part < LANES; part += VL) {
          Vec sum{};
          for (int f = 0; f < plan.fold; f++) {
            const size_t column = size_t(x + (plan.fold - 1 - f) * s.dilW);
            sum = sum + load(sums + (size_t(row) * plan.sumColumns + column) * LANES + f * s.C + part);
          }
          store(to + part, keepBits((1u << larger(0, smaller(VL, s.C - part))) - 1, sum));
        }
  });
}

}  // namespace soma::SOMA_ISA
