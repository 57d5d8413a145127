//! The three architectures in all five sizes: Burn's networks against our executor.

use ghostdet::engine::{Engine, EngineOptions};
use ghostdet::model::builtin;
use ghostdet_burn::{self as network, Network};
use ghostdet_train::initial;

#[test]
fn every_size_computes_the_same_in_burn_and_in_our_executor() {
    for letter in ["n", "s", "m", "l", "x"] {
        for architecture in ["", "-ghost", "-ghost-backbone"] {
            let name = format!("yolov5{letter}{architecture}");
            let graph = builtin(&name).expect("built in").graph(Some(2)).expect("a graph");
            let mut checkpoint = initial(&graph, 7).expect("weights");
            let (height, width) = (64, 96);
            let planes: Vec<f32> = (0..3 * height * width).map(|i| ((i * i + 7 * i) % 251) as f32 / 250.0).collect();
            let burn = Network::new(&graph, &checkpoint, &network::cpu()).expect("a network");
            let input = network::planes(planes.clone(), [1, 3, height, width], &network::cpu()).expect("an input");
            let expected = network::read(burn.forward(input).expect("maps")).expect("numbers");
            drop(burn);
            checkpoint.fold().expect("folded");
            let options = EngineOptions { keep_source_weights: false, ..EngineOptions::in_floats() };
            let engine = Engine::new(&graph, checkpoint, &options).expect("an engine");
            let area = height * width;
            let pixels: Vec<f32> = (0..area).flat_map(|i| [0, 1, 2].map(|c| planes[c * area + i])).collect();
            let found = engine.forward(&pixels, [height, width]).expect("maps");
            assert_eq!(found.len(), 3);
            for (found, expected) in found.iter().zip(&expected[0]) {
                assert_eq!((found.height, found.width), (expected.height, expected.width), "{name}");
                for (a, b) in found.data.iter().zip(&expected.data) {
                    assert!((a - b).abs() < 1e-4 * (1.0 + b.abs()), "{name}: {a} and {b}");
                }
            }
        }
    }
}
