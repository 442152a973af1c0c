# Steps: the tests, on this CPU, under AddressSanitizer and on emulated CPUs.

# The command stands in the README only.
readme_tests() {
    local command
    command=$(commands_below README.md test-command)
    echo "\$ $command"
    bash -euo pipefail -c "$command" 2>&1 | tee "$scratch/tests"
    awk '/^test result:/ { passed += $4; ignored += $8 }
        END { print "tests passed: " passed + 0 ", ignored: " ignored + 0; exit passed == 0 }' "$scratch/tests" ||
        fail "no test ran"
}

# kernels_on ISA arguments...: the tests of `--workspace` are those that the README's command has built; `-p` would build
# the kernels again, over a feature of a dependency.
kernels_on() {
    local isa=$1
    shift
    [ "$isa" != avx512 ] || has_avx512 || skip "this CPU lacks AVX-512: the avx512 kernels stay untested here"
    export MNIST_FAST_TEST_ISA=$isa
    thinned 5 cargo test --workspace "$@" -- --nocapture 2>&1 | brief
}

# Unoptimised: what reaches outside of a buffer does so at any level.
kernels_asan() {
    thinned 11 tests/sanitizers.sh asan "${UNOPTIMISED[@]}" -p mnist-fast-kernels --no-default-features --features std \
        --test conformance -- --nocapture 2>&1 | brief
}

# That the AVX2 kernels are chosen and run where there is no AVX-512; natively they run above.
haswell_kernels() {
    export MNIST_FAST_TEST_ISA=avx2 # fails where the emulated CPU has no AVX2
    thinned 29 emulated Haswell 1200 cargo test --workspace --test conformance --test accuracy --test documented \
        -- --nocapture | brief
}

# Of tests/training.rs what differs between ISAs; the rest holds pieces, orders and gradients, on this CPU's own.
readonly TRAINING_ON_AN_ISA=(small_runs one_full_step evaluation two_epochs_of)

haswell_training() {
    thinned 29 emulated Haswell 1200 cargo test --workspace --test training -- --nocapture "${TRAINING_ON_AN_ISA[@]}" |
        tee "$scratch/haswell" | brief
    says "$scratch/haswell" yes 'test result: ok\. 4 passed'
    says "$scratch/haswell" yes 'skipped: .*avx512'
    says "$scratch/haswell" no 'skipped: .*avx2'
}

nehalem_kernels() {
    thinned 29 emulated Nehalem 1500 cargo test --workspace --test conformance --test accuracy --test documented \
        -- --nocapture | tee "$scratch/nehalem" | brief
    says "$scratch/nehalem" yes 'skipped: .*avx2'
    says "$scratch/nehalem" yes 'skipped: .*avx512'
}

nehalem_training() {
    thinned 29 emulated Nehalem 1200 cargo test --workspace --test training portable_learns -- --nocapture |
        tee "$scratch/nehalem" | brief
    says "$scratch/nehalem" yes 'test result: ok\. 1 passed'
}

# Nowhere else do these kernels run: less is left out.
neon_kernels() {
    export MNIST_FAST_TEST_ISA=neon # fails where the emulated CPU has no NEON
    thinned 3 on_arm64 1500 cargo test -p mnist-fast-kernels --test conformance --test accuracy --test documented \
        -- --nocapture | brief
}

neon_training() {
    thinned 3 on_arm64 1200 cargo test -p mnist-fast --test training -- --nocapture "${TRAINING_ON_AN_ISA[@]}" |
        tee "$scratch/neon" | brief
    says "$scratch/neon" yes 'test result: ok\. 4 passed'
}
