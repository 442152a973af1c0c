//! The C programs in `examples/c`, compiled with all warnings as errors against the static library, and run.
//!
//! Cargo makes no static library of its own accord, so that the test calls it again, in a target directory of its own
//! (the outer cargo may hold the lock of the usual one): this crate alone, without default features and without LTO, which
//! takes a few seconds, once.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[test]
fn c_programs_compile_without_warnings_and_succeed() {
    if !cfg!(unix) {
        println!("skipped: no usual `cc` on this system: the C examples were not built");
        return;
    }
    let compiler = std::env::var("CC").unwrap_or("cc".into());
    if let Err(error) = Command::new(&compiler).arg("--version").output() {
        println!("skipped: no C compiler `{compiler}` ({error}): the C examples were not built");
        return;
    }
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c_examples");
    let library = static_library(crate_root, &folder);
    for example in ["xor", "gemm"] {
        let program = folder.join(example);
        let output = Command::new(&compiler)
            .args(["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Wstrict-prototypes"])
            .arg("-I")
            .arg(crate_root.join("include"))
            .arg(crate_root.join("examples/c").join(example).with_extension("c"))
            .arg(&library)
            .args(["-lpthread", "-ldl", "-lm", "-o"])
            .arg(&program)
            .output()
            .expect("the compiler just ran");
        assert_success(&format!("compiling {example}.c"), &output);
        let output = Command::new(&program).output().expect("a program that was just linked");
        assert_success(example, &output);
        println!("{}", String::from_utf8_lossy(&output.stdout));
    }
}

fn static_library(crate_root: &Path, folder: &Path) -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["rustc", "--offline", "--release", "--lib", "--crate-type", "staticlib"])
        .args(["--config", "profile.release.lto=false"])
        .args(["--no-default-features", "--features", "capi", "--manifest-path"])
        .arg(crate_root.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(folder)
        // The programs run here, whatever the tests are built for.
        .env_remove("CARGO_BUILD_TARGET")
        .output()
        .expect("the cargo that built this test");
    assert_success("cargo rustc --crate-type staticlib", &output);
    folder.join("release/libmnist_fast_kernels.a")
}

#[track_caller]
fn assert_success(what: &str, output: &Output) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {}\n{out}{err}", output.status);
}
