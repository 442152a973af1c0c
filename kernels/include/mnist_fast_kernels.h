// The C interface of mnist-fast-kernels: bit-exact SIMD kernels for multilayer perceptrons.
// MIT or Apache-2.0. Written by cbindgen from kernels/src/capi/: do not edit.
//
// Choose the kernels once (`mnf_kernels_best`), make one workspace per thread (`mnf_workspace_new`), and call. The library
// starts no threads, keeps no state and reads no environment; to use several threads, give each a part of the outputs.
// The same input gives the same bits on every exact instruction set, however the outputs are split.
//
// Matrices: row-major floats; rows start `..._ld` elements (the leading dimension, at least the number of columns)
// apart, and the gaps are never touched. Sizes and strides count elements, not bytes.
//
// Pointers: each leads to as many elements as the sizes say, aligned as its type asks. What is written must overlap no
// other argument, and no other thread may use it meanwhile. A pointer to nothing (a size is 0) may be NULL.
//
// Status: a call returns a `mnf_status`; unless it is `MNF_STATUS_OK` or `MNF_STATUS_INTERNAL`, nothing was written. Any call
// can return `MNF_STATUS_NULL_POINTER`, `_ALIGNMENT`, `_SIZE` and `_INTERNAL`, and, if it takes a matrix, `_STRIDE`; what
// else it can return stands with the function. No panic leaves the library.

#ifndef MNIST_FAST_KERNELS_H
#define MNIST_FAST_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The prediction for a row that is empty or holds a NaN.
#define MNF_NO_CLASS UINT32_MAX

// What a call returns. Unless it is `MNF_STATUS_OK` or `MNF_STATUS_INTERNAL`, nothing was written.
enum mnf_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Done.
    MNF_STATUS_OK = 0,
    // A pointer is null, and not one that may be.
    MNF_STATUS_NULL_POINTER = 1,
    // A pointer is not aligned as its type asks.
    MNF_STATUS_ALIGNMENT = 2,
    // A size is so large that no memory holds it: its bytes exceed what a pointer difference can count.
    MNF_STATUS_SIZE = 3,
    // A leading dimension is below the number of columns, or elements of C would overlap (a stride of 0, say).
    MNF_STATUS_STRIDE = 4,
    // The batch size is 0.
    MNF_STATUS_BATCH = 5,
    // A label is not below the number of classes.
    MNF_STATUS_LABEL = 6,
    // A number that is none of its enumeration.
    MNF_STATUS_ENUMERATION = 7,
    // This CPU, or this build, cannot run the instruction set.
    MNF_STATUS_UNAVAILABLE_ISA = 8,
    // A defect of the library: please report it. What was to be written is undefined.
    MNF_STATUS_INTERNAL = 9,
    // A packed matrix has another shape than the sizes say, or is packed for another instruction set.
    MNF_STATUS_PACKED = 10,
    // There is no memory for what the call makes.
    MNF_STATUS_MEMORY = 11,
    // A row of a sparse matrix is not inside of its elements, or its columns do not increase or are outside of the shape.
    MNF_STATUS_SPARSE = 12,
    // A number is out of the bounds that stand with the function.
    MNF_STATUS_VALUE = 13,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mnf_status mnf_status;
#else
typedef int32_t mnf_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What a dense layer applies to its pre-activations.
enum mnf_activation
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Nothing: the outputs are logits.
    MNF_ACTIVATION_LINEAR = 0,
    // `x < 0 ? 0 : x`.
    MNF_ACTIVATION_RELU = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mnf_activation mnf_activation;
#else
typedef int32_t mnf_activation;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// An instruction set with its own kernels. All but `MNF_ISA_PORTABLE` give the same bits for the same input.
enum mnf_isa
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Plain code: the reference. Runs anywhere, slowly.
    MNF_ISA_SCALAR = 0,
    // Fast on any CPU, correct to rounding, but not the same bits.
    MNF_ISA_PORTABLE = 1,
    // x86-64 with AVX2 and FMA.
    MNF_ISA_AVX2 = 2,
    // x86-64 with AVX-512 F, VL, BW and DQ.
    MNF_ISA_AVX512 = 3,
    // aarch64 with NEON, which every such CPU has.
    MNF_ISA_NEON = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mnf_isa mnf_isa;
#else
typedef int32_t mnf_isa;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What moves the weights, and how many states it has for each of them.
enum mnf_optimizer
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // `mnf_sgd`; no state.
    MNF_OPTIMIZER_SGD = 0,
    // `mnf_momentum`; the state m.
    MNF_OPTIMIZER_MOMENTUM = 1,
    // `mnf_rmsprop`, also with momentum, or centred; the states v, m if `momentum` is above 0, and a if `centered`.
    MNF_OPTIMIZER_RMSPROP = 2,
    // `mnf_adam`, and with weight decay `mnf_adamw`; the states m and v.
    MNF_OPTIMIZER_ADAM = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mnf_optimizer mnf_optimizer;
#else
typedef int32_t mnf_optimizer;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How a sparse matrix is stored.
enum mnf_sparse_form
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Compressed sparse rows.
    MNF_SPARSE_FORM_CSR = 0,
    // Bytes, each of which stands for byte / 255.
    MNF_SPARSE_FORM_BYTES = 1,
    // Floats, such as the outputs of a ReLU: their zeros are left out.
    MNF_SPARSE_FORM_FLOATS = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum mnf_sparse_form mnf_sparse_form;
#else
typedef int32_t mnf_sparse_form;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The kernels of one instruction set. It lives as long as the library: there is nothing to free. Any number of
// threads may use it at once.
typedef struct mnf_kernels mnf_kernels;

