# Steps: the program itself, as it is built for use.

# What it builds is what `cargo run` starts.
release_build() {
    cargo build --release --locked
    cargo run --release --locked -- --version
}

golden_hash() {
    [ -f "$GOLDEN" ] || fail "$GOLDEN is missing"
    awk '{ print $1; exit }' "$GOLDEN"
}

# trains ISA THREADS options...: one epoch from the binary, its JSON lines checked, its hash the golden one.
# With `any` instead of an ISA or a number of threads the program chooses.
trains() {
    local isa=$1 threads=$2 options=(--epochs 1 --json) golden
    shift 2
    golden=$(golden_hash)
    [ "$isa" = any ] || options+=(--isa "$isa")
    [ "$threads" = any ] || options+=(--threads "$threads")
    "$@" "$target/release/mnist-fast" train "${options[@]}" >"$scratch/out" 2>"$scratch/err" || {
        cat "$scratch/out" "$scratch/err"
        fail "train ${options[*]} failed"
    }
    sed '/TCG doesn.t support/d' "$scratch/err"
    python3 .ci/json_lines.py "$scratch/out" "$isa" "$threads" "$golden"
}

release_train() {
    has_avx2 || fail "this CPU lacks AVX2 and FMA: the exact bits cannot be reached in time"
    export XDG_CACHE_HOME=$scratch/cache
    rm -rf "$XDG_CACHE_HOME"
    echo "cold cache:" && trains any any
    echo "warm cache:" && trains any any
    trains any 1
    trains any 2
    trains avx2 1
    trains avx2 2
    if has_avx512; then
        trains avx512 1
        trains avx512 2
    else
        echo "skipped: this CPU lacks AVX-512: train --isa avx512 did not run"
    fi
}

# The program itself: the bundled images, and training on few of them: an emulated epoch of all takes seven minutes.
haswell_train() {
    command -v qemu-x86_64-static >/dev/null || fail "qemu-x86_64-static is missing (package qemu-user-static)"
    export XDG_CACHE_HOME=$scratch/cache
    local haswell=(timeout --foreground 600 qemu-x86_64-static -cpu Haswell) native emulated
    local train=("$target/release/mnist-fast" train --data "$scratch/first" --epochs 1 --threads 2)
    python3 .ci/first_images.py data/mnist "$scratch/first" 2000 500
    "${haswell[@]}" "$target/release/mnist-fast" inspect --labels 9 2>/dev/null | tee "$scratch/out"
    [ "$(head -n 1 "$scratch/out")" = "[5 0 4 1 9 2 1 3 1]" ] || fail "the labels are others"
    native=$("${train[@]}" | weights_hash)
    emulated=$("${haswell[@]}" "${train[@]}" --isa avx2 2>/dev/null | weights_hash)
    echo "here $native, emulated $emulated"
    [ "${#native}" -eq 64 ] && [ "$native" = "$emulated" ] || fail "the emulated CPU gives other weights"
}

weights_hash() { sed -n 's/^weights sha256 //p'; }

# The README shows what the default run prints; its results must still be these.
readme_output() {
    has_avx2 || fail "this CPU lacks AVX2 and FMA: the exact bits cannot be reached in time"
    export XDG_CACHE_HOME=$scratch/cache
    "$target/release/mnist-fast" train | tee "$scratch/out" | grep -v '^Epoch'
    local line
    while IFS= read -r line; do
        grep -qF -- "$line" README.md || fail "README.md does not show: $line"
    done < <(grep -E '^(test accuracy|validation loss|weights sha256) ' "$scratch/out")
}

closed_pipe() {
    export XDG_CACHE_HOME=$scratch/cache
    local options statuses
    for options in "" --json; do
        set +e
        # shellcheck disable=SC2086
        "$target/release/mnist-fast" train --epochs 2 $options 2>"$scratch/err" | head -n 1 >"$scratch/out"
        statuses=("${PIPESTATUS[@]}")
        set -e
        cat "$scratch/out" "$scratch/err"
        [ -s "$scratch/out" ] || fail "train $options printed nothing"
        [ "${statuses[0]}" -eq 0 ] || fail "train $options | head -n 1 exits with ${statuses[0]}"
        [ ! -s "$scratch/err" ] || fail "train $options | head -n 1 wrote to stderr"
    done
}

# The default run's model: the tutorial's 7, the confusion matrix, and digits that are not MNIST's.
saved_model() {
    export XDG_CACHE_HOME=$scratch/cache
    local model=$scratch/default.safetensors
    "$target/release/mnist-fast" train --quiet --save "$model"
    "$target/release/mnist-fast" predict "$model" --index 0 --json >"$scratch/seven"
    "$target/release/mnist-fast" eval "$model" --json >"$scratch/eval"
    "$target/release/mnist-fast" predict "$model" tests/digits/*/*.png --json >"$scratch/digits"
    python3 .ci/saved_model.py "$scratch/seven" "$scratch/eval" "$scratch/digits"
}

# docs/TUTORIAL.md shows what its commands print, but for seconds and the like.
tutorial_output() {
    has_avx2 || fail "this CPU lacks AVX2 and FMA: the exact bits cannot be reached in time"
    docs/regenerate --check --binary "$target/release/mnist-fast"
}

# As the tutorial prints them, from where Debian's package puts them; a fresh cache each time.
fashion_mnist() {
    export XDG_CACHE_HOME=$scratch/fashion
    local inspect=("$target/release/mnist-fast" inspect --data fashion-mnist)
    "${inspect[@]}" --labels 9 | tee "$scratch/out"
    [ "$(head -n 1 "$scratch/out")" = "[9 0 0 3 0 2 7 2 5]" ] || fail "the labels are others"
    "${inspect[@]}" --stats
    "${inspect[@]}" --verify
}

# The network in the example is what the command in its README gives: all of the file but its header.
embedded_model() {
    has_avx2 || fail "this CPU lacks AVX2 and FMA: the exact bits cannot be reached in time"
    export XDG_CACHE_HOME=$scratch/cache
    local folder=kernels/examples/embedded options
    options=$(sed -n 's/.*-- train \(.*\) --save .*/\1/p' "$folder/README.md")
    [ -n "$options" ] || fail "$folder/README.md does not show the command"
    echo "\$ mnist-fast train $options"
    # shellcheck disable=SC2086
    "$target/release/mnist-fast" train $options --quiet --save "$scratch/model.safetensors"
    local floats=$(((784 * 16 + 16 + 16 * 10 + 10) * 4))
    cmp <(tail -c "$floats" "$scratch/model.safetensors") <(tail -c "$floats" "$folder/model.safetensors") ||
        fail "$folder/model.safetensors is not what that command gives"
}

# The README's test command has built it.
debug_train() {
    export XDG_CACHE_HOME=$scratch/cache
    "$target/debug/mnist-fast" train --epochs 1 | tee "$scratch/out"
    grep -qE '[0-9a-f]{64}' "$scratch/out" || fail "no weights sha256 was printed"
}
