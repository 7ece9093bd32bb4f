//! Stamps the build with a digest of the Rust sources that decide and record.
//!
//! The same digest is made by `crossfade/_build.py`, so that an editable install can tell that its extension is older
//! than its sources. Rule: SHA-256 over every file below the named folders, sorted by path with `/`, each as
//! `path NUL length NUL bytes`; the first 16 hex digits.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

const FOLDERS: [&str; 5] = ["rust/core/src", "rust/store/src", "rust/exchange/src", "rust/seam/src", "rust/py/src"];

fn main() {
    // Asked when it runs: a target folder may have been moved, or be shared by two checkouts.
    let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo says where the crate is");
    let root = Path::new(&folder).ancestors().nth(2).expect("the crate lies two folders deep").to_owned();
    let mut files = Vec::new();
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
        collect(&root.join(folder), &mut files);
    }
    let mut named: Vec<(String, PathBuf)> = files
        .into_iter()
        .map(|path| {
            let relative = path.strip_prefix(&root).expect("collected below the root");
            (relative.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/"), path)
        })
        .collect();
    named.sort();
    let mut digest = Sha256::new();
    for (name, path) in named {
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        digest.update(name.as_bytes());
        digest.update([0]);
        digest.update(bytes.len().to_string().as_bytes());
        digest.update([0]);
        digest.update(&bytes);
    }
    let hex: String = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    println!("cargo::rustc-env=CROSSFADE_BUILD={hex}");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a listed entry can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}