// A matrix in the order in which products of one instruction set read it. Calls only read it: any number of threads may
// use it at once.
typedef struct mnf_packed mnf_packed;

// Scratch memory for products. One call at a time may use it: threads need one each.
typedef struct mnf_workspace mnf_workspace;

// What one step does to weights: an optimizer, and what comes before it, in this order: `g = g + 2 l2 w`, the gradient of the
// penalty `l2 w^2`; `g = gradient_scale g`, which clipping by a norm comes to; g within `-clip_value..clip_value`; `w = w -
// learning_rate weight_decay w`. Start from `mnf_rule_init`, and change what should be otherwise.
typedef struct {
    // A `mnf_optimizer`.
    int32_t optimizer;
    // MOMENTUM: Nesterov's, where it is not 0.
    int32_t nesterov;
    // RMSPROP: whether the root is that of an estimate of the gradient's variance.
    int32_t centered;
    // RMSPROP: as PyTorch, where it is not 0.
    int32_t epsilon_outside_root;
    // ADAM: the number of steps taken before this one.
    uint64_t iteration;
    // The learning rate.
    double learning_rate;
    // MOMENTUM, RMSPROP: the part of the last movement that goes on.
    double momentum;
    // RMSPROP: the decay of the running mean of squares.
    double rho;
    // ADAM: the decay of the running mean of gradients.
    double beta_1;
    // ADAM: the decay of the running mean of squares.
    double beta_2;
    // RMSPROP, ADAM.
    double epsilon;
    // The factor of the penalty; 0 for none.
    double l2;
    // What the gradient is multiplied by; 1 for nothing.
    double gradient_scale;
    // The largest magnitude of a gradient's element; infinity for none.
    double clip_value;
    // The part of a weight, times the learning rate, that each step takes away; 0 for none.
    double weight_decay;
} mnf_rule;

// The elements of a row-major matrix, and its leading dimension.
typedef struct {
    // The first element.
    float *elements;
    // Elements from the start of a row to that of the next one.
    size_t ld;
} mnf_matrix;

// A matrix whose zeros a product leaves out, with the same bits. Fields that a form does not name are not looked at.
typedef struct {
    // A `mnf_sparse_form`.
    int32_t form;
    // How many rows it has.
    size_t rows;
    // How many columns it has.
    size_t columns;
    // CSR: `length` floats, the values; BYTES: bytes; FLOATS: floats, row-major.
    const void *elements;
    // BYTES, FLOATS: elements from the start of a row to that of the next one.
    size_t ld;
    // CSR: the columns of the values, `length` of them, which increase within a row. BYTES: NULL, or which rows of a larger
    // matrix these are, `rows` of them, in any order; that matrix has `length` rows and no gaps.
    const uint32_t *indices;
    // CSR: row i has the values `starts[i]` to `ends[i]`, that one not included; `rows` numbers each. Of row pointers in one
    // array, `ends` is `starts + 1`.
    const uint32_t *starts;
    // CSR: see `starts`.
    const uint32_t *ends;
    // CSR: how many values and indices there are; BYTES with indices: how many rows there are to choose from.
    size_t length;
} mnf_sparse;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// A sentence in English for a status; "unknown status" for any other number. It lives as long as the library.
const char *mnf_status_message(int32_t status);

// The version of the library, such as "0.1.0". It lives as long as the library.
const char *mnf_version(void);

// The name of a `mnf_isa`, such as "avx2"; NULL for any other number. It lives as long as the library.
const char *mnf_isa_name(int32_t isa);

// Whether this build has kernels for a `mnf_isa` and this CPU can run them; false for any other number.
bool mnf_isa_is_available(int32_t isa);

// Whether a `mnf_isa` gives the exact bits, equal on every such one; false for any other number.
bool mnf_isa_is_exact(int32_t isa);

// The fastest kernels that this CPU runs; never NULL.
const mnf_kernels *mnf_kernels_best(void);

// The fastest kernels of this CPU that give the exact bits; never NULL. Others are faster only where the CPU lacks fused
// multiply-add.
const mnf_kernels *mnf_kernels_best_exact(void);

// Sets `*kernels` to the kernels of a `mnf_isa`.
//
// Errors: `MNF_STATUS_ENUMERATION` where `isa` is none, `MNF_STATUS_UNAVAILABLE_ISA`.
mnf_status mnf_kernels_for_isa(int32_t isa, const mnf_kernels **kernels);

// Which `mnf_isa` the kernels are; -1 for NULL.
int32_t mnf_kernels_isa(const mnf_kernels *kernels);

// A new workspace (1.5 MB, touched only where a call packs), or NULL where there is no memory. Free it with
// `mnf_workspace_free`.
mnf_workspace *mnf_workspace_new(void);

// Frees what `mnf_workspace_new` gave, once; does nothing for NULL.
void mnf_workspace_free(mnf_workspace *workspace);

// C = alpha A B + beta C: A is m x k, B is k x n, C is m x n.
//
// Element (i, j) of a matrix is at `ptr + i * row_stride + j * column_stride`; strides count elements. Strides of A and
// B may also be zero or negative, those of C negative; exchanging a matrix's two strides transposes it. Each element
// starts at `beta * c` and takes `(alpha a) b` in increasing k, by fused multiply-adds. With beta = 0 C is not read;
// with alpha = 0 or k = 0 A and B are not.
//
// Errors: `MNF_STATUS_STRIDE` where elements of C overlap.
mnf_status mnf_sgemm(const mnf_kernels *kernels,
                     size_t m,
                     size_t k,
                     size_t n,
                     float alpha,
                     const float *a,
                     ptrdiff_t a_row_stride,
                     ptrdiff_t a_column_stride,
                     const float *b,
                     ptrdiff_t b_row_stride,
                     ptrdiff_t b_column_stride,
                     float beta,
                     float *c,
                     ptrdiff_t c_row_stride,
                     ptrdiff_t c_column_stride,
                     mnf_workspace *workspace);

