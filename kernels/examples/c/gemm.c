/* A product of matrices with any strides, a layer with sparse input and a step of its weights, on every instruction set, and what
 * comes back for a wrong call. It is built and run as xor.c, beside it. */
#include "mnist_fast_kernels.h"

#include <stdio.h>
#include <string.h>

enum { M = 37, K = 19, N = 23, GAP = 3 };

static int failures = 0;

static void expect(mnf_status found, mnf_status expected, const char *what) {
    if (found != expected) {
        printf("FAILED: %s gives \"%s\", not \"%s\"\n", what, mnf_status_message(found), mnf_status_message(expected));
        failures++;
    } else if (expected != MNF_STATUS_OK) {
        printf("%s: %s\n", what, mnf_status_message(found));
    }
}

/* C = 2 A^T B - C, C column-major with gaps. Small whole numbers: every order of summing gives the same. */
static void product(const mnf_kernels *kernels, mnf_workspace *workspace) {
    static float a[K * M], b[K * N], c[N * (M + GAP)];
    for (int i = 0; i < K * M; i++) {
        a[i] = (float)(i % 7 - 3);
    }
    for (int i = 0; i < K * N; i++) {
        b[i] = (float)(i % 5 - 2);
    }
    for (int i = 0; i < N * (M + GAP); i++) {
        c[i] = (float)(i % 11);
    }
    /* A is stored as K x M: its strides are exchanged. */
    expect(mnf_sgemm(kernels, M, K, N, 2, a, 1, M, b, N, 1, -1, c, 1, M + GAP, workspace), MNF_STATUS_OK, "a product");
    for (int j = 0; j < N; j++) {
        for (int i = 0; i < M + GAP; i++) {
            int at = j * (M + GAP) + i, sum = at % 11;
            if (i < M) {
                sum = -sum;
                for (int k = 0; k < K; k++) {
                    sum += 2 * (int)a[k * M + i] * (int)b[k * N + j];
                }
            }
            if (c[at] != (float)sum) {
                printf("FAILED: C(%d, %d) is %g, not %d\n", i, j, c[at], sum);
                failures++;
                return;
            }
        }
    }
}

/* A layer of 3 inputs and 2 outputs whose input is two rows of bytes, mostly 0, chosen among three; then a step of its weights by
 * a rule: SGD with clipping. */
static void sparse_layer(const mnf_kernels *kernels) {
    static const uint8_t pixels[3 * 3] = {0, 255, 0, 0, 0, 51, 255, 0, 0};
    static const uint32_t rows[2] = {2, 0};
    static const float bias[2] = {0.5f, -9}, gradient[3 * 2] = {1, 0, -8, 0, 0, 2};
    float w[3 * 2] = {1, 4, 2, 5, 3, 6}, y[2 * 2];
    mnf_sparse x = {0};
    mnf_rule rule;
    x.form = MNF_SPARSE_FORM_BYTES;
    x.rows = 2;
    x.columns = x.ld = 3;
    x.elements = pixels;
    x.indices = rows;
    x.length = 3;
    expect(mnf_dense_forward_sparse(kernels, &x, 2, w, 2, bias, MNF_ACTIVATION_RELU, y, 2), MNF_STATUS_OK, "a layer");
    if (y[0] != 1.5f || y[1] != 0 || y[2] != 2.5f || y[3] != 0) {
        printf("FAILED: the layer gives %g %g %g %g\n", y[0], y[1], y[2], y[3]);
        failures++;
    }
    expect(mnf_rule_init(MNF_OPTIMIZER_SGD, &rule), MNF_STATUS_OK, "a rule");
    rule.learning_rate = 0.5;
    rule.clip_value = 2;
    expect(mnf_update(kernels, &rule, 3, 2, w, 2, NULL, gradient, 2), MNF_STATUS_OK, "a step");
    if (w[0] != 0.5f || w[1] != 4 || w[2] != 3 || w[5] != 5) {
        printf("FAILED: the step gives %g %g %g ... %g\n", w[0], w[1], w[2], w[5]);
        failures++;
    }
}

