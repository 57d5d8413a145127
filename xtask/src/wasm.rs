//! The wasm module: compile for wasm32, generate the bindings.

use std::path::{Path, PathBuf};
use std::process::Command;

use wasm_bindgen_cli_support::Bindgen;

use crate::Outcome;

const TARGET: &str = "wasm32-unknown-unknown";

/// Where the system's second Rust keeps its wasm std, if there is one.
const SYSTEM_STD: &str = "/usr/lib/rustlib/wasm32-unknown-unknown/lib";

/// Compiles `web/` twice and writes `www/lib/pkg`, which runs everywhere, and `www/lib/pkg/relaxed` for browsers with
/// relaxed SIMD (fused multiply-add). Dependencies are compiled once: only our own crates differ.
pub fn build(root: &Path) -> Outcome {
    let output = root.join("www").join("lib").join("pkg");
    for (features, folder) in [("relaxed-simd", output.join("relaxed")), ("", output)] {
        bind(&compile(root, features)?, &folder)?;
        let bytes = std::fs::metadata(folder.join("ghostdet_web_bg.wasm"))?.len();
        println!("{}: {:.0} kB of wasm", folder.display(), bytes as f64 / 1000.0);
    }
    Ok(())
}

/// Compiles `web/` with Burn's WebGPU backend in it and writes `www/lib/pkg/burn`: for checks and benches, not shipped.
pub fn build_burn(root: &Path) -> Outcome {
    let folder = root.join("www").join("lib").join("pkg").join("burn");
    bind(&compile(root, "burn")?, &folder)?;
    println!("{}", folder.display());
    Ok(())
}

/// Compiles for wasm32; returns the module.
fn compile(root: &Path, features: &str) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let target = target_folder(root);
    let mut command = compiler();
    command
        .current_dir(root)
        .args(["build", "--release", "-p", "ghostdet-web", "--target", TARGET, "--features", features])
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTFLAGS", "-C target-feature=+simd128");
    let status = command.status()?;
    if !status.success() {
        return Err(format!("the wasm build failed ({status}); `scripts/setup-wasm.sh` prepares the compiler").into());
    }
    Ok(target.join(TARGET).join("release").join("ghostdet_web.wasm"))
}

fn bind(input: &Path, output: &Path) -> Outcome {
    Bindgen::new()
        .input_path(input)
        .web(true)?
        .typescript(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(output)
        .map_err(|error| format!("wasm-bindgen: {error:#}").into())
}

/// Cargo for wasm32: `GHOSTDET_WASM_CARGO` if set; else the toolchain's own where it has the target; else the system's.
fn compiler() -> Command {
    if let Some(cargo) = std::env::var_os("GHOSTDET_WASM_CARGO") {
        return Command::new(cargo);
    }
    let ours = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let mut command = Command::new(&ours);
    if !has_target() && Path::new(SYSTEM_STD).is_dir() && Path::new("/usr/bin/cargo").exists() {
        command = Command::new("/usr/bin/cargo");
        command.env("RUSTC", "/usr/bin/rustc");
        command.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC_WRAPPER");
        // This Rust ships no rust-lld; the linker is named here and not in .cargo/config.toml, where it would bind everybody.
        if let Some(linker) = linker() {
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
    }
    command
}

/// Whether the toolchain that runs this has wasm32's std.
fn has_target() -> bool {
    Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// The newest `wasm-ld` of the system.
fn linker() -> Option<PathBuf> {
    let plain = PathBuf::from("/usr/bin/wasm-ld");
    let newest = (14..40).rev().map(|version| PathBuf::from(format!("/usr/bin/wasm-ld-{version}")));
    newest.chain([plain]).find(|path| path.exists())
}

fn target_folder(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}
