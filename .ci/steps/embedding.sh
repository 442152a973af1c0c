# Steps: the kernels in other programs: examples, builds without std, C, Python; and the benchmark.

# The README's test command has built them.
examples() {
    local example
    for example in kernels/examples/*.rs; do
        example=$(basename "$example" .rs)
        echo "\$ target/debug/examples/$example"
        "$target/debug/examples/$example" | tee "$scratch/example"
        says "$scratch/example" no 'same bits: false'
    done
}

# Without std the build chooses the ISA: the scalar kernels by default, AVX2's if it may use them.
embedded() {
    cargo run -q "${UNOPTIMISED[@]}" -p mnist-fast-embedded --target-dir "$target/embedded" |
        tee "$scratch/embedded"
    says "$scratch/embedded" yes '^scalar kernels$'
    says "$scratch/embedded" yes '^bits [0-9a-f]{16}$'
    if has_avx2; then
        RUSTFLAGS="-Ctarget-feature=+avx2,+fma,+bmi1,+popcnt" \
            cargo run -q "${UNOPTIMISED[@]}" -p mnist-fast-embedded --target-dir "$target/embedded" |
            tee "$scratch/embedded-avx2"
        says "$scratch/embedded-avx2" yes '^avx2 kernels$'
        diff <(tail -n +2 "$scratch/embedded") <(tail -n +2 "$scratch/embedded-avx2") ||
            fail "AVX2 kernels without std give other bits than the scalar ones"
    else
        echo "skipped: this CPU lacks AVX2 and FMA: only the scalar kernels ran"
    fi
}

# For machines without an operating system: one without vectors, one with NEON.
bare_metal() {
    local machine built=0
    for machine in thumbv7em-none-eabihf aarch64-unknown-none; do
        if rustup target add "$machine" >"$scratch/rustup" 2>&1; then
            RUSTFLAGS="-Dwarnings" cargo build "${UNOPTIMISED[@]}" -p mnist-fast-embedded --lib \
                --target "$machine" --target-dir "$target/embedded"
            built=$((built + 1))
        else
            tail -n 1 "$scratch/rustup"
            echo "skipped: there is no core library for $machine here, and rustup cannot add it"
        fi
    done
    [ "$built" -gt 0 ] || skip "nothing was built for a machine without an operating system"
}

c_header() {
    local tool=$target/cbindgen/bin/cbindgen header=kernels/include/mnist_fast_kernels.h standard
    [ "$("$tool" --version 2>/dev/null)" = "cbindgen $CBINDGEN" ] ||
        cargo install cbindgen --debug --version "$CBINDGEN" --locked --root "$target/cbindgen"
    (cd kernels && "$tool" --quiet --config cbindgen.toml --output "$scratch/header.h" .)
    diff -u "$header" "$scratch/header.h" || fail "$header is not what cbindgen makes of kernels/src/capi/: see kernels/cbindgen.toml"
    for standard in c99 c11 c++11 c++20; do
        cc -x "${standard%%[0-9]*}" -std="$standard" -Wall -Wextra -Werror -pedantic -fsyntax-only "$header"
        echo "valid as $standard"
    done
}

c_interface() {
    cargo test "${UNOPTIMISED[@]}" -p mnist-fast-kernels --features capi --lib --test capi --target-dir "$target/capi"
}

# The commands stand in the kernels' README only. Here they build unoptimised and without LTO; tests/c_examples.rs has an
# optimised library.
c_and_python() {
    local language commands python
    python=$(python_with_numpy) || fail "no Python has numpy (package python3-numpy)"
    export CARGO_TARGET_DIR=$target/c CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off
    export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
    for language in c python; do
        commands=$(commands_below kernels/README.md "$language-commands")
        commands=${commands//target\//$target/c/}
        echo "$commands"
        bash -euo pipefail -c "$commands"
    done
    "$python" kernels/tests/ctypes_numpy.py "$target/c/release/libmnist_fast_kernels.so"
}

# One shape of every part: speed is not judged, but it must still run and say what its readers expect. Built quickly, the
# helper's program too.
bench_smoke() {
    export CARGO_TARGET_DIR=$target/bench CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
    export CARGO_PROFILE_RELEASE_OPT_LEVEL=0
    cargo bench -- --quick --json "$scratch/bench.json" 64x128x784
    python3 .ci/bench_lines.py "$scratch/bench.json" Cargo.lock benches/helper/Cargo.lock
}
