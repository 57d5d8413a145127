//! Pictures a second in training, on made-up pictures: `throughput NETWORK SIZE BATCH STEPS`. Prints one line of JSON.
//! `benches/train.sh` runs it beside PyTorch.

use std::time::Instant;

use ghostdet::model::builtin;
use ghostdet_burn as network;
use ghostdet_train::initial;
use ghostdet_train::loss::{DetectionLoss, Hyperparameters, Target};
use ghostdet_train::optimizer::{Frozen, Optimizer, Step};
use ghostdet_train::trainer::{Pictures, Trainer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    ghostdet_train::tune_malloc();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let text = |i: usize, default: &str| args.get(i).cloned().unwrap_or_else(|| default.to_owned());
    let name = text(0, "yolov5n-ghost-backbone");
    let (size, batch, steps): (usize, usize, usize) =
        (text(1, "320").parse()?, text(2, "16").parse()?, text(3, "6").parse()?);
    let graph = builtin(&name).ok_or("not a built-in network")?.graph(None)?;
    let cells = |(anchors, stride): (&Vec<[f32; 2]>, &f64)| {
        anchors.iter().map(|sides| sides.map(|side| side / *stride as f32)).collect::<Vec<_>>()
    };
    let anchors = graph.anchors.iter().zip(&graph.strides).map(cells).collect();
    let loss = DetectionLoss::new(Hyperparameters::default().scaled(graph.nc, 3, size), graph.nc, anchors);
    let mut trainer = Trainer::new(&graph, &initial(&graph, 0)?, &network::cpu(), loss, &Frozen::default())?;
    let mut random = fastrand::Rng::with_seed(0);
    let pixels: Vec<u8> = (0..batch * 3 * size * size).map(|_| random.u8(..)).collect();
    let targets: Vec<Target> = (0..batch * 7)
        .map(|i| {
            let mut within = |low: f32, high: f32| low + random.f32() * (high - low);
            let bounds = [within(0.2, 0.8), within(0.2, 0.8), within(0.05, 0.4), within(0.05, 0.4)];
            Target { image: i / 7, class: i % graph.nc, bounds, weight: 1.0 }
        })
        .collect();
    let step = Step {
        bias_rate: 0.001,
        rate: 0.001,
        momentum: 0.9,
        decay: 0.0005,
        clip: 10.0,
        optimizer: Optimizer::Sgd,
        count: 0,
    };
    let mut times = Vec::new();
    for _ in 0..=steps {
        let began = Instant::now();
        let pictures =
            Pictures { count: batch, size: [size; 2], pixels: &pixels, targets: &targets, regions: &[], teacher: None };
        trainer.gather(&pictures)?;
        trainer.step(&step);
        times.push(began.elapsed().as_secs_f64());
    }
    // The first step warms up.
    let mut times = times.split_off(1);
    times.sort_by(f64::total_cmp);
    let rate = |seconds: f64| batch as f64 / seconds;
    println!(
        "{{\"engine\":\"ghostdet\",\"network\":\"{name}\",\"size\":{size},\"batch\":{batch},\"median\":{:.2},\"best\":{:.2}}}",
        rate(times[times.len() / 2]),
        rate(times[0])
    );
    Ok(())
}
