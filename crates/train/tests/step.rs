//! Two whole steps against the reference: maps, loss, gradients, weights, running statistics, averages.

mod common;

use std::collections::BTreeMap;

use common::{Golden, apart};
use ghostdet::model::builtin;
use ghostdet::weights::{Checkpoint, Tensor};
use ghostdet_burn as network;
use ghostdet_train::loss::{DetectionLoss, Hyperparameters, Target};
use ghostdet_train::optimizer::{Frozen, Group, Optimizer, Step};
use ghostdet_train::trainer::{Pictures, Trainer};

/// The processor; with `GHOSTDET_DEVICE=wgpu` and feature `gpu` whatever wgpu finds.
fn device() -> network::Device {
    #[cfg(feature = "gpu")]
    if std::env::var("GHOSTDET_DEVICE").is_ok_and(|device| device == "wgpu") {
        let gpu = pollster::block_on(ghostdet::engine::gpu::Gpu::open_whole()).expect("a GPU");
        return network::gpu(&gpu).expect("Burn on it");
    }
    network::cpu()
}

fn checkpoint(tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>) -> Checkpoint {
    let tensors = tensors.into_iter().map(|(key, (shape, data))| (key, Tensor { shape, data })).collect();
    Checkpoint { tensors, ..Checkpoint::default() }
}

#[test]
fn two_steps_are_the_references() {
    let Some(golden) = Golden::open("train_step") else { return };
    let graph = builtin("yolov5n-ghost-backbone")
        .expect("built in")
        .with_multiples(0.33, 0.0625)
        .and_then(|config| config.graph(Some(2)))
        .expect("a graph");
    let hyp = Hyperparameters::default().scaled(2, 3, 640);
    let cells = |(anchors, stride): (&Vec<[f32; 2]>, &f64)| {
        anchors.iter().map(|side| side.map(|side| side / *stride as f32)).collect::<Vec<_>>()
    };
    let anchors = graph.anchors.iter().zip(&graph.strides).map(cells).collect();
    let loss = DetectionLoss::new(hyp, 2, anchors);
    let mut trainer = Trainer::new(&graph, &checkpoint(golden.under("init/")), &device(), loss, &Frozen::default())
        .expect("a trainer");
    let steps = golden.facts["steps"].as_array().expect("steps").clone();
    let mut worst = [0.0_f32; 2];
    for (index, expected) in steps.iter().enumerate() {
        let number = |key: &str| expected[key].as_f64().expect("a number") as f32;
        let pixels = golden.bytes(&format!("step{index}/input_u8"));
        let (_, rows) = golden.floats(&format!("step{index}/targets"));
        let target = |row: &[f32; 6]| Target {
            image: row[0] as usize,
            class: row[1] as usize,
            bounds: [row[2], row[3], row[4], row[5]],
            weight: 1.0,
        };
        let targets: Vec<Target> = rows.as_chunks::<6>().0.iter().map(target).collect();
        let pictures = Pictures { count: 2, size: [64, 64], pixels, targets: &targets, regions: &[], teacher: None };
        let found = trainer.gather(&pictures).expect("a loss");
        assert!((found.total - number("loss")).abs() < 1e-5 * number("loss"), "{} at step {index}", found.total);
        if index == 0 {
            let mut seen = 0;
            for parameter in trainer.parameters() {
                let Some((_, gradient)) = golden.under("grad0/").get(&parameter.key).cloned() else { continue };
                let off = apart(&parameter.gradient, &gradient);
                let largest = gradient.iter().fold(0.0_f32, |most, g| most.max(g.abs()));
                // Batch norm over 8 values (2x2 cells, 2 pictures) multiplies rounding: the same step in double
                // precision is 8e-5 off the reference's gradients.
                assert!(off < 1e-3 * largest + 3e-5, "{}: off by {off} of {largest}", parameter.key);
                worst[0] = worst[0].max(off);
                seen += 1;
            }
            assert_eq!(seen, 78 + 78 + 75);
        }
        let numbers = Step {
            bias_rate: number("lr_bias"),
            rate: number("lr"),
            momentum: number("momentum"),
            decay: 0.0005,
            clip: 10.0,
            optimizer: Optimizer::Sgd,
            count: 0,
        };
        let norm = trainer.step(&numbers);
        assert!((norm - number("grad_norm_before_clip")).abs() < 5e-4 * norm, "norm {norm}");
        let after = golden.under(&format!("after{index}/"));
        for parameter in trainer.parameters() {
            let (_, after) = &after[&parameter.key];
            let (off, largest) =
                (apart(&parameter.value, after), after.iter().fold(1.0_f32, |most, v| most.max(v.abs())));
            assert!(off < 1e-5 * largest, "{} after step {index}: off by {off}", parameter.key);
            worst[1] = worst[1].max(off);
        }
        // The next step starts from the reference's weights: a change of 2e-6 in them changes its gradient by 0.5 %.
        for parameter in trainer.parameters_mut() {
            parameter.value.clone_from(&after[&parameter.key].1);
        }
        trainer.push_all();
    }
    let average = golden.under("ema/");
    for (key, tensor) in trainer.averaged() {
        assert!(apart(&tensor.data, &average[&key].1) < 1e-5, "the average of {key}");
    }
    println!("gradients within {:.1e}, weights within {:.1e}", worst[0], worst[1]);
}

#[test]
fn frozen_rows_keep_their_weights() {
    let graph = builtin("yolov5n-ghost-backbone")
        .expect("built in")
        .with_multiples(0.33, 0.0625)
        .and_then(|config| config.graph(Some(2)))
        .expect("a graph");
    let start = ghostdet_train::initial(&graph, 1).expect("weights");
    let loss = DetectionLoss::new(Hyperparameters::default(), 2, vec![vec![[1.0, 1.0]; 3]; 3]);
    let mut trainer = Trainer::new(&graph, &start, &network::cpu(), loss, &Frozen::rows(10)).expect("a trainer");
    let pixels = vec![90; 2 * 3 * 64 * 64];
    let target = Target { image: 0, class: 1, bounds: [0.5, 0.5, 0.2, 0.2], weight: 1.0 };
    let pictures =
        Pictures { count: 2, size: [64, 64], pixels: &pixels, targets: &[target], regions: &[], teacher: None };
    trainer.gather(&pictures).expect("a loss");
    trainer.step(&Step {
        bias_rate: 0.01,
        rate: 0.01,
        momentum: 0.9,
        decay: 0.0,
        clip: 10.0,
        optimizer: Optimizer::Sgd,
        count: 0,
    });
    for parameter in trainer.parameters() {
        // Running statistics follow what comes in, as in the reference.
        if parameter.group == Group::Statistic {
            continue;
        }
        let kept = parameter.value == start.tensors[&parameter.key].data;
        let row: usize = parameter.key.split('.').nth(1).and_then(|row| row.parse().ok()).expect("a row");
        assert_eq!(kept, row < 10, "{}", parameter.key);
    }
}