// A dense layer: Y = activation(X W + bias). X is batch x inputs, W inputs x outputs, `bias` has `outputs` elements, Y is
// batch x outputs.
//
// Errors: `MNF_STATUS_ENUMERATION` where `activation` is no `mnf_activation`.
mnf_status mnf_dense_forward(const mnf_kernels *kernels,
                             size_t batch,
                             size_t inputs,
                             size_t outputs,
                             const float *x,
                             size_t x_ld,
                             const float *w,
                             size_t w_ld,
                             const float *bias,
                             int32_t activation,
                             float *y,
                             size_t y_ld,
                             mnf_workspace *workspace);

// The gradient of a dense layer's input: dX = delta W^T, and +0 wherever `active` is not above 0.
//
// `delta` is batch x outputs, the loss' gradient by the pre-activations; W is inputs x outputs; dX and `active` are batch x
// inputs. `active` is the ReLU output that was this layer's input: its mask makes dX the delta of the layer below. NULL
// leaves it out.
mnf_status mnf_dense_input_gradient(const mnf_kernels *kernels,
                                    size_t batch,
                                    size_t inputs,
                                    size_t outputs,
                                    const float *delta,
                                    size_t delta_ld,
                                    const float *w,
                                    size_t w_ld,
                                    const float *active,
                                    size_t active_ld,
                                    float *dx,
                                    size_t dx_ld,
                                    mnf_workspace *workspace);

// The gradient of a dense layer's weights: dW = X^T delta. X is batch x inputs, `delta` batch x outputs, dW inputs x
// outputs.
mnf_status mnf_dense_weight_gradient(const mnf_kernels *kernels,
                                     size_t batch,
                                     size_t inputs,
                                     size_t outputs,
                                     const float *x,
                                     size_t x_ld,
                                     const float *delta,
                                     size_t delta_ld,
                                     float *dw,
                                     size_t dw_ld,
                                     mnf_workspace *workspace);

// `mnf_dense_weight_gradient` and then `mnf_sgd` on W, inputs x outputs, in one pass that stores no gradient: the same
// bits.
mnf_status mnf_dense_weight_update_sgd(const mnf_kernels *kernels,
                                       double learning_rate,
                                       size_t batch,
                                       size_t inputs,
                                       size_t outputs,
                                       const float *x,
                                       size_t x_ld,
                                       const float *delta,
                                       size_t delta_ld,
                                       float *w,
                                       size_t w_ld,
                                       mnf_workspace *workspace);

// `mnf_dense_weight_gradient` and then `mnf_rmsprop` on W, in one pass that stores no gradient: the same bits. W and V, the
// state, are inputs x outputs.
mnf_status mnf_dense_weight_update_rmsprop(const mnf_kernels *kernels,
                                           double learning_rate,
                                           double rho,
                                           double epsilon,
                                           int32_t epsilon_outside_root,
                                           size_t batch,
                                           size_t inputs,
                                           size_t outputs,
                                           const float *x,
                                           size_t x_ld,
                                           const float *delta,
                                           size_t delta_ld,
                                           float *w,
                                           size_t w_ld,
                                           float *v,
                                           size_t v_ld,
                                           mnf_workspace *workspace);

// `mnf_dense_weight_gradient` and then `mnf_momentum` on W, in one pass that stores no gradient: the same bits. W and M, the
// state, are inputs x outputs.
mnf_status mnf_dense_weight_update_momentum(const mnf_kernels *kernels,
                                            double learning_rate,
                                            double momentum,
                                            int32_t nesterov,
                                            size_t batch,
                                            size_t inputs,
                                            size_t outputs,
                                            const float *x,
                                            size_t x_ld,
                                            const float *delta,
                                            size_t delta_ld,
                                            float *w,
                                            size_t w_ld,
                                            float *m,
                                            size_t m_ld,
                                            mnf_workspace *workspace);

// `mnf_dense_weight_gradient` and then `mnf_adam` on W, in one pass that stores no gradient: the same bits. W, and M and V,
// the state, are inputs x outputs.
mnf_status mnf_dense_weight_update_adam(const mnf_kernels *kernels,
                                        double learning_rate,
                                        double beta_1,
                                        double beta_2,
                                        double epsilon,
                                        uint64_t iteration,
                                        size_t batch,
                                        size_t inputs,
                                        size_t outputs,
                                        const float *x,
                                        size_t x_ld,
                                        const float *delta,
                                        size_t delta_ld,
                                        float *w,
                                        size_t w_ld,
                                        float *m,
                                        size_t m_ld,
                                        float *v,
                                        size_t v_ld,
                                        mnf_workspace *workspace);

// `mnf_dense_weight_gradient` and then `mnf_adamw` on W, in one pass that stores no gradient: the same bits. W, and M and V,
// the state, are inputs x outputs.
mnf_status mnf_dense_weight_update_adamw(const mnf_kernels *kernels,
                                         double learning_rate,
                                         double beta_1,
                                         double beta_2,
                                         double epsilon,
                                         double weight_decay,
                                         uint64_t iteration,
                                         size_t batch,
                                         size_t inputs,
                                         size_t outputs,
                                         const float *x,
                                         size_t x_ld,
                                         const float *delta,
                                         size_t delta_ld,
                                         float *w,
                                         size_t w_ld,
                                         float *m,
                                         size_t m_ld,
                                         float *v,
                                         size_t v_ld,
                                         mnf_workspace *workspace);

