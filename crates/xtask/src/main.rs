//! Build steps that need Rust: the wasm module with its bindings, and a static server for the page.
//!
//! ```text
//! cargo run --release -p xtask -- wasm          builds crates/wasm for wasm32 and writes www/lib/pkg
//! cargo run --release -p xtask -- wasm-threads  both modules once more with threads: www/lib/pkg/threads
//! cargo run --release -p xtask -- wasm-burn     the module with Burn's WebGPU backend: www/lib/pkg/burn
//! cargo run --release -p xtask -- serve [port]  serves www/, weights/ and configs/ on 127.0.0.1
//! cargo run --release -p xtask -- precache DIR  lists a built page's files for use without a network: DIR/precache.json
//! cargo run --release -p xtask -- size          prints what the page has to download
//! ```

mod precache;
mod serve;
mod size;
mod snip;
mod wasm;

use std::path::PathBuf;
use std::process::ExitCode;

/// What a step gives back: nothing, or a message for the terminal.
type Outcome = Result<(), Box<dyn std::error::Error>>;

/// The repository: two folders above this package under `cargo run`, else the folder above the current one that holds
/// the page.
fn root() -> PathBuf {
    let run = std::env::var_os("CARGO_MANIFEST_DIR")
        .and_then(|here| PathBuf::from(here).ancestors().nth(2).map(PathBuf::from));
    let here = std::env::current_dir().unwrap_or_default();
    let above = || here.ancestors().find(|folder| folder.join("www/index.html").is_file()).map(PathBuf::from);
    run.or_else(above).unwrap_or(here.clone())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.first().map(String::as_str) {
        Some("wasm") => wasm::build(&root()),
        Some("wasm-threads") => wasm::build_threads(&root()),
        Some("wasm-burn") => wasm::build_burn(&root()),
        Some("serve") => match arguments.get(1).map(|port| port.parse::<u16>()) {
            None => serve::serve(&root(), 8080),
            Some(Ok(port)) => serve::serve(&root(), port),
            Some(Err(_)) => Err("serve: the port is a number between 0 and 65535".into()),
        },
        Some("precache") => match arguments.get(1) {
            Some(folder) => precache::write(folder.as_ref()),
            None => Err("precache: which folder holds the page?".into()),
        },
        Some("size") => size::print(&root()),
        _ => Err("usage: xtask wasm | wasm-threads | wasm-burn | serve [port] | precache DIR | size".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
