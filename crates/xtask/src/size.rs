//! What a visitor downloads.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Outcome;

/// The module of one build and the JavaScript beside it, compressed: at most this many bytes.
const MODULE_LIMIT: usize = 1_400_000;

/// The default weights, which hardly compress.
const WEIGHTS_LIMIT: usize = 2_800_000;

const DEFAULT_WEIGHTS: &str = "weights/yolov5n-ghost-backbone.safetensors";

/// Prints raw, gzip and brotli sizes of the page's files, the largest first, and what a first visit takes; an error if that
/// is too much.
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
    let mut sizes = Vec::new();
    for name in files {
        let path = root.join(&name);
        let raw = std::fs::metadata(&path)?.len() as usize;
        let gzip = packed("gzip", &["-9", "-c"], &path);
        let brotli = packed("brotli", &["-q", "11", "-c"], &path);
        sizes.push((name, raw, gzip, brotli));
    }
    sizes.sort_by_key(|(_, raw, _, brotli)| std::cmp::Reverse(brotli.unwrap_or(*raw)));
    let text = |size: Option<usize>| size.map_or_else(|| "-".into(), |size| size.to_string());
    for (name, raw, gzip, brotli) in &sizes {
        println!("{name:<44} {raw:>10} {:>10} {:>10}", text(*gzip), text(*brotli));
    }
    // Without brotli what is somewhat larger is compared.
    let least =
        |(_, raw, gzip, brotli): &&(String, usize, Option<usize>, Option<usize>)| brotli.or(*gzip).unwrap_or(*raw);
    let ours = |name: &str| name.starts_with("www/lib/") && !name.contains("/threads/") && !name.contains("/relaxed/");
    let module: usize = sizes.iter().filter(|(name, ..)| ours(name)).map(|size| least(&size)).sum();
    let weights = sizes.iter().find(|(name, ..)| name == DEFAULT_WEIGHTS).map_or(0, |(_, raw, ..)| *raw);
    println!("\nnpm module, one build with its JavaScript: {module} bytes (at most {MODULE_LIMIT})");
    println!("default weights: {weights} bytes (at most {WEIGHTS_LIMIT})");
    if module > MODULE_LIMIT || weights > WEIGHTS_LIMIT {
        return Err("that is too large".into());
    }
    Ok(())
}

/// Bytes after `tool`; none where the tool isn't there.
fn packed(tool: &str, arguments: &[&str], path: &Path) -> Option<usize> {
    let output = Command::new(tool).args(arguments).arg(path).stderr(Stdio::null()).output();
    output.ok().filter(|done| done.status.success()).map(|done| done.stdout.len())
}