// The gradient of a dense layer's biases: the sum over the rows of `delta`, batch x outputs, to `outputs` elements of
// `gradient`.
mnf_status mnf_dense_bias_gradient(const mnf_kernels *kernels,
                                   size_t batch,
                                   size_t outputs,
                                   const float *delta,
                                   size_t delta_ld,
                                   float *gradient);

// Sets `*packed` to a copy of B, k x n, packed for these kernels: for an operand that serves many products, such as the
// weights of a network that no longer trains. Free it with `mnf_packed_free`; B is not needed any more.
//
// Element (i, j) of B is at `b + i * b_row_stride + j * b_column_stride`; strides count elements, and may also be zero or
// negative.
//
// Errors: `MNF_STATUS_MEMORY`.
mnf_status mnf_pack_b(const mnf_kernels *kernels,
                      size_t k,
                      size_t n,
                      const float *b,
                      ptrdiff_t b_row_stride,
                      ptrdiff_t b_column_stride,
                      mnf_packed **packed);

// Frees what `mnf_pack_b` gave, once; does nothing for NULL.
void mnf_packed_free(mnf_packed *packed);

// `mnf_sgemm` with a packed B: C = alpha A B + beta C, the same bits. A is m x k with any strides, C is m x n, row-major.
//
// Errors: `MNF_STATUS_PACKED` where B is not k x n, or packed for another instruction set than that of these kernels.
mnf_status mnf_sgemm_packed(const mnf_kernels *kernels,
                            size_t m,
                            size_t k,
                            size_t n,
                            float alpha,
                            const float *a,
                            ptrdiff_t a_row_stride,
                            ptrdiff_t a_column_stride,
                            const mnf_packed *b,
                            float beta,
                            float *c,
                            size_t c_ld,
                            mnf_workspace *workspace);

// `mnf_dense_forward` with packed weights: Y = activation(X W + bias), the same bits. X is batch x inputs, W inputs x
// outputs, `bias` has `outputs` elements, Y is batch x outputs.
//
// Errors: `MNF_STATUS_ENUMERATION` where `activation` is no `mnf_activation`; `MNF_STATUS_PACKED` where W is not inputs x
// outputs, or packed for another instruction set than that of these kernels.
mnf_status mnf_dense_forward_packed(const mnf_kernels *kernels,
                                    size_t batch,
                                    size_t inputs,
                                    size_t outputs,
                                    const float *x,
                                    size_t x_ld,
                                    const mnf_packed *w,
                                    const float *bias,
                                    int32_t activation,
                                    float *y,
                                    size_t y_ld,
                                    mnf_workspace *workspace);

// ReLU of `n` elements, in place: `x < 0 ? 0 : x`. NaN passes; the sign of a zero is not fixed.
mnf_status mnf_relu(const mnf_kernels *kernels, size_t n, float *x);

// Leaky ReLU of `n` elements, in place: `x < 0 ? slope * x : x`. NaN passes.
mnf_status mnf_leaky_relu(const mnf_kernels *kernels, float slope, size_t n, float *x);

// The logistic function of `n` elements, in place: `1 / (1 + e^-x)`, within 2.41 ULP. NaN passes; results below 2^-126
// are +0.
mnf_status mnf_sigmoid(const mnf_kernels *kernels, size_t n, float *x);

// tanh of `n` elements, in place, within 1.46 ULP. NaN passes.
mnf_status mnf_tanh(const mnf_kernels *kernels, size_t n, float *x);

// e^x of `n` elements, in place, within 1.02 ULP. NaN passes; results below 2^-126 are +0; above 88.72283 +inf.
mnf_status mnf_exp(const mnf_kernels *kernels, size_t n, float *x);

// ln x of `n` elements, in place, within 0.83 ULP. NaN passes; a negative gives NaN, a zero -inf.
mnf_status mnf_ln(const mnf_kernels *kernels, size_t n, float *x);

// The gradient through ReLU, in place: `delta` stays where its output `h` is above 0, and becomes +0 elsewhere, also where
// `h` is NaN. Both have `n` elements.
mnf_status mnf_relu_gradient(const mnf_kernels *kernels, size_t n, const float *h, float *delta);

// The gradient through leaky ReLU, in place: `delta` stays where its output `h` is above 0, and becomes `slope * delta`
// elsewhere. Both have `n` elements; `slope` is not negative.
mnf_status mnf_leaky_relu_gradient(const mnf_kernels *kernels, float slope, size_t n, const float *h, float *delta);

// The gradient through the logistic function, in place: `delta = delta (h (1 - h))` for its output `h`. Both have `n`
// elements.
mnf_status mnf_sigmoid_gradient(const mnf_kernels *kernels, size_t n, const float *h, float *delta);

// The gradient through tanh, in place: `delta = delta (1 - h^2)` for its output `h`. Both have `n` elements.
mnf_status mnf_tanh_gradient(const mnf_kernels *kernels, size_t n, const float *h, float *delta);

// Softmax of each row: `y = e^(x - max) / sum`. X and Y are rows x columns. A row that holds NaN or +inf, or only -inf,
// gives NaN throughout.
mnf_status mnf_softmax(const mnf_kernels *kernels,
                       size_t rows,
                       size_t columns,
                       const float *x,
                       size_t x_ld,
                       float *y,
                       size_t y_ld);

