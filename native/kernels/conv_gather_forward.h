// The forward pass driven by spikes, for kernels, strides and dilations of any size (conv_gather.h).
//
// A task is a band and a span of output groups. A band is some whole images, or some rows of one: it is listed
// once, then summed group by group and chunk by chunk.
#pragma once
#include "conv_emit.h"
#include "conv_gather.h"

namespace soma::SOMA_ISA {

struct GatherForwardPlan {
  static constexpr int BAND_PIXELS = 256;              // outputs in a band that must be as many images as it can
  static constexpr size_t BAND_ENTRIES = 384 * 1024;   // of a band's lists if everything fires
  static constexpr int MIN_TASKS = 16, MIN_SPAN = 4;   // groups in a span

  GatherShape gather;
  bool direct;  // sums are made where the outputs lie
  int rows, bandRows, bandImages, rowBands, bands, spans;
  int inputRows;  // that a band reads of an image
  size_t bandPixels, maxEntries, pixelEntries;
  float *bias, *sums;
  uint32_t *starts, *pixelStarts;
  uint16_t *entries, *channels;
  size_t bytes;

  GatherForwardPlan(const ConvShape& s, char* base, int threads)
      : gather(s), direct(!s.pool2 && isBlocked(s.O)) {
    chooseBands(s);
    inputRows = smaller(s.H, (bandRows - 1) * s.sh + (s.kh - 1) * s.dilH + 1);
    bandPixels = size_t(bandImages) * bandRows * s.OW;
    maxEntries = bandPixels * s.taps() * s.C + SLACK;
    pixelEntries = size_t(inputRows) * s.W * smaller(gather.chunkBlocks, blocks(s.C)) * LANES + SLACK;

    Scratch scratch(base);
    bias = scratch.take<float>(size_t(blocks(s.O)) * LANES);
    sums = scratch.take<float>(threads * sumsSize());
    starts = scratch.take<uint32_t>(threads * startsSize());
    entries = scratch.take<uint16_t>(threads * maxEntries);
    pixelStarts = scratch.take<uint32_t>(threads * pixelStartsSize(s));
    channels = scratch.take<uint16_t>(threads * pixelEntries);
    bytes = scratch.used();
  }

  size_t sumsSize() const { return direct ? 0 : bandPixels * GATHER_GROUP; }
  size_t startsSize() const { return gather.chunks * bandPixels + 1; }
  size_t pixelStartsSize(const ConvShape& s) const { return size_t(inputRows) * s.W + 1; }

 private:
  static constexpr size_t SLACK = 64;  // that vectors may write beyond, and read

  void chooseBands(const ConvShape& s) {
    const int step = s.pool2 ? 2 : 1;
    rows = s.yH() * step;
    const size_t rowEntries = size_t(s.OW) * s.taps() * s.C;
    bandRows = larger(rows, step);
    while (bandRows > step && bandRows * rowEntries > BAND_ENTRIES) bandRows = divideUp(bandRows / 2, step) * step;
    rowBands = divideUp(rows, bandRows);
    bandImages = 1;
    if (rowBands == 1) {
      const size_t fit = BAND_ENTRIES / (bandRows * rowEntries);
      const int most = larger(1, smaller(int(fit), BAND_PIXELS / larger(1, bandRows * s.OW)));
      bandImages = larger(1, divideUp(s.images, larger(1, divideUp(s.images, most))));
    }
    bands = divideUp(s.images, bandImages) * rowBands;
    spans = smaller(divideUp(gather.groups, MIN_SPAN), divideUp(MIN_TASKS, larger(1, bands)));
  }
};

// Lists of one band.
class GatherLister {
 public:
  GatherLister(const ConvShape& s, const GatherForwardPlan& plan, const SpikeMap& x, int thread)
      : s_(s), plan_(plan), x_(x), starts_(plan.starts + thread * plan.startsSize()),
        entries_(plan.entries + thread * plan.maxEntries),
        pixelStarts_(plan.pixelStarts + thread * plan.pixelStartsSize(s)),
        channels_(plan.channels + thread * plan.pixelEntries) {}

