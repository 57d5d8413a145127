//! What a visitor downloads.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Outcome;

/// Prints raw, gzip and brotli sizes of the page's files.
pub fn print(root: &Path) -> Outcome {
    println!("{:<44} {:>10} {:>10} {:>10}", "file", "raw", "gzip -9", "brotli");
    let mut files = Vec::new();
    for folder in [
        "www",
        "www/js",
        "www/css",
        "www/lib",
        "www/lib/pkg",
        "www/lib/pkg/relaxed",
        "www/lib/pkg/threads",
        "www/lib/pkg/threads/relaxed",
        "weights",
    ] {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else { continue };
        for entry in entries.flatten() {
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            let wanted = [".html", ".css", ".js", ".wasm", ".safetensors"].iter().any(|end| name.ends_with(end));
            if wanted && entry.path().is_file() {
                files.push(name);
            }
        }
    }
    files.sort();
    for name in files {
        let path = root.join(&name);
        let raw = std::fs::metadata(&path)?.len();
        let gzip = packed("gzip", &["-9", "-c"], &path);
        let brotli = packed("brotli", &["-q", "11", "-c"], &path);
        println!("{name:<44} {raw:>10} {gzip:>10} {brotli:>10}");
    }
    Ok(())
}

/// Bytes after `tool`; `-` where the tool isn't there.
fn packed(tool: &str, arguments: &[&str], path: &Path) -> String {
    let output = Command::new(tool).args(arguments).arg(path).stderr(Stdio::null()).output();
    output.ok().filter(|done| done.status.success()).map_or_else(|| "-".into(), |done| done.stdout.len().to_string())
}