// The logarithm of each row's softmax: `y = (x - max) - ln(sum e^(x - max))`, in nats. X and Y are rows x columns. -inf
// gives -inf; a row that holds NaN or +inf, or only -inf, gives NaN throughout.
mnf_status mnf_log_softmax(const mnf_kernels *kernels,
                           size_t rows,
                           size_t columns,
                           const float *x,
                           size_t x_ld,
                           float *y,
                           size_t y_ld);

// Softmax and categorical cross-entropy of each row of logits, rows x classes, with their gradient in the same pass.
//
// `labels`, `losses` and `predictions` have `rows` elements. Per row: `losses = ln(sum e^(x - max)) + (max - x[label])` in
// nats; `predictions` = the first column of the maximum, or `MNF_NO_CLASS` where the row holds a NaN; and, unless
// `gradient` (rows x classes) is NULL, `gradient = (softmax(x) - [column = label]) / batch`: the gradient of the batch's
// mean loss. `batch` is the size of the whole batch, also where the rows are only a part of it.
//
// Errors: `MNF_STATUS_BATCH` where it is 0, `MNF_STATUS_LABEL` where a label is not below `classes`.
mnf_status mnf_softmax_cross_entropy(const mnf_kernels *kernels,
                                     size_t rows,
                                     size_t classes,
                                     const float *logits,
                                     size_t logits_ld,
                                     const uint32_t *labels,
                                     size_t batch,
                                     float *gradient,
                                     size_t gradient_ld,
                                     float *losses,
                                     uint32_t *predictions);

// `mnf_softmax_cross_entropy` with smoothed labels: each of the classes has a share of `smoothing / classes` in each label, and
// the label itself `1 - smoothing` more, as in Keras and PyTorch. The bits of `mnf_softmax_cross_entropy_soft` with rows of
// `mnf_smoothed_targets`, which are never stored.
//
// Errors: `MNF_STATUS_VALUE` where `smoothing` is not from 0 (labels as they are) to 1; `MNF_STATUS_BATCH` where the batch is 0,
// `MNF_STATUS_LABEL` where a label is not below `classes`.
mnf_status mnf_softmax_cross_entropy_smoothed(const mnf_kernels *kernels,
                                              size_t rows,
                                              size_t classes,
                                              const float *logits,
                                              size_t logits_ld,
                                              const uint32_t *labels,
                                              double smoothing,
                                              size_t batch,
                                              float *gradient,
                                              size_t gradient_ld,
                                              float *losses,
                                              uint32_t *predictions);

// Sets `*on` and `*off` to what a row of `classes` smoothed targets holds at the label, `1 - smoothing + smoothing / classes`, and
// elsewhere, `smoothing / classes`, each rounded once.
//
// Errors: `MNF_STATUS_VALUE` where `smoothing` is not from 0 to 1, or `classes` is 0.
mnf_status mnf_smoothed_targets(double smoothing,
                                size_t classes,
                                float *on,
                                float *off);

// `mnf_softmax_cross_entropy` with a distribution over the classes for each row instead of a label: `targets`, rows x
// classes, is one-hot (the same bits as its labels), smoothed, or a mixture.
//
// Per row: `losses = sum t (ln(sum e^(x - max)) + (max - x))` over the columns whose target t is not 0, and, unless
// `gradient` is NULL, `gradient = (softmax(x) - t) / batch`, which is the loss' gradient where the targets of a row sum
// to 1; that is not checked.
//
// Errors: `MNF_STATUS_BATCH` where it is 0.
mnf_status mnf_softmax_cross_entropy_soft(const mnf_kernels *kernels,
                                          size_t rows,
                                          size_t classes,
                                          const float *logits,
                                          size_t logits_ld,
                                          const float *targets,
                                          size_t targets_ld,
                                          size_t batch,
                                          float *gradient,
                                          size_t gradient_ld,
                                          float *losses,
                                          uint32_t *predictions);

// Binary cross-entropy of one logit z a sample, with its gradient in the same pass; `n` samples, whose targets t are 0 or
// 1, or, smoothed, between.
//
// Per sample: `losses = max(z, 0) - z t + ln(1 + e^-|z|)` in nats, and, unless `gradient` is NULL, `gradient =
// (sigmoid(z) - t) / batch`: the gradient of the batch's mean loss. `batch` is the size of the whole batch, also where
// the samples are only a part of it.
//
// Errors: `MNF_STATUS_BATCH` where it is 0.
mnf_status mnf_binary_cross_entropy(const mnf_kernels *kernels,
                                    size_t n,
                                    const float *logits,
                                    const float *targets,
                                    size_t batch,
                                    float *gradient,
                                    float *losses);

// The sum of each row of X, rows x columns, to `rows` elements of `to`; +0 for an empty row.
mnf_status mnf_row_sum(const mnf_kernels *kernels, size_t rows, size_t columns, const float *x, size_t x_ld, float *to);

// The largest element of each row of X, rows x columns, to `rows` elements of `to`: NaN where the row holds one, -inf
// for an empty row.
mnf_status mnf_row_max(const mnf_kernels *kernels, size_t rows, size_t columns, const float *x, size_t x_ld, float *to);

// The sum of the squares of each row of X, rows x columns, to `rows` elements of `to`; +0 for an empty row. An element above
// 1.8e19 in magnitude gives +inf.
mnf_status mnf_row_sum_of_squares(const mnf_kernels *kernels,
                                  size_t rows,
                                  size_t columns,
                                  const float *x,
                                  size_t x_ld,
                                  float *to);

