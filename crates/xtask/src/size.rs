//! What a visitor downloads.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Outcome;

/// The CPU's module and its bindings, compressed with brotli: at most this many bytes.
const CPU_LIMIT: usize = 350_000;

/// All other JavaScript of the package, file by file, compressed with brotli: at most this many bytes. A visitor fetches a part of it.
const JS_LIMIT: usize = 68_000;

/// The module with Burn's WebGPU backend and its bindings, compressed with brotli: at most this many bytes.
const BURN_LIMIT: usize = 1_000_000;

/// Of that module, so many of the largest parts are listed.
const PARTS: usize = 12;

/// Compresses standard input where there is no `brotli`: Node is there for the tests.
const NODE_BROTLI: &str = "const zlib = require('zlib'), file = require('fs').readFileSync(process.argv[1]); \
    process.stdout.write(zlib.brotliCompressSync(file, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 11 } }));";

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
        "www/js/detect",
        "www/js/compare",
        "www/js/playground",
        "www/js/evaluate",
        "www/css",
        "www/lib",
        "www/lib/pkg",
        "www/lib/pkg/burn",
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
        let brotli =
            packed("brotli", &["-q", "11", "-c"], &path).or_else(|| packed("node", &["-e", NODE_BROTLI], &path));
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
    let sum = |ours: &dyn Fn(&str) -> bool| -> usize {
        sizes.iter().filter(|(name, ..)| ours(name)).map(|size| least(&size)).sum()
    };
    let others = ["/threads/", "/relaxed/", "/burn/"];
    let cpu = sum(&|name| name.starts_with("www/lib/pkg/") && others.iter().all(|other| !name.contains(other)));
    let js = sum(&|name| name.starts_with("www/lib/") && !name.starts_with("www/lib/pkg/"));
    let burn = sum(&|name| name.starts_with("www/lib/pkg/burn/"));
    let weights = sizes.iter().find(|(name, ..)| name == DEFAULT_WEIGHTS).map_or(0, |(_, raw, ..)| *raw);
    println!("\nCPU's module, its bindings: {cpu} bytes (at most {CPU_LIMIT})");
    println!("the package's other JavaScript: {js} bytes (at most {JS_LIMIT})");
    println!("module with Burn's WebGPU backend, its bindings: {burn} bytes (at most {BURN_LIMIT})");
    println!("default weights: {weights} bytes (at most {WEIGHTS_LIMIT})");
    println!("\nthe largest parts of Burn's module, bytes of code before compression:");
    for (name, bytes) in crate::wasm::burn_parts(root)?.into_iter().take(PARTS) {
        println!("{name:<24} {bytes:>10}");
    }
    if cpu > CPU_LIMIT || js > JS_LIMIT || burn > BURN_LIMIT || weights > WEIGHTS_LIMIT {
        return Err("that is too large".into());
    }
    Ok(())
}

/// Bytes after `tool`; none where the tool isn't there.
fn packed(tool: &str, arguments: &[&str], path: &Path) -> Option<usize> {
    let output = Command::new(tool).args(arguments).arg(path).stderr(Stdio::null()).output();
    output.ok().filter(|done| done.status.success()).map(|done| done.stdout.len())
}
