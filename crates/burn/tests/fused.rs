//! The fused executor as an operation of Burn's WebGPU backend, natively, on whatever adapter there is.

use std::sync::LazyLock;

use ghostdet::Detector;
use ghostdet::detection::{NmsOptions, RawMap};
use ghostdet::detector::{DetectorOptions, PredictOptions};
use ghostdet::engine::cpu::Precision;
use ghostdet::engine::gpu::Tuning;
use ghostdet::image::Image;
use ghostdet::weights::Checkpoint;
use ghostdet_burn::{self as network, BurnGpu, BurnOpsExecutor, FusedExecutor, FusedNetwork, Network};
use pollster::block_on;

const WEIGHTS: &[u8] = include_bytes!("../../../weights/yolov5n-ghost-backbone.safetensors");

static GPU: LazyLock<Option<BurnGpu>> = LazyLock::new(|| match block_on(BurnGpu::open()) {
    Ok(burn) => {
        eprintln!("adapter: {} (software: {})", burn.gpu.name, burn.gpu.software);
        Some(burn)
    }
    Err(error) => {
        eprintln!("skipped: {error}");
        None
    }
});

/// The network on the processor.
fn in_floats() -> Detector {
    let options = DetectorOptions { precision: Some(Precision::Float), ..DetectorOptions::default() };
    Detector::load(WEIGHTS, &options).unwrap()
}

fn picture(height: usize, width: usize) -> Image {
    let rgb = (0..height * width * 3).map(|i| ((i / 96 * 37) ^ (i % 251)) as u8).collect();
    Image::new(width, height, rgb).unwrap()
}

/// The largest difference, and the largest value.
fn difference(a: &[RawMap], b: &[RawMap]) -> [f32; 2] {
    assert_eq!(a.len(), b.len());
    let values = a.iter().zip(b).flat_map(|(a, b)| {
        assert_eq!([a.height, a.width, a.data.len()], [b.height, b.width, b.data.len()]);
        a.data.iter().zip(&b.data)
    });
    values.fold([0.0, 0.0], |[most, top], (a, b)| {
        assert!((a - b).is_finite());
        [most.max((a - b).abs()), top.max(a.abs())]
    })
}

/// Tensors in, tensors out: as Burn's own operations and as the processor compute it, for one size after the other.
#[test]
fn the_operation_computes_what_burns_operations_and_the_processor_compute() {
    let Some(burn) = GPU.as_ref() else { return };
    let detector = in_floats();
    let mut checkpoint = Checkpoint::load(WEIGHTS).unwrap();
    checkpoint.fold().unwrap();
    let plain = Network::new(detector.graph(), &checkpoint, &burn.device).unwrap();
    let program = detector.engine().program();
    for tuning in [Tuning::new(true), Tuning::new(false)] {
        let fused = FusedNetwork::new(burn, program, tuning).unwrap();
        for [height, width] in [[64, 96], [96, 64], [64, 96]] {
            let picture = picture(height, width);
            let pixels: Vec<f32> = picture.rgb.iter().map(|&byte| f32::from(byte) / 255.0).collect();
            let expected = detector.engine().forward(&pixels, [height, width]).unwrap();
            let input = network::input(&[&picture], &burn.device).unwrap();
            // A pending operation of Burn's in front, one behind: all are of one queue.
            let maps = block_on(fused.forward(program, (input.clone() + 1.0) - 1.0)).unwrap();
            let maps = maps.into_iter().map(|map| map * 2.0).collect();
            let mut found = network::read(maps).unwrap().remove(0);
            found.iter_mut().flat_map(|map| &mut map.data).for_each(|value| *value /= 2.0);
            let [most, top] = difference(&expected, &found);
            assert!(top > 1.0 && most < 1e-4 * top, "{most} of {top} with {}", tuning);
            let ops = network::read(plain.forward(input).unwrap()).unwrap().remove(0);
            let [most, top] = difference(&ops, &found);
            assert!(most < 1e-4 * top, "{most} of {top} beside Burn's operations");
        }
    }
}