// The Euclidean norm of each row of X, rows x columns, to `rows` elements of `to`; +0 for an empty row. Nothing is
// scaled: an element above 1.8e19 in magnitude gives +inf.
mnf_status mnf_row_norm2(const mnf_kernels *kernels, size_t rows, size_t columns, const float *x, size_t x_ld, float *to);

// The first column that holds each row's maximum, to `rows` elements of `to`; `MNF_NO_CLASS` for a row that is empty or
// holds a NaN. X is rows x columns.
mnf_status mnf_argmax(const mnf_kernels *kernels, size_t rows, size_t columns, const float *x, size_t x_ld, uint32_t *to);

// One step of gradient descent: `w = w - learning_rate g`. `w` and `gradient` have `n` elements.
mnf_status mnf_sgd(const mnf_kernels *kernels, double learning_rate, size_t n, float *w, const float *gradient);

// One step of gradient descent with momentum: `m = momentum m - learning_rate g`, then `w = w + m`; where `nesterov` is not
// 0 `w = w + (momentum m - learning_rate g)` of the new `m` (as Keras 3's SGD). `w`, `m`, the state, and `gradient` have
// `n` elements; `m` starts at 0.
mnf_status mnf_momentum(const mnf_kernels *kernels,
                        double learning_rate,
                        double momentum,
                        int32_t nesterov,
                        size_t n,
                        float *w,
                        float *m,
                        const float *gradient);

// One step of RMSprop: `v = rho v + (1 - rho) g^2`, then `w = w - learning_rate g / sqrt(v + epsilon)` (as in Keras 3), or,
// where `epsilon_outside_root` is not 0, `w = w - learning_rate g / (sqrt(v) + epsilon)` (as in PyTorch). `w`, `v`, the
// state, and `gradient` have `n` elements; `v` starts at 0. Keras' defaults are a learning rate of 1e-3, a rho of 0.9 and an
// epsilon of 1e-7; PyTorch's 1e-2, 0.99 and 1e-8.
mnf_status mnf_rmsprop(const mnf_kernels *kernels,
                       double learning_rate,
                       double rho,
                       double epsilon,
                       int32_t epsilon_outside_root,
                       size_t n,
                       float *w,
                       float *v,
                       const float *gradient);

// One step of Adam: `m = beta_1 m + (1 - beta_1) g`, `v = beta_2 v + (1 - beta_2) g^2`, `w = w - alpha m / (sqrt(v) +
// epsilon)` with `alpha = learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t)` and `t = iteration + 1`.
//
// `iteration` is the number of steps taken before this one: 0 at first. `w`, `m` and `v`, the state, and `gradient` have
// `n` elements; `m` and `v` start at 0. Keras' defaults are 1e-3, 0.9, 0.999 and an epsilon of 1e-7.
mnf_status mnf_adam(const mnf_kernels *kernels,
                    double learning_rate,
                    double beta_1,
                    double beta_2,
                    double epsilon,
                    uint64_t iteration,
                    size_t n,
                    float *w,
                    float *m,
                    float *v,
                    const float *gradient);

// One step of Adam with decoupled weight decay: `w = w - learning_rate weight_decay w`, and then `mnf_adam`. Keras' default
// is a weight decay of 4e-3.
mnf_status mnf_adamw(const mnf_kernels *kernels,
                     double learning_rate,
                     double beta_1,
                     double beta_2,
                     double epsilon,
                     double weight_decay,
                     uint64_t iteration,
                     size_t n,
                     float *w,
                     float *m,
                     float *v,
                     const float *gradient);

// Sets `*rule` to a `mnf_optimizer` with Keras' defaults (a momentum of 0.9 for MOMENTUM, and of 0 for RMSPROP; `iteration` 0)
// and nothing before it.
//
// Errors: `MNF_STATUS_ENUMERATION` where `optimizer` is none.
mnf_status mnf_rule_init(int32_t optimizer, mnf_rule *rule);

// How many states a rule has for each weight, 0 to 3; -1 for NULL or where its optimizer is none.
int32_t mnf_rule_states(const mnf_rule *rule);

// One step of a rule on W with its gradient, both rows x columns, as is each of `states`: as many as `mnf_rule_states` says,
// in the order named at `mnf_optimizer`; they start at 0. `states` may be NULL where there is none. A vector is a matrix of one
// row.
//
// Where nothing comes before the optimizer these are the bits of its own function. With momentum or centred, RMSPROP is: `v =
// rho v + (1 - rho) g^2` and, centred, `a = rho a + (1 - rho) g`; `d = v`, or, centred, `d = max(v - a^2, 0)`; `i =
// learning_rate g / sqrt(d + epsilon)`, or `learning_rate g / (sqrt(d) + epsilon)`; `w = w - i`, or with momentum `m = momentum
// m + i` and `w = w - m`. A NaN gradient is not clipped; an infinite one is.
//
// Errors: `MNF_STATUS_ENUMERATION` where the rule's optimizer is none.
mnf_status mnf_update(const mnf_kernels *kernels,
                      const mnf_rule *rule,
                      size_t rows,
                      size_t columns,
                      float *w,
                      size_t w_ld,
                      const mnf_matrix *states,
                      const float *gradient,
                      size_t gradient_ld);

