# What the steps share.

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

skip() {
    printf 'skipped: %s\n' "$*"
    exit "$SKIPPED"
}

# cpu_has FLAG...: whether this CPU has them all.
cpu_has() {
    local flag
    for flag; do
        grep -qwm1 "$flag" /proc/cpuinfo || return 1
    done
}

has_avx2() { cpu_has avx2 fma; }
has_avx512() { cpu_has avx512f avx512vl avx512bw avx512dq avx2 fma; }

# Shows test output with each `skipped:` and `thinned:` line once, and without the emulator's list of what it lacks.
brief() {
    awk '
        /TCG doesn.t support/ { next }
        match($0, /(skipped|thinned): .*/) { if (seen[substr($0, RSTART)]++) next }
        { print; fflush() }
        END { for (s in seen) printf "(%d times) %s\n", seen[s], s }'
}

# thinned N command...: the tests take one in N of their random cases and large products, fewer images; they say so.
# The README's test command leaves nothing out, on every ISA of this CPU.
thinned() {
    local one_in=$1
    shift
    MNIST_FAST_TEST_ONE_IN=$one_in "$@"
}

# Of cargo, where the speed of what is built does not matter: the kernels compile in a twelfth of the time, and have the
# assertions of std on every pointer that they read or write.
readonly UNOPTIMISED=(--config 'profile.dev.package."*".opt-level=0'
    --config 'profile.dev.package.mnist-fast-kernels.opt-level=0'
    --config 'profile.dev.package.mnist-fast-kernels.debug-assertions=true')

# emulated CPU SECONDS command...: the command, with every program that cargo runs on an emulated CPU.
emulated() {
    local cpu=$1 limit=$2
    shift 2
    command -v qemu-x86_64-static >/dev/null || fail "qemu-x86_64-static is missing (package qemu-user-static)"
    # QEMU 7.2 reads all of a vector that AVX loads by a mask, where a CPU reads what the mask has. So no buffer may end where
    # memory does: one heap, with a megabyte behind it.
    GLIBC_TUNABLES=glibc.malloc.mmap_threshold=1073741824:glibc.malloc.top_pad=1048576:glibc.malloc.arena_max=1 \
        CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="timeout --foreground $limit qemu-x86_64-static -cpu $cpu" "$@" 2>&1
}

# Whether the standard library for arm64 is there, for rustup's compiler or for the distribution's.
rustup_has_arm64() { [ -d "$(rustc --print sysroot)/lib/rustlib/$ARM64/lib" ]; }
debian_has_arm64() { [ -d "/usr/lib/rustlib/$ARM64/lib" ]; }

# on_arm64 SECONDS command...: cargo for arm64, its programs emulated.
on_arm64() {
    local limit=$1
    shift
    command -v qemu-aarch64-static >/dev/null || fail "qemu-aarch64-static is missing (package qemu-user-static)"
    if ! rustup_has_arm64; then
        debian_has_arm64 || fail "there is no standard library for $ARM64 (package libstd-rust-web-dev:arm64)"
        export RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc
    fi
    # A static program needs no loader: an emulated one of another libc would hang at the first thread.
    RUSTFLAGS="-Ctarget-feature=+crt-static" CARGO_BUILD_TARGET=$ARM64 CARGO_TARGET_DIR=$target/arm64 \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="timeout --foreground $limit qemu-aarch64-static" \
        "$@" 2>&1
}

# says FILE yes|no PATTERN: fails unless the file has (or lacks) the pattern.
says() {
    local found=no
    grep -qE "$3" "$1" && found=yes
    [ "$found" = "$2" ] || fail "a line matching '$3' in the output: $found, expected: $2"
}

# commands_below FILE MARKER: the code block below the line <!-- MARKER -->.
commands_below() {
    local commands
    commands=$(awk -v marker="<!-- $2 -->" '
        $0 == marker { marked = 1; next }
        marked && /^```/ { if (inside) exit; inside = 1; next }
        inside { print; next }
        marked && NF { exit }' "$1")
    [ -n "$commands" ] || fail "$1 has no code block below a line <!-- $2 -->"
    echo "$commands"
}

# The first Python that has numpy.
python_with_numpy() {
    local python
    for python in python3 /usr/bin/python3; do
        "$python" -c 'import numpy' 2>/dev/null && echo "$python" && return
    done
    return 1
}
