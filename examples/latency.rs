//! One run of a network with random weights per line read: prints its milliseconds, from a picture's bytes to the
//! candidates. For benches that take turns with another engine.
//!
//!     cargo run --release -p ghostdet --example latency -- yolov5s-ghost 320

use ghostdet::detection::threshold_logit;
use ghostdet::engine::{Engine, EngineOptions, Weights};
use ghostdet::model::builtin;
use std::io::BufRead;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "yolov5n-ghost-backbone".into());
    let side: usize = arguments.next().map_or(Ok(320), |text| text.parse())?;
    let config = builtin(&name).ok_or_else(|| format!("there is no built-in network {name}"))?;
    let engine = Engine::new(&config.graph(Some(80))?, Weights::Random, &EngineOptions::default())?;
    let image: Vec<u8> = (0..side * side * 3).map(|i| (i * 31 % 251) as u8).collect();
    let threshold = threshold_logit(0.01)?;
    engine.candidates(&image, [side, side], threshold)?;
    for line in std::io::stdin().lock().lines() {
        line?;
        let start = std::time::Instant::now();
        engine.candidates(&image, [side, side], threshold)?;
        println!("{:.4}", start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}
