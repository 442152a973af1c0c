// The rival written for speed: C++ on oneDNN's matrix products, everything else by hand.
//
// One OpenMP region lasts the whole run. Each thread takes its own images through the forward pass and the gradients
// of the activations, then its own rows of every weight matrix through gradient and update, so that a step costs two
// barriers and no thread waits inside of a matrix product (within a region oneDNN computes on the calling thread).
// Loops are plain: -O3 -march=native -ffast-math makes them vectors, square roots and exponentials included.
//
//   g++ -std=c++17 -O3 -march=native -ffast-math -fopenmp main.cpp -ldnnl
//   OMP_NUM_THREADS=2 ./a.out --data DIR [--epochs N] [--seed N]

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <new>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr int kPixels = 784, kHidden = 128, kClasses = 10, kBatch = 64;
constexpr int kValidation = 10000, kImages = 60000;
constexpr float kRate = 1e-3f, kRho = 0.9f, kEpsilon = 1e-7f;

[[noreturn]] void stop(const std::string& why) {
    std::fprintf(stderr, "error: %s\n", why.c_str());
    std::exit(1);
}

// An IDX file without its header.
std::vector<uint8_t> read_idx(const std::string& path, size_t header, size_t wanted) {
    std::ifstream file(path, std::ios::binary);
    if (!file) stop("cannot read " + path);
    std::vector<uint8_t> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (bytes.size() != header + wanted) stop(path + " is not MNIST's");
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header));
    return bytes;
}

// Floats on a cache line of their own, all zero.
class Floats {
public:
    explicit Floats(size_t size) : data_(new (std::align_val_t(64)) float[size]()) {}
    Floats(const Floats&) = delete;
    Floats& operator=(const Floats&) = delete;
    ~Floats() { ::operator delete[](data_, std::align_val_t(64)); }
    operator float*() { return data_; }

private:
    float* data_;
};

// C[m, n] = A B, where A is [m, k], or [k, m] if it is given as 'T', and likewise B; rows lie one after another.
void multiply(char ta, char tb, int m, int n, int k, const float* a, int lda, const float* b, int ldb, float* c) {
    if (m == 0) return;
    if (dnnl_sgemm(ta, tb, m, n, k, 1.0f, a, lda, b, ldb, 0.0f, c, n) != dnnl_success) stop("dnnl_sgemm refused");
}

struct Range {
    int begin, end;
    int size() const { return end - begin; }
};

// The calling thread's share of n things.
Range share(int n) {
    const int threads = omp_get_num_threads(), self = omp_get_thread_num();
    return {n * self / threads, n * (self + 1) / threads};
}

void rmsprop(int n, const float* __restrict gradient, float* __restrict mean_square, float* __restrict weight) {
#pragma omp simd
    for (int i = 0; i < n; ++i) {
        const float g = gradient[i];
        const float v = kRho * mean_square[i] + (1.0f - kRho) * (g * g);
        mean_square[i] = v;
        weight[i] -= kRate * g / std::sqrt(v + kEpsilon);
    }
}

struct Layer {
    const int inputs, outputs;
    Floats weights, bias, gradient, bias_gradient, weights_square, bias_square;

    Layer(int inputs, int outputs, std::mt19937_64& random)
        : inputs(inputs), outputs(outputs), weights(size()), bias(outputs), gradient(size()), bias_gradient(outputs),
          weights_square(size()), bias_square(outputs) {
        const float limit = std::sqrt(6.0f / static_cast<float>(inputs + outputs));
        std::uniform_real_distribution<float> uniform(-limit, limit);
        for (size_t i = 0; i < size(); ++i) weights[i] = uniform(random);
    }

    size_t size() const { return static_cast<size_t>(inputs) * static_cast<size_t>(outputs); }

    // out = x W + b for some images, negative sums replaced by zero if wanted.
    void forward(int images, const float* x, float* out, bool relu) {
        multiply('N', 'N', images, outputs, inputs, x, inputs, weights, outputs, out);
        const float floor = relu ? 0.0f : std::numeric_limits<float>::lowest(), *b = bias;
        for (int i = 0; i < images; ++i) {
            float* __restrict row = out + i * outputs;
#pragma omp simd
            for (int j = 0; j < outputs; ++j) row[j] = std::max(row[j] + b[j], floor);
        }
    }

    // The gradient of this layer's input, zero where that input is: it came out of a ReLU.
    void backward(int images, const float* delta, const float* x, float* out) {
        multiply('N', 'T', images, inputs, outputs, delta, outputs, weights, outputs, out);
#pragma omp simd
        for (int i = 0; i < images * inputs; ++i) out[i] = x[i] > 0.0f ? out[i] : 0.0f;
    }

    // Gradient and update of the calling thread's rows; the last thread has the bias too.
    void update(int images, const float* x, const float* delta) {
        const Range rows = share(inputs);
        const int first = rows.begin * outputs;
        multiply('T', 'N', rows.size(), outputs, images, x + rows.begin, inputs, delta, outputs, gradient + first);
        rmsprop(rows.size() * outputs, gradient + first, weights_square + first, weights + first);
        if (omp_get_thread_num() != omp_get_num_threads() - 1) return;
        std::fill_n(static_cast<float*>(bias_gradient), outputs, 0.0f);
        float* __restrict sum = bias_gradient;
        for (int i = 0; i < images; ++i) {
#pragma omp simd
            for (int j = 0; j < outputs; ++j) sum[j] += delta[i * outputs + j];
        }
        rmsprop(outputs, bias_gradient, bias_square, bias);
    }
};

struct Score {
    double loss = 0;
    int correct = 0;
};

