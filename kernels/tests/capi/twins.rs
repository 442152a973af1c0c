//! Every operation of the safe interface has its function in C, or a reason why not.

use std::fs;
use std::path::Path;

/// Methods whose function has another name.
const RENAMED: [(&str, &str); 13] = [
    ("best", "kernels_best"),
    ("new", "kernels_for_isa"),
    ("isa", "kernels_isa"),
    ("gemm", "sgemm"),
    ("gemm_strided", "sgemm"),
    ("gemm_packed", "sgemm_packed"),
    ("gemm_tiles", "gemm_tile"),
    ("pack_b_owned", "pack_b"),
    // One function for every rule.
    ("dense_weight_update_sgd_sparse", "dense_weight_update_sparse"),
    ("dense_weight_update_momentum_sparse", "dense_weight_update_sparse"),
    ("dense_weight_update_rmsprop_sparse", "dense_weight_update_sparse"),
    ("dense_weight_update_adam_sparse", "dense_weight_update_sparse"),
    ("dense_weight_update_adamw_sparse", "dense_weight_update_sparse"),
];

/// Methods without one: no operations, but for reports about the CPU and this library.
const WITHOUT: [&str; 5] = ["gemm_blocks", "sparse_columns", "probe_fma", "probe_read", "probe_update"];

/// The methods of `impl Kernels` in a file.
fn methods(text: &str) -> Vec<String> {
    let mut methods = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line {
            "impl Kernels {" => inside = true,
            "}" => inside = false,
            _ => {}
        }
        let line = line.trim_start();
        let name =
            ["pub fn ", "pub const fn ", "pub unsafe fn "].iter().find_map(|start| line.strip_prefix(start));
        if let Some(name) = name.filter(|_| inside) {
            methods.push(name.split(['(', '<']).next().unwrap().to_string());
        }
    }
    methods
}

#[test]
fn every_method_has_its_function() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let header = fs::read_to_string(root.join("include/mnist_fast_kernels.h")).unwrap();
    let mut all = Vec::new();
    for file in fs::read_dir(root.join("src/kernels")).unwrap() {
        all.extend(methods(&fs::read_to_string(file.unwrap().path()).unwrap()));
    }
    assert!(all.len() > 70, "{all:?}");
    let missing: Vec<_> = all
        .iter()
        .filter(|name| !WITHOUT.contains(&name.as_str()))
        .filter(|name| {
            let twin = RENAMED.iter().find(|(rust, _)| rust == name).map_or(name.as_str(), |(_, c)| c);
            !header.contains(&format!(" mnf_{twin}(")) && !header.contains(&format!("*mnf_{twin}("))
        })
        .collect();
    assert!(missing.is_empty(), "no function of the C interface for {missing:?}");
    // The lists above name nothing that is not there.
    let known = RENAMED.iter().map(|(rust, _)| *rust).chain(WITHOUT);
    for name in known {
        assert!(all.iter().any(|method| method == name), "{name} is no method");
    }
}