/// A view of a larger tensor is not contiguous: the operation copies it first.
#[test]
fn a_view_is_taken_as_input() {
    let Some(burn) = GPU.as_ref() else { return };
    let detector = in_floats();
    let program = detector.engine().program();
    let fused = FusedNetwork::new(burn, program, Tuning::new(burn.gpu.software)).unwrap();
    let picture = picture(64, 64);
    let input = network::input(&[&picture], &burn.device).unwrap();
    let direct = network::read(block_on(fused.forward(program, input.clone())).unwrap()).unwrap();
    let view = input.permute([0, 1, 3, 2]).clone().permute([0, 1, 3, 2]);
    let transposed = input_of_transposed(&picture, burn).permute([0, 1, 3, 2]);
    for other in [view, transposed] {
        let found = network::read(block_on(fused.forward(program, other)).unwrap()).unwrap();
        assert_eq!(difference(&direct[0], &found[0])[0], 0.0);
    }
}

/// The picture with rows and columns exchanged.
fn input_of_transposed(picture: &Image, burn: &BurnGpu) -> network::Tensor<4> {
    let (height, width) = (picture.height, picture.width);
    let pixel = |i: usize| {
        let at = (i % height * width + i / height) * 3;
        picture.rgb[at..at + 3].to_vec()
    };
    let rgb = (0..height * width).flat_map(pixel).collect();
    network::input(&[&Image::new(height, width, rgb).unwrap()], &burn.device).unwrap()
}

/// Attached to a detector, both ways pass the self-test and give the boxes that the processor finds.
#[test]
fn detectors_find_the_processors_boxes() {
    let Some(burn) = GPU.as_ref() else { return };
    let picture = Image::decode(include_bytes!("../../../tests/samples/coffee.jpg")).unwrap();
    let predict = PredictOptions { imgsz: Some([160, 160]), ..PredictOptions::default() };
    let options = NmsOptions { conf: 0.001, ..NmsOptions::default() };
    let mut detector = in_floats();
    let expected = detector.predict(&picture, &predict).unwrap().boxes(&options);
    assert!(!expected.is_empty());
    let mut checkpoint = Checkpoint::load(WEIGHTS).unwrap();
    checkpoint.fold().unwrap();
    for fused in [true, false] {
        let executor: Box<dyn ghostdet::engine::Executor> = match fused {
            true => {
                let tuning = Tuning::new(burn.gpu.software);
                Box::new(FusedExecutor::new(burn, detector.engine().program(), tuning).unwrap())
            }
            false => Box::new(BurnOpsExecutor::new(burn, detector.graph(), &checkpoint).unwrap()),
        };
        let test = detector.self_test(96).unwrap();
        block_on(detector.attach(executor, &test)).unwrap();
        let found = detector.predict(&picture, &predict).unwrap().boxes(&options);
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(&expected) {
            assert_eq!(a.class, b.class);
            assert!((a.score - b.score).abs() < 1e-3);
            assert!(a.bounds.iter().zip(b.bounds).all(|(a, b)| (a - b).abs() < 0.05));
        }
        detector.detach();
    }
}

/// What does not fit is refused before anything runs.
#[test]
fn wrong_inputs_are_refused() {
    let Some(burn) = GPU.as_ref() else { return };
    let detector = in_floats();
    let program = detector.engine().program();
    let fused = FusedNetwork::new(burn, program, Tuning::new(true)).unwrap();
    let input = |shape: [usize; 4]| {
        let values = vec![0.5; shape.iter().product()];
        network::planes(values, shape, &burn.device).unwrap()
    };
    for shape in [[2, 3, 64, 64], [1, 3, 52, 64], [1, 4, 64, 64]] {
        assert!(block_on(fused.forward(program, input(shape))).is_err(), "{shape:?}");
    }
    assert!(block_on(fused.forward(program, input([1, 3, 64, 64]))).is_ok());
}