static void mistakes(mnf_workspace *ws) {
    const mnf_kernels *k = mnf_kernels_best(), *none = NULL;
    float a[4] = {1, 2, 3, 4}, c[4] = {5, 6, 7, 8}, before[4], loss[1];
    const uint32_t label[1] = {2};
    uint32_t class[1];
    memcpy(before, c, sizeof c);
    expect(mnf_sgemm(none, 2, 2, 2, 1, a, 2, 1, a, 2, 1, 0, c, 2, 1, ws), MNF_STATUS_NULL_POINTER, "no kernels");
    expect(mnf_sgemm(k, 2, 2, 2, 1, NULL, 2, 1, a, 2, 1, 0, c, 2, 1, ws), MNF_STATUS_NULL_POINTER, "no A");
    expect(mnf_sgemm(k, 2, 2, 2, 1, a, 2, 1, a, 2, 1, 0, c, 2, 1, NULL), MNF_STATUS_NULL_POINTER, "no workspace");
    expect(mnf_sgemm(k, 2, 2, 2, 1, a, 2, 1, a, 2, 1, 0, c, 0, 1, ws), MNF_STATUS_STRIDE, "a row stride of 0 for C");
    expect(mnf_sgemm(k, 2, 2, 2, 1, a, 2, 1, a, 2, 1, 0, c, 1, 1, ws), MNF_STATUS_STRIDE, "rows of C that overlap");
    expect(mnf_sgemm(k, SIZE_MAX, 2, 2, 1, a, 0, 0, a, 2, 1, 0, c, 2, 1, ws), MNF_STATUS_SIZE, "SIZE_MAX rows");
    expect(mnf_softmax(k, 2, 2, a, 1, c, 2), MNF_STATUS_STRIDE, "a leading dimension of 1 for 2 columns");
    expect(mnf_softmax_cross_entropy(k, 1, 2, a, 2, label, 1, NULL, 0, loss, class), MNF_STATUS_LABEL, "label 2 of 2");
    expect(mnf_softmax_cross_entropy(k, 1, 2, a, 2, label, 0, NULL, 0, loss, class), MNF_STATUS_BATCH, "batch 0");
    expect(mnf_dense_forward(k, 2, 2, 2, a, 2, a, 2, a, 7, c, 2, ws), MNF_STATUS_ENUMERATION, "activation 7");
    expect(mnf_kernels_for_isa(99, &none), MNF_STATUS_ENUMERATION, "instruction set 99");
    expect(mnf_argmax(k, 1, 0, NULL, 0, class), MNF_STATUS_OK, "an empty row");
    if (class[0] != MNF_NO_CLASS) {
        printf("FAILED: the largest column of an empty row is %u\n", (unsigned)class[0]);
        failures++;
    }
    if (memcmp(before, c, sizeof c) != 0) {
        printf("FAILED: a refused call wrote to C\n");
        failures++;
    }
}

int main(void) {
    const mnf_kernels *kernels;
    mnf_workspace *workspace = mnf_workspace_new();
    if (workspace == NULL) {
        printf("FAILED: no memory for a workspace\n");
        return 1;
    }
    for (int32_t isa = MNF_ISA_SCALAR; mnf_isa_name(isa) != NULL; isa++) {
        if (!mnf_isa_is_available(isa)) {
            expect(mnf_kernels_for_isa(isa, &kernels), MNF_STATUS_UNAVAILABLE_ISA, mnf_isa_name(isa));
            continue;
        }
        expect(mnf_kernels_for_isa(isa, &kernels), MNF_STATUS_OK, mnf_isa_name(isa));
        product(kernels, workspace);
        sparse_layer(kernels);
        printf("%s: %s\n", mnf_isa_name(isa), failures == 0 ? "right" : "wrong");
    }
    mistakes(workspace);
    mnf_workspace_free(workspace);
    return failures > 0;
}
