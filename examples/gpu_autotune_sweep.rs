//! Times networks on the GPU in every configuration of the executor, in turns: random weights, 80 classes.
//!
//! ```text
//! cargo run --release -p ghostdet --features gpu --example gpu_autotune_sweep -- [SIZES] [SECONDS] [NETWORKS] [CONFIGURATIONS] [JSON]
//! ```
//!
//! Lists are separated by commas. `SECONDS` is the time for each size (at least three rounds). `JSON` is a file for all
//! single times. It takes two times: that of a frame, from an image's bytes to the candidates, and the time that the
//! adapter itself is busy.

use ghostdet::detection::{DETECT_THRESHOLD, RawMap, threshold_logit};
use ghostdet::engine::gpu::{Gpu, GpuExecutor, Tuning};
use ghostdet::engine::{Engine, EngineOptions, Executor, Weights};
use ghostdet::model::builtin;
use pollster::block_on;
use serde_json::json;
use std::collections::HashMap;
use std::error::Error;
use std::time::{Duration, Instant};

const NETWORKS: &str = "yolov5n,yolov5n-ghost-backbone,yolov5n-ghost,yolov5s,yolov5s-ghost-backbone,yolov5s-ghost";

/// The least number of rounds.
const ROUNDS: usize = 3;

/// Setting up may take this many times as long as the measurement; configurations after that are left out.
const MAX_SETUP_RATIO: u32 = 4;

/// A network in one configuration.
struct Entry {
    name: String,
    configuration: String,
    executor: GpuExecutor,
    /// The largest difference between its maps and the CPU's, as a part of the largest value.
    off: f32,
    /// Milliseconds of each round: a frame's, and the adapter's alone.
    times: [Vec<f64>; 2],
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut list = |default: &str| -> Vec<String> {
        let given = arguments.next().filter(|text| !text.is_empty()).unwrap_or_else(|| default.into());
        given.split(',').map(str::to_owned).collect()
    };
    let (sizes, seconds, names, configurations, file) =
        (list("320,640"), list("10"), list(NETWORKS), list("all"), list(""));
    let gpu = block_on(Gpu::open())?;
    let info = gpu.source.as_ref().ok_or("the adapter is unknown")?.adapter.get_info();
    println!(
        "{}: {:?}, {} {}, halves multiplied: {}, software: {}",
        gpu.name,
        info.backend,
        info.driver,
        info.driver_info,
        gpu.f16(),
        gpu.software
    );
    let configurations = match configurations.as_slice() {
        [all] if all == "all" => all_configurations(&gpu),
        names => names.iter().map(|name| name.parse()).collect::<Result<_, _>>()?,
    };
    let mut rows = Vec::new();
    for size in sizes {
        let side: usize = size.parse()?;
        let entries = time(&gpu, side, Duration::from_secs_f64(seconds[0].parse()?), &names, &configurations)?;
        print(side, &names, &entries);
        let row = |entry: &Entry| {
            let [frame, busy] = &entry.times;
            json!({ "network": entry.name, "size": side, "configuration": entry.configuration, "off": entry.off, "frame": frame, "busy": busy })
        };
        rows.extend(entries.iter().map(row));
    }
    if !file[0].is_empty() {
        std::fs::write(&file[0], serde_json::to_vec(&json!({ "adapter": gpu.name, "rows": rows }))?)?;
    }
    Ok(())
}

/// All configurations and their variants, each also with fused Ghost modules.
fn all_configurations(gpu: &Gpu) -> Vec<Tuning> {
    let all = Tuning::configurations(gpu.software, gpu.f16()).into_iter();
    let varied =
        all.flat_map(|one| [one].into_iter().chain(one.variants(gpu.subgroup).into_iter().filter(|one| !one.fused)));
    varied.flat_map(|one| [one, Tuning { fused: true, ..one }]).collect()
}

