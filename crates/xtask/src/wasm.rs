//! The wasm module: compile for wasm32, generate the bindings.

use std::path::{Path, PathBuf};
use std::process::Command;

use wasm_bindgen_cli_support::Bindgen;

use crate::{Outcome, snip};

const TARGET: &str = "wasm32-unknown-unknown";

/// The package with Burn's WebGPU backend.
const BURN: &str = "ghostdet-wasm-burn";

/// Where the system's second Rust keeps its wasm std, if there is one.
const SYSTEM_STD: &str = "/usr/lib/rustlib/wasm32-unknown-unknown/lib";

/// Compiles `crates/wasm` twice and writes `www/lib/pkg`, which runs everywhere, and `www/lib/pkg/relaxed` for browsers with
/// relaxed SIMD (fused multiply-add). Dependencies are compiled once: only our own crates differ.
pub fn build(root: &Path) -> Outcome {
    let output = root.join("www").join("lib").join("pkg");
    for (features, folder) in [("relaxed-simd", output.join("relaxed")), ("", output)] {
        produce(root, &Build::cpu(features, Memory::Own), &folder)?;
    }
    Ok(())
}

/// Both once more with threads on shared memory, `www/lib/pkg/threads` and `www/lib/pkg/threads/relaxed`: for pages
/// whose server sends the headers that isolate them.
pub fn build_threads(root: &Path) -> Outcome {
    let output = root.join("www").join("lib").join("pkg").join("threads");
    for (features, folder) in [("wasm-threads,relaxed-simd", output.join("relaxed")), ("wasm-threads", output)] {
        produce(root, &Build::cpu(features, Memory::Shared), &folder)?;
    }
    Ok(())
}

/// Compiles `crates/wasm-burn`, the module with Burn's WebGPU backend, and writes `www/lib/pkg/burn`. Its profile keeps it small.
pub fn build_burn(root: &Path) -> Outcome {
    let folder = root.join("www").join("lib").join("pkg").join("burn");
    produce(root, &Build { package: BURN, profile: "wasm-burn", features: "", memory: Memory::Own }, &folder)
}

/// Bytes of code of each crate in the module with Burn's WebGPU backend, the largest first. It has to be built.
pub fn burn_parts(root: &Path) -> Result<Vec<(String, u64)>, Box<dyn std::error::Error>> {
    let file = target_folder(root).join(TARGET).join("wasm-burn").join(format!("{}.wasm", BURN.replace('-', "_")));
    let mut module = parse(&file)?;
    snip::run(&mut module);
    let mut parts = std::collections::BTreeMap::<String, u64>::new();
    for (id, function) in module.funcs.iter_local() {
        let name = module.funcs.get(id).name.as_deref().unwrap_or_default();
        // Of a mangled name: the first crate that it mentions.
        let first = CRATES.iter().filter_map(|part| Some((name.find(part)?, part))).min();
        let part = first.map_or("others", |(_, part)| part);
        let bytes = function.original_range.as_ref().map_or(0, |range| range.len());
        *parts.entry(part.into()).or_default() += bytes as u64;
    }
    let mut parts: Vec<_> = parts.into_iter().collect();
    parts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    Ok(parts)
}

/// The crates that [`burn_parts`] tells apart.
const CRATES: [&str; 19] = [
    "burn_backend",
    "burn_cubecl",
    "burn_std",
    "burn_tensor",
    "cubecl_core",
    "cubecl_ir",
    "cubecl_opt",
    "cubecl_runtime",
    "cubecl_server",
    "cubecl_std",
    "cubecl_wgpu",
    "cubek",
    "ghostdet",
    "granit_parser",
    "js_sys",
    "pliron",
    "rustc_apfloat",
    "safetensors",
    "wgpu",
];

/// What is compiled.
struct Build {
    package: &'static str,
    profile: &'static str,
    features: &'static str,
    memory: Memory,
}

impl Build {
    /// The CPU's module with these features.
    fn cpu(features: &'static str, memory: Memory) -> Self {
        // With threads, our code and a standard library without them are not to be optimised as one.
        let profile = if memory == Memory::Shared { "release" } else { "wasm" };
        Self { package: "ghostdet-wasm", profile, features, memory }
    }

    /// The module's name in file names.
    fn stem(&self) -> String {
        self.package.replace('-', "_")
    }
}

/// Whose memory a module works in.
#[derive(Clone, Copy, PartialEq)]
enum Memory {
    /// Its own.
    Own,
    /// One that several instances of it share.
    Shared,
}

