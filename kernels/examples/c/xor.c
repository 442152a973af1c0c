/* Trains a 2-8-2 network on XOR through the C interface. In the folder of the workspace:
 *
 *     cargo rustc -p mnist-fast-kernels --release --features capi --crate-type staticlib
 *     cc -std=c99 -Wall -Wextra -Werror -Ikernels/include kernels/examples/c/xor.c \
 *         target/release/libmnist_fast_kernels.a -lpthread -ldl -lm -o target/xor
 *     target/xor
 */
#include "mnist_fast_kernels.h"

#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 4, INPUTS = 2, HIDDEN = 8, CLASSES = 2 };

/* Ends the program unless a call went well. */
static void check(mnf_status status, const char *call) {
    if (status != MNF_STATUS_OK) {
        fprintf(stderr, "error: %s: %s\n", call, mnf_status_message(status));
        exit(1);
    }
}
#define CHECK(call) check(call, #call)

int main(void) {
    const float x[SAMPLES * INPUTS] = {0, 0, 0, 1, 1, 0, 1, 1};
    const uint32_t labels[SAMPLES] = {0, 1, 1, 0};
    float w1[INPUTS * HIDDEN], b1[HIDDEN] = {0}, w2[HIDDEN * CLASSES], b2[CLASSES] = {0};
    float h[SAMPLES * HIDDEN], logits[SAMPLES * CLASSES], p[SAMPLES * CLASSES];
    float delta2[SAMPLES * CLASSES], delta1[SAMPLES * HIDDEN], db1[HIDDEN], db2[CLASSES], losses[SAMPLES];
    float v1[INPUTS * HIDDEN] = {0}, v2[HIDDEN * CLASSES] = {0}, vb1[HIDDEN] = {0}, vb2[CLASSES] = {0};
    uint32_t predictions[SAMPLES];
    const double rate = 0.01, rho = 0.9, epsilon = 1e-7;
    float loss = 0;
    int right = 0;

    const mnf_kernels *kernels = mnf_kernels_best();
    mnf_workspace *workspace = mnf_workspace_new();
    if (workspace == NULL) {
        fprintf(stderr, "error: no memory for a workspace\n");
        return 1;
    }
    printf("mnist-fast-kernels %s, %s\n", mnf_version(), mnf_isa_name(mnf_kernels_isa(kernels)));

    /* Weights are inputs x outputs, row-major; any numbers that differ will do to start from. */
    for (int i = 0; i < 16; i++) {
        w1[i] = (float)(i * 7 % 16) / 8 - 0.9f;
        w2[i] = (float)(i * 5 % 16) / 8 - 0.9f;
    }

    for (int step = 0; step < 500; step++) {
        /* Forward: two layers, then loss, classes and the logits' gradient in one pass. */
        CHECK(mnf_dense_forward(kernels, SAMPLES, INPUTS, HIDDEN, x, INPUTS, w1, HIDDEN, b1, MNF_ACTIVATION_RELU, h,
                                HIDDEN, workspace));
        CHECK(mnf_dense_forward(kernels, SAMPLES, HIDDEN, CLASSES, h, HIDDEN, w2, CLASSES, b2, MNF_ACTIVATION_LINEAR,
                                logits, CLASSES, workspace));
        CHECK(mnf_softmax_cross_entropy(kernels, SAMPLES, CLASSES, logits, CLASSES, labels, SAMPLES, delta2, CLASSES,
                                        losses, predictions));
        /* Backward: through the second layer's weights, masked where its input was not above 0. */
        CHECK(mnf_dense_input_gradient(kernels, SAMPLES, HIDDEN, CLASSES, delta2, CLASSES, w2, CLASSES, h, HIDDEN, delta1,
                                       HIDDEN, workspace));
        CHECK(mnf_dense_bias_gradient(kernels, SAMPLES, CLASSES, delta2, CLASSES, db2));
        CHECK(mnf_dense_bias_gradient(kernels, SAMPLES, HIDDEN, delta1, HIDDEN, db1));
        /* Update: gradient and step in one pass for weights. */
        CHECK(mnf_dense_weight_update_rmsprop(kernels, rate, rho, epsilon, 0, SAMPLES, HIDDEN, CLASSES, h, HIDDEN, delta2,
                                              CLASSES, w2, CLASSES, v2, CLASSES, workspace));
        CHECK(mnf_dense_weight_update_rmsprop(kernels, rate, rho, epsilon, 0, SAMPLES, INPUTS, HIDDEN, x, INPUTS, delta1,
                                              HIDDEN, w1, HIDDEN, v1, HIDDEN, workspace));
        CHECK(mnf_rmsprop(kernels, rate, rho, epsilon, 0, CLASSES, b2, vb2, db2));
        CHECK(mnf_rmsprop(kernels, rate, rho, epsilon, 0, HIDDEN, b1, vb1, db1));

        loss = (losses[0] + losses[1] + losses[2] + losses[3]) / SAMPLES;
        if (step % 100 == 0) {
            printf("step %d: loss %.4f\n", step, loss);
        }
    }

    CHECK(mnf_softmax(kernels, SAMPLES, CLASSES, logits, CLASSES, p, CLASSES));
    for (int i = 0; i < SAMPLES; i++) {
        printf("%g xor %g = %u (probability %.4f)\n", x[2 * i], x[2 * i + 1], (unsigned)predictions[i],
               p[CLASSES * i + (int)predictions[i]]);
        right += predictions[i] == labels[i];
    }
    mnf_workspace_free(workspace);
    if (right < SAMPLES || !(loss < 0.05f)) {
        fprintf(stderr, "error: XOR was not learned: %d of %d right, loss %g\n", right, SAMPLES, loss);
        return 1;
    }
    return 0;
}