// `mnf_dense_weight_gradient` and then `mnf_update` on W, in one pass that stores no gradient: the same bits. W and each of
// `states` are inputs x outputs.
//
// Errors: `MNF_STATUS_ENUMERATION` where the rule's optimizer is none.
mnf_status mnf_dense_weight_update(const mnf_kernels *kernels,
                                   const mnf_rule *rule,
                                   size_t batch,
                                   size_t inputs,
                                   size_t outputs,
                                   const float *x,
                                   size_t x_ld,
                                   const float *delta,
                                   size_t delta_ld,
                                   float *w,
                                   size_t w_ld,
                                   const mnf_matrix *states,
                                   mnf_workspace *workspace);

// C = S B + beta C without the terms of S's zeros: `mnf_sgemm`'s bits, but for the sign of a zero. B is S's columns x n, C is
// S's rows x n. With beta = 0 C is not read. (An infinity or NaN in B that a zero of S would have met is left out with it.)
//
// Errors: `MNF_STATUS_SPARSE`, and `MNF_STATUS_ENUMERATION` where the form of S is none.
mnf_status mnf_spmm(const mnf_kernels *kernels,
                    const mnf_sparse *s,
                    size_t n,
                    const float *b,
                    size_t b_ld,
                    float beta,
                    float *c,
                    size_t c_ld);

// `mnf_dense_forward` of a sparse X, batch x inputs: the same bits. W is inputs x outputs, `bias` has `outputs` elements, Y is
// batch x outputs.
//
// Errors: `MNF_STATUS_SPARSE`; `MNF_STATUS_ENUMERATION` where the form of X is none, or `activation` is no `mnf_activation`.
mnf_status mnf_dense_forward_sparse(const mnf_kernels *kernels,
                                    const mnf_sparse *x,
                                    size_t outputs,
                                    const float *w,
                                    size_t w_ld,
                                    const float *bias,
                                    int32_t activation,
                                    float *y,
                                    size_t y_ld);

// `mnf_dense_forward_sparse` of bytes that come as X^T, inputs x batch, as `mnf_transpose_u8` makes them: the same bits, and faster
// where inputs side by side are zero in much the same rows of the batch, as pixels are. (An infinity or NaN in W may meet a zero,
// as in a dense product.)
//
// Errors: `MNF_STATUS_SPARSE`; `MNF_STATUS_ENUMERATION` where the form of X^T is not BYTES, or `activation` is no
// `mnf_activation`.
mnf_status mnf_dense_forward_transposed(const mnf_kernels *kernels,
                                        const mnf_sparse *x_transposed,
                                        size_t outputs,
                                        const float *w,
                                        size_t w_ld,
                                        const float *bias,
                                        int32_t activation,
                                        float *y,
                                        size_t y_ld);

// `mnf_dense_input_gradient` of a sparse `delta`, batch x outputs: the same bits. It takes W^T, outputs x inputs
// (`mnf_transpose` makes it); dX and `active`, which may be NULL, are batch x inputs.
//
// Errors: `MNF_STATUS_SPARSE`, and `MNF_STATUS_ENUMERATION` where the form of `delta` is none.
mnf_status mnf_dense_input_gradient_sparse(const mnf_kernels *kernels,
                                           const mnf_sparse *delta,
                                           size_t inputs,
                                           const float *w_transposed,
                                           size_t w_transposed_ld,
                                           const float *active,
                                           size_t active_ld,
                                           float *dx,
                                           size_t dx_ld);

// `mnf_dense_weight_gradient` of a sparse input, given as X^T, inputs x batch: the same bits. `delta` is batch x outputs, dW
// inputs x outputs.
//
// Errors: `MNF_STATUS_SPARSE`, and `MNF_STATUS_ENUMERATION` where the form of X^T is none.
mnf_status mnf_dense_weight_gradient_sparse(const mnf_kernels *kernels,
                                            const mnf_sparse *x_transposed,
                                            size_t outputs,
                                            const float *delta,
                                            size_t delta_ld,
                                            float *dw,
                                            size_t dw_ld);

// `mnf_dense_weight_update` of a sparse input, given as X^T, inputs x batch: the same bits. `delta` is batch x outputs, W and
// each of `states` are inputs x outputs.
//
// `deferred` is NULL, or has an element for each row of W, 0 at first. With it, RMSPROP with nothing before it, no momentum, and
// not centred, does not touch rows whose input is zero in the whole batch: the decay that their state owes is counted there,
// and made good at the row's next update, to the same bits, or by `mnf_rmsprop_settle`; until then the state is not complete.
// Every other rule leaves `deferred` as it is.
//
// Errors: `MNF_STATUS_SPARSE`; `MNF_STATUS_ENUMERATION` where the form of X^T or the rule's optimizer is none.
mnf_status mnf_dense_weight_update_sparse(const mnf_kernels *kernels,
                                          const mnf_rule *rule,
                                          const mnf_sparse *x_transposed,
                                          size_t outputs,
                                          const float *delta,
                                          size_t delta_ld,
                                          float *w,
                                          size_t w_ld,
                                          const mnf_matrix *states,
                                          uint32_t *deferred);

// Makes good the decay that the rows of V, rows x columns, owe, and sets the `rows` counts of `deferred` to 0.
//
// Errors: `MNF_STATUS_ENUMERATION` where the rule's optimizer is not RMSPROP.
mnf_status mnf_rmsprop_settle(const mnf_kernels *kernels,
                              const mnf_rule *rule,
                              size_t rows,
                              size_t columns,
                              float *v,
                              size_t v_ld,
                              uint32_t *deferred);

// The elements of `x`, which has `n`, that are not zero, to `values`, and where they stand, increasing, to `indices`: one row
// in CSR. Sets `*count` to how many there are. `indices` and `values` have room for `n`; what is after `*count` may be
// overwritten. NaN is not zero; -0 is.
mnf_status mnf_compress(const mnf_kernels *kernels, size_t n, const float *x, uint32_t *indices, float *values, size_t *count);

