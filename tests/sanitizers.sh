#!/usr/bin/env bash
# Checkers for unsafe code: `tests/sanitizers.sh asan|valgrind|tsan|miri [arguments of cargo test]`.
#
#   asan      reads and writes outside of a buffer, use after free, leaks: the kernels' conformance tests on every ISA of
#             this CPU. Needs a compiler with the sanitizer's runtime (rustup's have it).
#   valgrind  the same, and decisions on uninitialised memory, on the AVX2 kernels: valgrind 3.19 has no AVX-512.
#             Needs valgrind.
#   tsan      data races: the worker team, and trainings of several threads. Rebuilds std; needs, from Debian,
#             rustc-web, rust-web-src, lld-22 and libclang-rt-22-dev.
#   miri      undefined behaviour by Rust's own rules: views, the reference. Needs nightly with the component miri.
#
# Exits with 77, and says why, where a tool is missing. Arguments replace the tests that are run by default.
set -euo pipefail

cd "$(dirname "$0")/.."
readonly SKIPPED=77
readonly TRIPLE=x86_64-unknown-linux-gnu

skip() {
    printf 'skipped: %s\n' "$*"
    exit "$SKIPPED"
}

[ "$(uname -sm)" = "Linux x86_64" ] || skip "only set up for Linux on x86-64"
mode=${1:-}
shift || true
target=$(cargo metadata --no-deps --format-version 1 |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')


asan() {
    [ $# -gt 0 ] || set -- -p mnist-fast-kernels --test conformance
    # The runtime comes with rustup's compilers, stable ones too, which want to be asked for unstable options.
    compgen -G "$(rustc --print target-libdir)/librustc*_rt.asan.a" >/dev/null ||
        skip "$(rustc --version) has no runtime of AddressSanitizer"
    # A target of its own keeps build scripts out of it, a directory of its own the usual artefacts.
    CARGO_TARGET_DIR=$target/asan RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address" cargo test --target "$TRIPLE" "$@"
}

valgrind() {
    command -v valgrind >/dev/null || skip "valgrind is missing (package valgrind)"
    grep -qwm1 avx2 /proc/cpuinfo || skip "this CPU lacks AVX2"
    # The long random tests would take minutes each here; ASan runs them.
    [ $# -gt 0 ] || set -- -p mnist-fast-kernels --test conformance -- --skip two_thousand --skip five_hundred
    # Masked loads and stores (maskload, maskstore) are modelled lane by lane: they need no suppressions. CPUID under
    # valgrind has no AVX-512, so those kernels are not found; AVX2 is asked for, and missed with an error.
    export MNIST_FAST_TEST_ISA=avx2
    # LLVM asks a loop's invariant conditions before the loop, also one about an enum's payload of which the tag, asked
    # later, says that there is none: it freezes such a value, so that either answer is right, but valgrind sees a jump on
    # uninitialised memory. Loops are not unswitched, and pointers not asked whether they are null, so that it need not.
    export RUSTFLAGS="-Cllvm-args=-unswitch-threshold=0" CARGO_PROFILE_DEV_DEBUG_ASSERTIONS=false
    export CARGO_TARGET_DIR=$target/valgrind
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="valgrind --quiet --error-exitcode=9 --leak-check=no" \
        cargo test "$@"
}

tsan() {
    local llvm=/usr/lib/llvm-22 runtime
    runtime=$llvm/lib/clang/22/lib/linux/libclang_rt.tsan-x86_64.a
    [ -x /usr/bin/rustc ] || skip "the distribution's rustc is missing (package rustc-web)"
    [ -f /usr/lib/rustlib/src/rust/library/Cargo.toml ] || skip "std's source is missing (package rust-web-src)"
    [ -f "$runtime" ] || skip "$runtime is missing (package libclang-rt-22-dev)"
    [ -x $llvm/bin/ld.lld ] || skip "$llvm/bin/ld.lld is missing (package lld-22)"
    [ $# -gt 0 ] || set -- -p mnist-fast --lib --test team --test allocation
    # Without a std that is instrumented too, its own synchronisation looks like races. The distribution's rustc has no
    # runtime of its own, and GNU ld cannot link clang's.
    export CARGO_TARGET_DIR=$target/tsan
    mkdir -p "$CARGO_TARGET_DIR"
    cat >"$CARGO_TARGET_DIR/cc" <<-END
		#!/bin/sh
		exec cc -fuse-ld=lld -B$llvm/bin "\$@" -Wl,--whole-archive $runtime -Wl,--no-whole-archive \\
		    -lpthread -ldl -lrt -lm -lc
	END
    chmod +x "$CARGO_TARGET_DIR/cc"
    RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc RUSTC_BOOTSTRAP=1 \
        RUSTFLAGS="-Zsanitizer=thread -Zexternal-clangrt -Clinker=$CARGO_TARGET_DIR/cc" \
        cargo test -Zbuild-std --target "$TRIPLE" "$@"
}

miri() {
    cargo +nightly miri --version >/dev/null 2>&1 || skip "there is no nightly toolchain with the component miri"
    [ $# -gt 0 ] || set -- -p mnist-fast-kernels --test conformance rows::
    export MNIST_FAST_TEST_ISA=scalar # of the intrinsics Miri knows few
    cargo +nightly miri test "$@"
}

case $mode in
asan | valgrind | tsan | miri) "$mode" "$@" ;;
*)
    sed -n '2,/^set/{/^#/p}' "$0" | cut -c3-
    exit 2
    ;;
esac
