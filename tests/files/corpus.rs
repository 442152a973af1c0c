//! The fuzz targets' committed corpora, replayed: what a fuzzer once looked for stays found.

use std::fs;
use std::path::Path;

#[path = "../fuzz/bodies.rs"]
mod bodies;

#[test]
fn the_corpora_hold() {
    type Target = (&'static str, fn(&[u8]));
    let targets: [Target; 11] = [
        ("args", bodies::args),
        ("checkpoint", bodies::checkpoint),
        ("classes", bodies::classes),
        ("gemm", bodies::gemm),
        ("gz", bodies::gz),
        ("idx", bodies::idx),
        ("input", bodies::input),
        ("model", bodies::model),
        ("npz", bodies::npz),
        ("picture", bodies::picture),
        ("stamp", bodies::stamp),
    ];
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    assert_eq!(fs::read_dir(&corpus).unwrap().count(), targets.len());
    for (name, target) in targets {
        let files: Vec<_> =
            fs::read_dir(corpus.join(name)).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(files.len() >= 12, "{name} has {} files", files.len());
        for file in files {
            // Named where it fails.
            println!("{}", file.display());
            target(&fs::read(file).unwrap());
        }
    }
}
