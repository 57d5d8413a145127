//! Networks on the GPU in every way that the executor knows for this adapter, all in turns: random weights, 80 classes.
//!
//! ```text
//! cargo run --release --features gpu --example gpu_autotune_sweep -- [SIZES] [SECONDS] [NETWORKS] [WAYS] [JSON]
//! ```
//!
//! Lists have commas; `SECONDS` of turns for each size (three rounds at least); `JSON` is a file for every single time.
//! Two times are taken: a frame's, from a picture's bytes to the candidates, and what the adapter itself is busy with it.

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

/// Rounds there are at least.
const ROUNDS: usize = 3;

/// How many times as long as its turns getting ready may take, the last way aside.
const PATIENCE: u32 = 4;

/// A network run in one way.
struct Turn {
    name: String,
    way: String,
    executor: GpuExecutor,
    /// How far off its maps are from the processor's, of the largest value.
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
    let (sizes, seconds, names, ways, file) = (list("320,640"), list("10"), list(NETWORKS), list("all"), list(""));
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
    let ways = match ways.as_slice() {
        [all] if all == "all" => every(&gpu),
        names => names.iter().map(|name| name.parse()).collect::<Result<_, _>>()?,
    };
    let mut rows = Vec::new();
    for size in sizes {
        let side: usize = size.parse()?;
        let turns = time(&gpu, side, Duration::from_secs_f64(seconds[0].parse()?), &names, &ways)?;
        print(side, &names, &turns);
        let row = |turn: &Turn| {
            let [frame, busy] = &turn.times;
            json!({ "network": turn.name, "size": side, "way": turn.way, "off": turn.off, "frame": frame, "busy": busy })
        };
        rows.extend(turns.iter().map(row));
    }
    if !file[0].is_empty() {
        std::fs::write(&file[0], serde_json::to_vec(&json!({ "adapter": gpu.name, "rows": rows }))?)?;
    }
    Ok(())
}

/// All candidates, each also in rows and with shared weights, and all of them fused.
fn every(gpu: &Gpu) -> Vec<Tuning> {
    let all = Tuning::configurations(gpu.software, gpu.f16()).into_iter();
    let varied =
        all.flat_map(|one| [one].into_iter().chain(one.variants(gpu.subgroup).into_iter().filter(|one| !one.fused)));
    varied.flat_map(|one| [one, Tuning { fused: true, ..one }]).collect()
}

/// Makes everything ready, then runs it in turns.
fn time(
    gpu: &Gpu,
    side: usize,
    enough: Duration,
    names: &[String],
    ways: &[Tuning],
) -> Result<Vec<Turn>, Box<dyn Error>> {
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
    let (mut turns, begun) = (Vec::<Turn>::new(), Instant::now());
    for &tuning in ways {
        if begun.elapsed() > PATIENCE * enough && !turns.is_empty() {
            println!("{side}, {}: left out, shaders take too long to compile", tuning);
            continue;
        }
        for name in names {
            let (engine, expected) = &engines[name];
            match ready(gpu, (name, engine, expected), tuning, &rgb, size) {
                Ok(turn) if turns.iter().any(|one| (&one.name, &one.way) == (&turn.name, &turn.way)) => {}
                Ok(turn) => turns.push(turn),
                Err(error) => println!("{name} {side}, {}: {error}", tuning),
            }
        }
    }
    println!("{side}: {} turns ready after {:.1} s", turns.len(), begun.elapsed().as_secs_f64());
    let start = Instant::now();
    while start.elapsed() < enough || turns.first().is_some_and(|turn| turn.times[0].len() < ROUNDS) {
        for Turn { name, executor, times: [frame, busy], .. } in &mut turns {
            let program = engines[&*name].0.program();
            busy.push(block_on(executor.busy_time(program, size))?);
            // The second counts: what others left behind is no part of a frame of a video.
            block_on(executor.candidates(program, (&rgb).into(), size, threshold))?;
            let start = Instant::now();
            block_on(executor.candidates(program, (&rgb).into(), size, threshold))?;
            frame.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(turns)
}

/// The network in one way, checked against the processor's maps and run once.
fn ready(
    gpu: &Gpu,
    (name, engine, expected): (&str, &Engine, &[RawMap]),
    tuning: Tuning,
    rgb: &[u8],
    size: [usize; 2],
) -> ghostdet::Result<Turn> {
    let program = engine.program();
    let executor = GpuExecutor::new(gpu, program, tuning)?;
    let maps = block_on(executor.maps(program, rgb.into(), size))?;
    let most = expected.iter().flat_map(|map| &map.data).fold(0.0_f32, |most, value| most.max(value.abs()));
    let pairs = expected.iter().zip(&maps).flat_map(|(e, m)| e.data.iter().zip(&m.data));
    // What is no number is as far off as can be.
    let off = pairs.map(|(e, m)| (e - m).abs() / most).fold(0.0, |a, b| if b <= a { a } else { b });
    block_on(executor.busy_time(program, size))?;
    let way = executor.tuning().to_string();
    Ok(Turn { name: name.into(), way, executor, off, times: Default::default() })
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Medians and bests, shares of the plain network's time in the same way, then each network's fastest ways.
fn print(side: usize, names: &[String], turns: &[Turn]) {
    let rounds = turns.first().map_or(0, |turn| turn.times[0].len());
    println!("\n{side} x {side}, {rounds} rounds\n");
    println!(
        "| network | way | frame: median, best ms | of the plain one | adapter: median, best ms | of the plain one | dispatches | off |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    // Medians of the ratios within a round.
    let share = |one: &Turn, plain: &Turn, kind: usize| {
        median(one.times[kind].iter().zip(&plain.times[kind]).map(|(a, b)| a / b).collect())
    };
    let column = |turn: &Turn, plain: Option<&Turn>, kind: usize| {
        let times = &turn.times[kind];
        let best = times.iter().copied().fold(f64::INFINITY, f64::min);
        let share = plain.map_or("–".into(), |plain| format!("{:.2}", share(turn, plain, kind)));
        format!("{:.3}, {best:.3} | {share}", median(times.clone()))
    };
    for turn in names.iter().flat_map(|name| turns.iter().filter(move |turn| turn.name == *name)) {
        let plain = turns.iter().find(|one| one.name == turn.name[..7] && one.way == turn.way);
        let [frame, busy] = [0, 1].map(|kind| column(turn, plain, kind));
        let (dispatches, off) = (turn.executor.dispatches(), turn.off);
        println!("| {} | {} | {frame} | {busy} | {dispatches} | {off:.1e} |", turn.name, turn.way);
    }
    for (kind, what) in ["a frame", "the adapter alone"].into_iter().enumerate() {
        println!("\nfastest ways, {what}:");
        let fastest = |name: &str| {
            let of = |turn: &&Turn| median(turn.times[kind].clone());
            turns.iter().filter(|turn| turn.name == name).min_by(|a, b| of(a).total_cmp(&of(b)))
        };
        for name in names {
            let Some(turn) = fastest(name) else { continue };
            let share = fastest(&name[..7]).map_or(f64::NAN, |plain| share(turn, plain, kind));
            println!(
                "{name:<24}{:<22}{:>9.3} ms, {share:.3} of the plain one",
                turn.way,
                median(turn.times[kind].clone())
            );
        }
    }
}