// Turns logits into probabilities, and adds up loss and hits.
void softmax(int images, float* z, const uint8_t* labels, Score& score) {
    for (int i = 0; i < images; ++i) {
        float* row = z + i * kClasses;
        const float* top = std::max_element(row, row + kClasses);
        score.correct += top - row == labels[i];
        const float highest = *top, label_logit = row[labels[i]];
        float sum = 0;
        for (int j = 0; j < kClasses; ++j) sum += row[j] = std::exp(row[j] - highest);
        score.loss += std::log(sum) - (label_logit - highest);
        for (int j = 0; j < kClasses; ++j) row[j] /= sum;
    }
}

void to_floats(const uint8_t* __restrict pixels, float* __restrict out) {
#pragma omp simd
    for (int i = 0; i < kPixels; ++i) out[i] = static_cast<float>(pixels[i]) * (1.0f / 255.0f);
}

}  // namespace

int main(int argc, char** argv) {
    std::string data;
    int epochs = 6;
    unsigned long seed = 0;
    for (int i = 1; i < argc; i += 2) {
        const std::string name = argv[i];
        if (i + 1 == argc) stop(name + " needs a value");
        if (name == "--data") data = argv[i + 1];
        else if (name == "--epochs") epochs = std::atoi(argv[i + 1]);
        else if (name == "--seed") seed = std::strtoul(argv[i + 1], nullptr, 10);
        else stop(name + " is no option; there are --data, --epochs and --seed");
    }
    const auto images = read_idx(data + "/train-images-idx3-ubyte", 16, size_t{kImages} * kPixels);
    const auto labels = read_idx(data + "/train-labels-idx1-ubyte", 8, kImages);

    std::mt19937_64 random(seed);
    Layer first(kPixels, kHidden, random), second(kHidden, kHidden, random), last(kHidden, kClasses, random);
    Floats x(kBatch * kPixels), h1(kBatch * kHidden), h2(kBatch * kHidden), z(kBatch * kClasses);
    Floats d1(kBatch * kHidden), d2(kBatch * kHidden);
    std::vector<int> order(kImages - kValidation);
    std::iota(order.begin(), order.end(), kValidation);
    std::vector<uint8_t> y(kBatch);

#ifdef __AVX512F__
    const char* loops = "AVX-512";
#elif defined(__AVX2__)
    const char* loops = "AVX2";
#else
    const char* loops = "the compiler's baseline";
#endif
    const dnnl_version_t* version = dnnl_version();
    const bool wide = (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core;
    std::printf("{\"version\":\"%d.%d.%d\",\"isa\":\"oneDNN %s AVX-512, loops %s\"}\n", version->major, version->minor,
                version->patch, wide ? "with" : "without", loops);
    for (int epoch = 1; epoch <= epochs; ++epoch) {
        const auto start = std::chrono::steady_clock::now();
        std::shuffle(order.begin(), order.end(), random);
        double loss = 0, val_loss = 0;
        int correct = 0, val_correct = 0;
#pragma omp parallel reduction(+ : loss, correct, val_loss, val_correct)
        {
            Score score, val_score;
            const int count = static_cast<int>(order.size());
            for (int at = 0; at < count; at += kBatch) {
                const int size = std::min(kBatch, count - at);
                const Range own = share(size);
                const int n = own.size();
                const auto of = [&](float* rows, int width) { return rows + own.begin * width; };
                float *const ox = of(x, kPixels), *const o1 = of(h1, kHidden), *const o2 = of(h2, kHidden);
                float *const oz = of(z, kClasses);
                for (int i = own.begin; i < own.end; ++i) {
                    const int image = order[static_cast<size_t>(at + i)];
                    to_floats(images.data() + size_t(image) * kPixels, x + i * kPixels);
                    y[static_cast<size_t>(i)] = labels[static_cast<size_t>(image)];
                }
                first.forward(n, ox, o1, true);
                second.forward(n, o1, o2, true);
                last.forward(n, o2, oz, false);
                softmax(n, oz, y.data() + own.begin, score);
                for (int i = 0; i < n; ++i) oz[i * kClasses + y[static_cast<size_t>(own.begin + i)]] -= 1.0f;
                for (int i = 0; i < n * kClasses; ++i) oz[i] /= static_cast<float>(size);
                last.backward(n, oz, o2, of(d2, kHidden));
                second.backward(n, of(d2, kHidden), o1, of(d1, kHidden));
#pragma omp barrier
                first.update(size, x, d1);
                second.update(size, h1, d2);
                last.update(size, h2, z);
#pragma omp barrier
            }
            // Validation, as many images at a time as x has room for.
            const Range val = share(kValidation);
            Floats vx(kBatch * kPixels), v1(kBatch * kHidden), v2(kBatch * kHidden), vz(kBatch * kClasses);
            for (int at = val.begin; at < val.end; at += kBatch) {
                const int n = std::min(kBatch, val.end - at);
                for (int i = 0; i < n; ++i) to_floats(images.data() + size_t(at + i) * kPixels, vx + i * kPixels);
                first.forward(n, vx, v1, true);
                second.forward(n, v1, v2, true);
                last.forward(n, v2, vz, false);
                softmax(n, vz, labels.data() + at, val_score);
            }
            loss += score.loss, correct += score.correct;
            val_loss += val_score.loss, val_correct += val_score.correct;
        }
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        const double n = kImages - kValidation;
        std::printf("{\"epoch\":%d,\"seconds\":%.6f,\"loss\":%.5f,\"accuracy\":%.5f,\"val_loss\":%.5f,\"val_accuracy\":%.5f}\n",
                    epoch, took.count(), loss / n, correct / n, val_loss / kValidation, double(val_correct) / kValidation);
        std::fflush(stdout);
    }
}
