# Steps: what is needed, and what is checked without running anything.

install() {
    local wanted=()
    command -v cargo >/dev/null || fail "cargo is missing: install it with rustup"
    command -v cc >/dev/null || wanted+=(gcc libc6-dev)
    command -v c++ >/dev/null || wanted+=(g++)
    command -v python3 >/dev/null || wanted+=(python3)
    python_with_numpy >/dev/null || wanted+=(python3-numpy)
    [ -e /usr/share/datasets/fashion-mnist ] || wanted+=(dataset-fashion-mnist)
    command -v qemu-x86_64-static >/dev/null || wanted+=(qemu-user-static)
    command -v aarch64-linux-gnu-gcc >/dev/null || wanted+=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross)
    if ! rustup_has_arm64 && ! debian_has_arm64 && ! rustup target add "$ARM64"; then
        # rustup cannot be reached: Debian has a compiler that comes with this target.
        dpkg --add-architecture arm64
        wanted+=(rustc-web libstd-rust-web-dev:arm64)
    fi
    if [ ${#wanted[@]} -eq 0 ]; then
        echo "nothing to install"
        return
    fi
    echo "installing ${wanted[*]}"
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${wanted[@]}" >"$scratch/apt" 2>&1 || {
        cat "$scratch/apt"
        fail "apt-get cannot install ${wanted[*]}"
    }
}

versions() {
    rustc -vV
    cargo --version
    cargo clippy --version
    cargo fmt --version
    python3 --version
    qemu-x86_64-static --version | head -n 1
    echo "CPU: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sort | uniq -c | sed 's/^ *//; s/ / x /')"
    echo "nproc: $(nproc)"
    local isa
    for isa in avx2 avx512; do
        if "has_$isa"; then echo "$isa: yes"; else echo "$isa: no"; fi
    done
}

lock_file() { cargo fetch --locked; }

format() { cargo fmt --all --check; }

# clippy and rustdoc: nothing of theirs is of use to a build, so that they have a target directory of their own.
clippy_workspace() { CARGO_TARGET_DIR=$target/lint cargo clippy --workspace --all-targets --keep-going -- -D warnings; }

clippy_kernels() {
    export CARGO_TARGET_DIR=$target/lint
    cargo clippy -p mnist-fast-kernels --no-default-features -- -D warnings
    cargo clippy -p mnist-fast-kernels --no-default-features --features std --all-targets -- -D warnings
    cargo clippy -p mnist-fast-kernels --no-default-features --features capi -- -D warnings
    cargo clippy -p mnist-fast-kernels --features capi --all-targets -- -D warnings
}

clippy_bench_helper() {
    local manifest=benches/helper/Cargo.toml
    cargo fmt --check --manifest-path "$manifest"
    cargo clippy --locked --manifest-path "$manifest" --target-dir "$target/lint-helper" -- -D warnings
}

documentation() {
    export CARGO_TARGET_DIR=$target/lint RUSTDOCFLAGS="-D warnings"
    cargo doc --workspace --no-deps
    cargo doc --workspace --no-deps --document-private-items
    cargo doc -p mnist-fast-kernels --all-features --no-deps
}

no_std() {
    CARGO_TARGET_DIR=$target/lint cargo check -p mnist-fast-kernels --no-default-features
    local crates
    crates=$(cargo tree -p mnist-fast-kernels --no-default-features -e normal --prefix none)
    echo "$crates"
    [ "$(wc -l <<<"$crates")" -eq 1 ] || fail "the kernels without default features have dependencies"
}

msrv() {
    local toolchain
    cargo metadata --locked --format-version 1 | python3 .ci/manifest.py msrv "$MSRV"
    # For the real check; where rustup cannot be reached there is none, and the step says so.
    rustup toolchain list 2>/dev/null | grep -q "^${MSRV//./\\.}" ||
        rustup toolchain install "$MSRV" --profile minimal 2>&1 || true
    toolchain=$(rustup toolchain list 2>/dev/null | grep -m1 -oE "^${MSRV//./\\.}[^ ]*" || true)
    if [ -n "$toolchain" ]; then
        cargo "+$toolchain" check -p mnist-fast -p mnist-fast-kernels -p mnist-fast-embedded --all-targets \
            --locked --target-dir "$target/msrv"
    else
        grep -q '^incompatible_msrv = "deny"' Cargo.toml || fail "Cargo.toml does not deny clippy::incompatible_msrv"
        echo "no toolchain $MSRV here: only clippy's incompatible_msrv (denied) has checked the code against it"
    fi
}

crate_budget() {
    local crates count
    crates=$(cargo tree -e normal --prefix none -p mnist-fast | sed 's/ (.*//' | sort -u)
    count=$(wc -l <<<"$crates")
    echo "$crates"
    echo "crates in the default build: $count of at most $MAX_CRATES"
    [ "$count" -le "$MAX_CRATES" ] || fail "too many crates"
    python3 .ci/manifest.py reasons Cargo.toml
}

harness_lines() { python3 .ci/harness_lines.py "$MAX_HARNESS_LINES"; }

publish() { cargo publish --dry-run -p mnist-fast-kernels --allow-dirty --target-dir "$target/publish"; }

# Nothing is installed or measured: the scripts are well formed, and the table keeps its rule on made-up results.
peers() {
    local peers=benches/peers
    PYTHONPYCACHEPREFIX=$scratch/pycache python3 -m py_compile "$peers/run" "$peers"/*/*.py
    rustfmt --edition 2024 --check "$peers"/rust/*/src/*.rs
    PYTHONDONTWRITEBYTECODE=1 python3 -m unittest discover -s "$peers/tests" -t "$peers" 2>&1 | tee "$scratch/peers"
    says "$scratch/peers" yes '^Ran [1-9][0-9]* tests'
    if [ -f /usr/include/oneapi/dnnl/dnnl.h ]; then
        c++ -std=c++17 -fsyntax-only -fopenmp -Wall -Wextra -Werror "$peers/onednn/main.cpp"
    else
        echo "skipped: oneDNN's header is not installed: onednn/main.cpp stays unchecked"
    fi
}