impl Memory {
    /// The compiler's flags. The standard library at hand is compiled for one thread, which the linker is told to put up
    /// with: `ghostdet::engine::cpu::parallel` says why it may.
    fn flags(&self) -> String {
        const SHARED: [&str; 9] = [
            "--no-check-features",
            "--shared-memory",
            "--import-memory",
            "--max-memory=1073741824",
            "--export=__heap_base",
            "--export=__wasm_init_tls",
            "--export=__tls_size",
            "--export=__tls_align",
            "--export=__tls_base",
        ];
        match self {
            Self::Own => "-C target-feature=+simd128".into(),
            Self::Shared => {
                let link: String = SHARED.iter().map(|argument| format!(" -C link-arg={argument}")).collect();
                format!("-C target-feature=+simd128,+atomics,+bulk-memory{link}")
            }
        }
    }
}

/// Compiles, binds and says what came out.
fn produce(root: &Path, build: &Build, folder: &Path) -> Outcome {
    let mut module = parse(&compile(root, build)?)?;
    if build.package == BURN {
        snip::run(&mut module);
    }
    let stem = build.stem();
    bind(&stem, module, folder)?;
    let bytes = std::fs::metadata(folder.join(format!("{stem}_bg.wasm")))?.len();
    println!("{}: {:.0} kB of wasm", folder.display(), bytes as f64 / 1000.0);
    Ok(())
}

/// Compiles for wasm32; returns the module.
fn compile(root: &Path, build: &Build) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let Build { package, profile, features, memory } = build;
    // A folder of its own: other flags for everything.
    let target = if *memory == Memory::Shared { target_folder(root).join("threads") } else { target_folder(root) };
    let mut command = compiler();
    command
        .current_dir(root)
        .args(["build", "--profile", profile, "-p", package, "--target", TARGET, "--features", features])
        .env("CARGO_TARGET_DIR", &target)
        // The bindings are made from what stripping takes away, too.
        .env("CARGO_PROFILE_RELEASE_STRIP", "debuginfo")
        .env("RUSTFLAGS", memory.flags() + &remapped_sources());
    let status = command.status()?;
    if !status.success() {
        return Err(format!("the wasm build failed ({status}); `tools/setup-wasm.sh` prepares the compiler").into());
    }
    Ok(target.join(TARGET).join(profile).join(format!("{}.wasm", build.stem())))
}

/// The flags that leave out where cargo keeps the sources of dependencies: panics name files by it, and a module should not depend
/// on the folder of whoever builds it.
fn remapped_sources() -> String {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    let Some(cargo) = std::env::var_os("CARGO_HOME").map(PathBuf::from).or(home) else { return String::new() };
    let registries = std::fs::read_dir(cargo.join("registry").join("src"));
    let mut folders: Vec<PathBuf> = registries.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    folders.sort();
    // Spaces separate the flags.
    folders.retain(|folder| !folder.to_string_lossy().contains(' '));
    folders.iter().map(|folder| format!(" --remap-path-prefix={}=", folder.display())).collect()
}

fn bind(stem: &str, module: walrus::Module, output: &Path) -> Outcome {
    Bindgen::new()
        .input_module(stem, module)
        .web(true)?
        .typescript(true)
        .generate(output)
        .map_err(|error| format!("wasm-bindgen: {error:#}").into())
}

/// Reads a module. Nothing of ours is thread-local, which leaves the alignment of that storage at zero; the bindings
/// allocate it all the same, and an allocator refuses such an alignment.
fn parse(path: &Path) -> Result<walrus::Module, Box<dyn std::error::Error>> {
    // Unchecked, as the bindings' own reader does it: the linker's output for threads doesn't pass.
    let mut module = walrus::ModuleConfig::new()
        .strict_validate(false)
        .generate_name_section(std::env::var_os("GHOSTDET_NAMES").is_some())
        .generate_producers_section(false)
        .parse(&std::fs::read(path)?)
        .map_err(|error| format!("{}: {error:#}", path.display()))?;
    let alignment = module.exports.iter().find(|export| export.name == "__tls_align").map(|export| export.item);
    if let Some(walrus::ExportItem::Global(alignment)) = alignment
        && let walrus::GlobalKind::Local(walrus::ConstExpr::Value(walrus::ir::Value::I32(value @ 0))) =
            &mut module.globals.get_mut(alignment).kind
    {
        *value = 1;
    }
    Ok(module)
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