/// Sets everything up, then runs the entries in turns.
fn time(
    gpu: &Gpu,
    side: usize,
    enough: Duration,
    names: &[String],
    configurations: &[Tuning],
) -> Result<Vec<Entry>, Box<dyn Error>> {
    let size = [side; 2];
    let rgb: Vec<u8> = (0..side * side * 3).map(|i| (i * 31 % 251) as u8).collect();
    let threshold = threshold_logit(DETECT_THRESHOLD)?;
    let mut engines = HashMap::new();
    for name in names {
        let config = builtin(name).ok_or_else(|| format!("there is no built-in network {name}"))?;
        let engine = Engine::new(&config.graph(Some(80))?, Weights::Random, &EngineOptions::in_floats())?;
        let expected = engine.forward(&rgb[..], size)?;
        engines.insert(name, (engine, expected));
    }
    let (mut entries, begun) = (Vec::<Entry>::new(), Instant::now());
    for &tuning in configurations {
        if begun.elapsed() > MAX_SETUP_RATIO * enough && !entries.is_empty() {
            println!("{side}, {}: left out, shaders take too long to compile", tuning);
            continue;
        }
        for name in names {
            let (engine, expected) = &engines[name];
            match ready(gpu, (name, engine, expected), tuning, &rgb, size) {
                Ok(entry)
                    if entries
                        .iter()
                        .any(|one| (&one.name, &one.configuration) == (&entry.name, &entry.configuration)) => {}
                Ok(entry) => entries.push(entry),
                Err(error) => println!("{name} {side}, {}: {error}", tuning),
            }
        }
    }
    println!("{side}: {} entries ready after {:.1} s", entries.len(), begun.elapsed().as_secs_f64());
    let start = Instant::now();
    while start.elapsed() < enough || entries.first().is_some_and(|entry| entry.times[0].len() < ROUNDS) {
        for Entry { name, executor, times: [frame, busy], .. } in &mut entries {
            let program = engines[&*name].0.program();
            busy.push(block_on(executor.busy_time(program, size))?);
            // Run twice and time the second: the caches hold the data of other entries at first.
            block_on(executor.candidates(program, (&rgb).into(), size, threshold))?;
            let start = Instant::now();
            block_on(executor.candidates(program, (&rgb).into(), size, threshold))?;
            frame.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(entries)
}

/// A network in one configuration, compared with the CPU's maps and run once.
fn ready(
    gpu: &Gpu,
    (name, engine, expected): (&str, &Engine, &[RawMap]),
    tuning: Tuning,
    rgb: &[u8],
    size: [usize; 2],
) -> ghostdet::Result<Entry> {
    let program = engine.program();
    let executor = GpuExecutor::new(gpu, program, tuning)?;
    let maps = block_on(executor.maps(program, rgb.into(), size))?;
    let most = expected.iter().flat_map(|map| &map.data).fold(0.0_f32, |most, value| most.max(value.abs()));
    let pairs = expected.iter().zip(&maps).flat_map(|(e, m)| e.data.iter().zip(&m.data));
    // NaN counts as the largest difference.
    let off = pairs.map(|(e, m)| (e - m).abs() / most).fold(0.0, |a, b| if b <= a { a } else { b });
    block_on(executor.busy_time(program, size))?;
    let configuration = executor.tuning().to_string();
    Ok(Entry { name: name.into(), configuration, executor, off, times: Default::default() })
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Prints medians and bests, ratios to the plain network in the same configuration, and each network's fastest configurations.
fn print(side: usize, names: &[String], entries: &[Entry]) {
    let rounds = entries.first().map_or(0, |entry| entry.times[0].len());
    println!("\n{side} x {side}, {rounds} rounds\n");
    println!(
        "| network | configuration | frame: median, best ms | of the plain one | adapter: median, best ms | of the plain one | dispatches | off |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    // Medians of the ratios within a round.
    let share = |one: &Entry, plain: &Entry, kind: usize| {
        median(one.times[kind].iter().zip(&plain.times[kind]).map(|(a, b)| a / b).collect())
    };
    let column = |entry: &Entry, plain: Option<&Entry>, kind: usize| {
        let times = &entry.times[kind];
        let best = times.iter().copied().fold(f64::INFINITY, f64::min);
        let share = plain.map_or("–".into(), |plain| format!("{:.2}", share(entry, plain, kind)));
        format!("{:.3}, {best:.3} | {share}", median(times.clone()))
    };
    for entry in names.iter().flat_map(|name| entries.iter().filter(move |entry| entry.name == *name)) {
        let plain = entries.iter().find(|one| one.name == entry.name[..7] && one.configuration == entry.configuration);
        let [frame, busy] = [0, 1].map(|kind| column(entry, plain, kind));
        let (dispatches, off) = (entry.executor.dispatches(), entry.off);
        println!("| {} | {} | {frame} | {busy} | {dispatches} | {off:.1e} |", entry.name, entry.configuration);
    }
    for (kind, what) in ["a frame", "the adapter alone"].into_iter().enumerate() {
        println!("\nfastest configurations, {what}:");
        let fastest = |name: &str| {
            let of = |entry: &&Entry| median(entry.times[kind].clone());
            entries.iter().filter(|entry| entry.name == name).min_by(|a, b| of(a).total_cmp(&of(b)))
        };
        for name in names {
            let Some(entry) = fastest(name) else { continue };
            let share = fastest(&name[..7]).map_or(f64::NAN, |plain| share(entry, plain, kind));
            println!(
                "{name:<24}{:<22}{:>9.3} ms, {share:.3} of the plain one",
                entry.configuration,
                median(entry.times[kind].clone())
            );
        }
    }
}