// `mnf_compress` of bytes, whose values become byte / 255, as `mnf_unit_from_u8` gives them.
mnf_status mnf_compress_u8(const mnf_kernels *kernels,
                           size_t n,
                           const uint8_t *bytes,
                           uint32_t *indices,
                           float *values,
                           size_t *count);

// The transpose of `from`, rows x columns, to `to`, columns x rows.
mnf_status mnf_transpose(const mnf_kernels *kernels,
                         size_t rows,
                         size_t columns,
                         const float *from,
                         size_t from_ld,
                         float *to,
                         size_t to_ld);

// The room that `count` elements need where kernels write 16 at a time: the next multiple of 16, or SIZE_MAX where that
// cannot be counted.
size_t mnf_room(size_t count);

// `columns` columns of a matrix of bytes, from `first_column` on, as the rows of another one: `to` has `columns * to_ld` bytes,
// and `to_ld`, the bytes from the start of a row to that of the next one, is at least `mnf_room` of the number of rows of
// `from`; what is after them may be overwritten.
//
// Errors: `MNF_STATUS_SPARSE`; `MNF_STATUS_ENUMERATION` where the form of `from` is not BYTES; `MNF_STATUS_VALUE` where it has
// no such columns.
mnf_status mnf_transpose_u8(const mnf_kernels *kernels,
                            const mnf_sparse *from,
                            size_t first_column,
                            size_t columns,
                            uint8_t *to,
                            size_t to_ld);

// Inverted dropout of `n` elements, in place: each becomes +0 with the probability `rate`, else `x / (1 - rate)`, as one product
// with `1 / (1 - rate)` rounded to a float. The gradient is the same call on the delta, with the same rate, key and position.
//
// Which elements are dropped is a function of `key`, of the three numbers of `position` (say image, step and epoch) and of the
// element's index, whatever was drawn before: give a row of a matrix at a time, whole. In one that stays NaN passes.
//
// Errors: `MNF_STATUS_VALUE` where `rate` is not from 0 to below 1.
mnf_status mnf_dropout(const mnf_kernels *kernels, double rate, uint64_t key, const uint32_t *position, size_t n, float *x);

// `n` bytes to unit floats: the float nearest to `byte / 255`.
mnf_status mnf_unit_from_u8(const mnf_kernels *kernels, size_t n, const uint8_t *bytes, float *to);

// `n` bytes to floats of any range: `byte * scale + shift`, one fused multiply-add.
mnf_status mnf_scale_u8(const mnf_kernels *kernels, size_t n, const uint8_t *bytes, float scale, float shift, float *to);

// The elements of `room` that `mnf_warp_u8` needs for an image of rows x columns.
size_t mnf_warp_room(size_t rows, size_t columns);

// An image of rows x columns bytes, without gaps, read at other places: the pixel of `to` in column c and row r is that of
// `from` in the column `map[0] c + map[1] r + map[2]` and the row `map[3] c + map[4] r + map[5]`, with zeros around the image,
// between the four pixels about that place (bilinear: the place in 256ths of a pixel, the sum exact, then rounded to the
// nearest byte, half to even). Each number of the map is taken to the nearest 2^-16. `room` has `mnf_warp_room` elements, of any
// content.
//
// Errors: `MNF_STATUS_VALUE` where a side is longer than 1024; where one of the numbers 0, 1, 3 and 4 of the map is beyond 8 in
// magnitude, or 2 or 5 beyond 8192; or where one is NaN.
mnf_status mnf_warp_u8(const mnf_kernels *kernels,
                       const double *map,
                       size_t rows,
                       size_t columns,
                       const uint8_t *from,
                       uint8_t *to,
                       uint16_t *room);

// Sets the six numbers of `map` to a random distortion of images of rows x columns: about their middle they are scaled, sheared,
// turned, and then moved, each by a uniform amount within its range: `rotation` degrees (0 to 180) and `shift` pixels (0 to
// 1024) to each side, factors of 1 - `scale` to 1 + `scale` (0 to 0.5) for width and height, `shear` columns a row (0 to 1).
//
// Which one is a function of `key` and of the two numbers of `position`, say image and epoch, whatever was drawn before. Ranges
// of 0 give the identity.
//
// Errors: `MNF_STATUS_VALUE` where a range is out of its bounds.
mnf_status mnf_distortion(double rotation,
                          double scale,
                          double shear,
                          double shift,
                          uint64_t key,
                          const uint32_t *position,
                          size_t rows,
                          size_t columns,
                          double *map);

// Sets `*start` and `*end` to the part of `0..len` that is number `part` of `parts`, cut at multiples of `multiple`: for threads
// that share out the rows or columns of a product. The parts are contiguous, cover everything, and differ by one `multiple` at
// most; some are empty where there are more parts than multiples. Any cut gives the same bits; one at multiples of 16 columns,
// or of a tile's rows (`mnf_gemm_tile`), keeps the tiles whole.
//
// Errors: `MNF_STATUS_VALUE` where `multiple` is 0, or `part` is not below `parts`.
mnf_status mnf_split(size_t len, size_t multiple, size_t parts, size_t part, size_t *start, size_t *end);

// Sets `*rows` and `*columns` to the largest register tile of these kernels' products; to 1 where they have none of their own.
// Work is best split at multiples of it.
mnf_status mnf_gemm_tile(const mnf_kernels *kernels, size_t *rows, size_t *columns);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MNIST_FAST_KERNELS_H */