  void list(int firstImage, int images, int firstRow, int rows) {
    uint32_t* start = starts_;
    uint16_t* end = entries_;
    for (int chunk = 0; chunk < plan_.gather.chunks; chunk++)
      for (int n = firstImage; n < firstImage + images; n++) {
        listPixels(n, chunk, firstRow, rows);
        for (int row = firstRow; row < firstRow + rows; row++)
          for (int column = 0; column < s_.OW; column++) {
            *start++ = uint32_t(end - entries_);
            end = appendOutput(chunk, row * s_.sh - s_.padTop, column * s_.sw - s_.padLeft, end);
          }
      }
    *start = uint32_t(end - entries_);
  }

 private:
  static constexpr int COPIED = 2 * LANES;  // entries at a time
  typedef uint16_t Entries __attribute__((vector_size(2 * COPIED), may_alias, aligned(2)));

  // The channels of a chunk that fired at each pixel that the rows read, as column * channels + channel.
  void listPixels(int n, int chunk, int firstRow, int rows) {
    const int channels = plan_.gather.chunkChannels(chunk), chunkBlocks = blocks(channels);
    const uint16_t* const words = x_.words(n, chunk * plan_.gather.chunkBlocks);
    const size_t blockStride = size_t(s_.H) * s_.W;
    top_ = larger(0, firstRow * s_.sh - s_.padTop);
    const int bottom = smaller(s_.H, (firstRow + rows - 1) * s_.sh - s_.padTop + (s_.kh - 1) * s_.dilH + 1);
    uint16_t* out = channels_;
    uint32_t* start = pixelStarts_;
    for (int y = top_; y < bottom; y++)
      for (int column = 0; column < s_.W; column++) {
        *start++ = uint32_t(out - channels_);
        const uint16_t* word = words + size_t(y) * s_.W + column;
        for (int b = 0; b < chunkBlocks; b++, word += blockStride)
          out = compressBits16(*word, unsigned(column * channels + b * LANES), out);
      }
    *start = uint32_t(out - channels_);
  }

  // The rows of weights that an output sums, whose first tap lies at (top, left). Where taps lie side by side the
  // spikes under a row of them do, too, and all are shifted alike (in 16 bits, which wrap round and back).
  uint16_t* appendOutput(int chunk, int top, int left, uint16_t* out) const {
    const int channels = plan_.gather.chunkChannels(chunk), run = s_.dilW == 1 ? s_.kw : 1;
    for (int ky = 0, y = top; ky < s_.kh; ky++, y += s_.dilH) {
      if (y < 0 || y >= s_.H) continue;
      const uint32_t* starts = pixelStarts_ + size_t(y - top_) * s_.W;
      for (int kx = 0, x = left; kx < s_.kw; kx += run, x += s_.dilW) {
        const int first = larger(0, x), end = smaller(s_.W, x + run);
        if (first >= end) continue;
        const uint16_t* from = channels_ + starts[first];
        const int count = int(starts[end] - starts[first]);
        const Entries shift = uint16_t((ky * s_.kw + kx - x) * channels) - Entries{};
        for (int i = 0; i < count; i += COPIED)
          *reinterpret_cast<Entries*>(out + i) = *reinterpret_cast<const Entries*>(from + i) + shift;
        out += count;
      }
    }
    return out;
  }

