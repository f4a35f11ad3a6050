// What this machine can do at most: single-precision fused multiply-adds, and memory bandwidth, for 1 … N threads.
//
//   c++ -O3 -march=native -ffp-contract=fast -pthread roofline.cc && ./a.out THREADS
//
// FMA: 12 independent chains of vectors a thread, nothing but registers; 12 cover the latency of every core of today.
// Memory: a read of 256 MiB (sum of vectors), and a triad a = b + s*c over three times 128 MiB, counted as three
// streams. Best of several runs, since everything else on the machine can only make it worse. Prints JSON.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
typedef float Vec __attribute__((vector_size(kLanes * 4)));

template <class Body>
double seconds(int threads, Body body) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> team;
  for (int t = 0; t < threads; t++) team.emplace_back(body, t);
  for (auto& member : team) member.join();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

template <class Body>
double best(int threads, Body body) {
  double least = 1e9;
  for (int i = 0; i < 7; i++) least = std::min(least, seconds(threads, body));
  return least;
}

volatile float g_sink;

void multiplyAdd(long rounds) {
  Vec a, b;
  for (int i = 0; i < kLanes; i++) a[i] = 0.999f, b[i] = 0.001f + i;
  // Variables of their own: the compiler keeps the elements of an array in memory here.
  // Each starts elsewhere: equal chains would be computed once.
  Vec s0 = b, s1 = b + 1, s2 = b + 2, s3 = b + 3, s4 = b + 4, s5 = b + 5;
  Vec s6 = b + 6, s7 = b + 7, s8 = b + 8, s9 = b + 9, s10 = b + 10, s11 = b + 11;
  for (long r = 0; r < rounds; r++) {
    s0 = s0 * a + b, s1 = s1 * a + b, s2 = s2 * a + b, s3 = s3 * a + b;
    s4 = s4 * a + b, s5 = s5 * a + b, s6 = s6 * a + b, s7 = s7 * a + b;
    s8 = s8 * a + b, s9 = s9 * a + b, s10 = s10 * a + b, s11 = s11 * a + b;
  }
  g_sink = (s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11)[0];
}

int main(int argc, char** argv) {
  const int most = argc > 1 ? std::atoi(argv[1]) : 1;
  constexpr long kRounds = 10'000'000, kBytes = 128l << 20, kVecs = kBytes / sizeof(Vec);
  auto make = [] {
    auto* p = static_cast<Vec*>(std::aligned_alloc(64, kBytes));
    for (long i = 0; i < kVecs; i++) p[i] = Vec{} + 1.0f;
    return p;
  };
  Vec *a = make(), *b = make(), *c = make();
  std::printf("{\"lanes\": %d, \"threads\": [", kLanes);
  for (int threads = 1; threads <= most; threads++) {
    const double fma = best(threads, [](int) { multiplyAdd(kRounds); });
    const double read = best(threads, [=](int t) {
      Vec sums[4] = {};
      for (const Vec* p : {b, c})
        for (long i = kVecs * t / threads / 4 * 4; i < kVecs * (t + 1) / threads / 4 * 4; i += 4)
          for (int k = 0; k < 4; k++) sums[k] += p[i + k];
      g_sink = (sums[0] + sums[1] + sums[2] + sums[3])[0];
    });
    const double triad = best(threads, [=](int t) {
      for (long i = kVecs * t / threads; i < kVecs * (t + 1) / threads; i++) a[i] = b[i] + 3.0f * c[i];
    });
    std::printf("%s{\"threads\": %d, \"gflops\": %.1f, \"read_gbs\": %.2f, \"triad_gbs\": %.2f}",
                threads > 1 ? ", " : "", threads, threads * kRounds * 12.0 * kLanes * 2 / fma / 1e9,
                2.0 * kBytes / read / 1e9, 3.0 * kBytes / triad / 1e9);
  }
  std::printf("]}\n");
}
