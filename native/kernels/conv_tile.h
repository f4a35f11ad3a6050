// The dense inner kernel: a direct convolution of a staged frame (conv_source.h), tiled in registers.
//
// One tile is R rows x P columns of output pixels by VO registers of output channels. It stays in
// registers over the whole sum: for each channel block, tap and channel, VO registers of weights are
// loaded once and multiplied with R * P input values. Weights are packed in exactly that order:
//
//   packed   [panel][channel block][tap][channel][VO * VL]       panel: PANEL output channels, the last
//                                                                one maybe fewer
#pragma once
#include "../kernel.h"
#include "../simd.h"
#include "conv_shape.h"
#include "scratch.h"

namespace soma::SOMA_ISA {

constexpr int TILE_REGISTERS = 2;                   // registers of output channels in a full tile
constexpr int TILE_PIXELS = VL == 16 ? 14 : 6;      // 28 accumulators of 32 registers, or 12 of 16
constexpr int PANEL = TILE_REGISTERS * VL;          // output channels in a panel

// What stays the same for all tiles of a call.
struct TileGeometry {
  int channels;           // input channels
  int lanes;              // of an input pixel: 16 or 4
  size_t inputBlock;      // floats between channel blocks of the frame
  size_t inputRow;        // floats between input rows of neighbouring output rows
  size_t outputPixel;     // floats between neighbouring output pixels
  size_t outputRow;       // … output rows
  size_t outputBlock;     // … blocks of 16 output channels
  bool relu;              // clamp before storing
  bool add;               // to what is stored already, instead of replacing it
};

// Taps as offsets into the frame, in the order in which their weights are packed.
struct Taps {
  const int32_t* offsets;
  int count;
};

// Convolves `rows` x `columns` output pixels for one panel. `input` is the frame's pixel that tap
// offset 0 of the first output pixel reads; `output` is the first pixel's block 0 of the panel's group.
// `bias` holds the panel's channels or is null.
void convolvePanel(const TileGeometry& geometry, const Taps& taps, const float* input, const float* weights,
                   const float* bias, int panel, int outputChannels, int rows, int columns, float* output);

// ---- How weights are packed (conv_pack.h)

static inline int panels(int outputChannels) { return divideUp(blocks(outputChannels) * LANES, PANEL); }
// Registers of output channels in a panel.
static inline int panelRegisters(int outputChannels, int panel) {
  return smaller(TILE_REGISTERS, (blocks(outputChannels) * LANES - panel * PANEL) / VL);
}
static inline size_t panelSize(int inputChannels, int taps) { return size_t(inputChannels) * taps * PANEL; }
static inline size_t packedSize(int inputChannels, int outputChannels, int taps) {
  return panels(outputChannels) * panelSize(inputChannels, taps);
}

}  // namespace soma::SOMA_ISA