  const ConvShape& s_;
  const GatherForwardPlan& plan_;
  const SpikeMap& x_;
  uint32_t* const starts_;
  uint16_t* const entries_;
  uint32_t* const pixelStarts_;
  uint16_t* const channels_;
  int top_ = 0;
};

// Where a band's sums of one group go: the outputs themselves, or scratch from which they are pooled.
struct GatherTarget {
  float* data;
  size_t imageStride, blockStride;  // pixels lie next to each other
  const float* bias;                // of the group
  bool relu;
};

// Sums of one group of output channels over a band that has been listed.
template <int BLOCKS>
static inline void sumBand(const GatherShape& s, const uint32_t* starts, const uint16_t* entries, int images,
                           size_t pixels, int group, const float* weights, const GatherTarget& target) {
  for (int chunk = 0; chunk < s.chunks; chunk++) {
    const float* rows = weights + s.weights(group, chunk);
    const bool relu = target.relu && chunk == s.chunks - 1;
    for (int i = 0; i < images; i++, starts += pixels) {
      float* to = target.data + i * target.imageStride;
      for (size_t p = 0; p < pixels; p++, to += LANES)
        sumRows<BLOCKS>(entries + starts[p], int(starts[p + 1] - starts[p]), rows,
                        {chunk == 0 ? target.bias : to, chunk == 0 ? LANES : target.blockStride, to,
                         target.blockStride, relu});
    }
  }
}

// The share of neurons that fire at which the dense kernel becomes as fast; below zero: it always is. Cycles for one
// output pixel, as measured on a Zen 4 server.
static inline double gatherForwardDenseAbove(const ConvShape& s) {
  const GatherShape gather(s);
  constexpr double DENSE_ROW = VL == 4 ? 3 : 1, DENSE_WORD = 9;  // a row of weights by a block; a word of x staged
  constexpr double ROW = VL == 16 ? 1.1 : VL == 8 ? 1.3 : 3;     // … added
  constexpr double FAR_ROW = VL == 16 ? 1.65 : ROW;              // … where a chunk does not stay near
  constexpr double WORD = 12, EVENT = VL == 16 ? 0 : 4;          // of x listed
  constexpr double COPY = 16, SUM = 18;                          // a row of taps in a list; a list begun and ended
  const double rows = double(s.taps()) * s.C, channels = double(s.sh) * s.sw * s.C;
  const double words = double(s.sh) * s.sw * blocks(s.C);
  const int copies = s.dilW == 1 ? s.kh : s.taps();
  const bool near = gather.taps * smaller(gather.chunkBlocks * LANES, s.C) <= 2 * GatherShape::CHUNK_ROWS;
  const double dense = DENSE_ROW * rows * blocks(s.O) + DENSE_WORD * words;
  const double silent = WORD * words + gather.chunks * (COPY * copies + SUM * gather.groups);
  return (dense - silent) / ((near ? ROW : FAR_ROW) * rows * blocks(s.O) + EVENT * channels);
}

static inline void runGatherForward(const Call& call, const ConvShape& s, const SpikeMap& x, const float* weights,
                                    const float* bias, float* y, uint8_t* argmax) {
  const GatherForwardPlan plan(s, call.scratch, call.pool->threads());
  packBias(bias, s.O, plan.bias);
  const ConvEmitter emitter(s, y, argmax);
  call.pool->run(plan.bands * plan.spans, [&](int task, int thread) {
    const int span = task % plan.spans, band = task / plan.spans;
    const int firstImage = band / plan.rowBands * plan.bandImages;
    const int images = smaller(plan.bandImages, s.images - firstImage);
    const int firstRow = band % plan.rowBands * plan.bandRows, rows = smaller(plan.bandRows, plan.rows - firstRow);
    const size_t imagePixels = size_t(rows) * s.OW;
    const uint32_t* starts = plan.starts + thread * plan.startsSize();
    const uint16_t* entries = plan.entries + thread * plan.maxEntries;

    GatherLister(s, plan, x, thread).list(firstImage, images, firstRow, rows);
    const int groups = plan.gather.groups;
    for (int group = groups * span / plan.spans; group < groups * (span + 1) / plan.spans; group++) {
      const int channel = group * GATHER_GROUP;
      const GatherTarget target =
          plan.direct ? GatherTarget{emitter.blockAt(firstImage, channel / LANES, firstRow, 0),
                                     size_t(blocks(s.O)) * s.OH * s.OW * LANES, size_t(s.OH) * s.OW * LANES,
                                     plan.bias + channel, s.relu}
                      : GatherTarget{plan.sums + thread * plan.sumsSize(), imagePixels * LANES,
                                     plan.bandPixels * LANES, plan.bias + channel, false};
      const auto sumGroup = plan.gather.groupBlocks(group) == 1 ? sumBand<1> : sumBand<2>;
      sumGroup(plan.gather, starts, entries, images, imagePixels, group, weights, target);
      if (plan.direct) continue;
      for (int i = 0; i < images; i++)
        emitter.emit(firstImage + i, {target.data + i * target.imageStride, target.blockStride,
                                      size_t(s.OW) * LANES, channel, smaller(GATHER_GROUP, s.O - channel), firstRow,
                                      rows, nullptr});
    }
  });
}

}  // namespace soma::SOMA_ISA
