//! The networks in Burn against the reference's modules and whole networks.
//!
//! `GHOSTDET_DEVICE=wgpu` (feature `gpu`) runs them on the GPU instead of the processor.

#[path = "network/golden.rs"]
mod golden;
#[path = "network/modules.rs"]
mod modules;
#[path = "../../../tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;

use ghostdet::ErrorKind;
use ghostdet::image::Image;
use ghostdet::model::{Config, Graph};
use ghostdet::weights::{Checkpoint, Tensor};
use ghostdet_burn::{self as network, Device, Network};
use golden::{Deviation, Golden};

/// The device under test.
fn device() -> Device {
    match std::env::var("GHOSTDET_DEVICE").as_deref() {
        #[cfg(feature = "gpu")]
        Ok("wgpu") => {
            static DEVICE: std::sync::LazyLock<Device> = std::sync::LazyLock::new(|| {
                let gpu = pollster::block_on(ghostdet::engine::gpu::Gpu::open_whole()).expect("a GPU adapter");
                eprintln!("adapter: {} (software: {})", gpu.name, gpu.software);
                network::gpu(&gpu).expect("Burn on it")
            });
            DEVICE.clone()
        }
        Ok("flex") | Err(_) => network::cpu(),
        Ok(other) => panic!("GHOSTDET_DEVICE={other} is unknown, or this build lacks it"),
    }
}

fn upload(tensor: &Tensor, device: &Device) -> network::Tensor<4> {
    let [n, c, h, w] = tensor.shape[..] else { panic!("{:?} is not NCHW", tensor.shape) };
    network::planes(tensor.data.clone(), [n, c, h, w], device).expect("a whole tensor")
}

fn download(tensor: network::Tensor<4>) -> Vec<f32> {
    tensor.try_into_data().expect("the device answers").try_into_vec().expect("fp32")
}

/// `(batch, na, ny, nx, no)` as the reference keeps raw maps, to `(batch, na * no, ny, nx)`.
fn planar(raw: &Tensor) -> Vec<f32> {
    let [batch, anchors, ny, nx, outputs] = raw.shape[..] else { panic!("{:?} is no raw map", raw.shape) };
    let mut values = vec![0.0; raw.data.len()];
    for (index, &value) in raw.data.iter().enumerate() {
        let (rest, output) = (index / outputs, index % outputs);
        let (plane, cell) = (rest / (ny * nx), rest % (ny * nx));
        debug_assert!(plane < batch * anchors);
        values[(plane * outputs + output) * ny * nx + cell] = value;
    }
    values
}

#[test]
fn every_module_agrees_with_the_reference() {
    let mut seen = 0;
    for file in ["modules", "modules2"] {
        let tensors = format!("{file}.safetensors");
        seen += Golden::all(&tensors, &tensors).iter().map(modules_agree).sum::<usize>();
    }
    assert!(seen >= 47 + 118, "only {seen} modules were checked");
}

fn modules_agree(golden: &Golden) -> usize {
    let device = device();
    let (mut largest, mut failed) = (Deviation::default(), Vec::new());
    let cases = modules::cases(golden, &golden.path.with_extension("json"));
    for case in &cases {
        for (weights, output) in [("weights", "output"), ("fused/weights", "fused/output")] {
            let weights = case.weights(weights);
            if output.starts_with("fused") && weights.is_empty() {
                continue;
            }
            let name = &case.name;
            let inputs = (0..).map_while(|i| case.get(&format!("input{i}")));
            let inputs = inputs.map(|input| upload(&input, &device)).collect();
            let outputs = network::block_forward(&case.block, &weights, inputs).expect(name);
            for (level, found) in outputs.into_iter().enumerate() {
                let expected = match case.get(&format!("raw{level}")) {
                    Some(raw) => planar(&raw),
                    None => case.get(output).expect("the expected output").data,
                };
                let deviation = Deviation::between(&download(found), &expected);
                if !deviation.within(1e-4, 1e-4) {
                    failed.push(format!("{name} {output}: {deviation}"));
                }
                largest = largest.max(deviation);
            }
        }
    }
    eprintln!("{}: {largest}", golden.path.display());
    assert!(failed.is_empty(), "{failed:#?}");
    cases.len()
}

#[test]
fn whole_networks_agree_with_the_reference() {
    for net in support::nets() {
        let device = device();
        let name = &net.name;
        let weights = net.tensors.iter().filter_map(|(key, tensor)| Some((key.strip_prefix("weights/")?, tensor)));
        let tensors = weights.map(|(key, tensor)| (key.to_owned(), tensor.clone())).collect();
        let checkpoint = Checkpoint { tensors, ..Checkpoint::default() };
        let network = Network::new(&net.graph, &checkpoint, &device).expect(name);
        let input = upload(&net.input(), &device);
        let mut largest = 0.0_f32;
        for (row, output) in network.forward_rows(input.clone()).expect(name).into_iter().enumerate() {
            let Some(expected) = net.tensors.get(&format!("row{row}")) else { continue };
            let found = &download(output[0].clone())[..expected.data.len()];
            let (over, most) = support::deviation(found, &expected.data, net.tolerance(&expected.data), 1e-3);
            assert!(over <= 0.0, "{name} row {row}: off by {most}");
            largest = largest.max(most);
        }
        let maps = network.forward(input).expect(name);
        let first = download(maps[0].clone());
        let read = network::read(maps).expect("finite maps");
        for (image, maps) in read.iter().enumerate() {
            largest = largest.max(net.check(image, maps));
        }
        eprintln!("{name}: largest deviation {largest:e}");
        // Planes come back as cells.
        let map = &read[1][0];
        let channels = map.data.len() / (map.height * map.width);
        let (y, x, channel) = (map.height - 1, map.width / 2, channels - 7);
        let plane = first[((channels + channel) * map.height + y) * map.width + x];
        assert_eq!(map.data[(y * map.width + x) * channels + channel], plane);
    }
}

/// A network of two rows with weights made here: a 1x1 convolution that is folded, and Detect.
fn small() -> (Graph, Checkpoint) {
    let tensor =
        |shape: &[usize], value: f32| Tensor { shape: shape.to_vec(), data: vec![value; shape.iter().product()] };
    let tensors = BTreeMap::from([
        ("model.0.conv.weight".to_owned(), tensor(&[8, 3, 1, 1], 0.5)),
        ("model.0.conv.bias".to_owned(), tensor(&[8], -1.0)),
        ("model.1.m.0.weight".to_owned(), tensor(&[6, 8, 1, 1], 1.0)),
        ("model.1.m.0.bias".to_owned(), tensor(&[6], 0.25)),
        ("model.1.anchors".to_owned(), tensor(&[1, 1, 2], 1.0)),
    ]);
    let yaml = "{nc: 1, anchors: 1, backbone: [[-1, 1, Conv, [8]]], head: [[[0], 1, Detect, [nc, anchors]]]}";
    let graph = Config::parse(yaml).and_then(|config| config.graph(None)).expect("a small network");
    (graph, Checkpoint { tensors, folded: true, ..Checkpoint::default() })
}

#[test]
fn a_picture_becomes_maps() {
    let (graph, checkpoint) = small();
    let device = device();
    let network = Network::new(&graph, &checkpoint, &device).expect("a network");
    let image = Image { width: 2, height: 1, rgb: vec![255, 255, 255, 0, 0, 0] };
    let input = network::input(&[&image], &device).expect("a picture");
    let maps = network::read(network.forward(input).expect("maps")).expect("numbers");
    let silu = |x: f32| x / (1.0 + (-x).exp());
    for (cell, sum) in [(0, 0.5_f32), (1, -1.0)] {
        let expected = 8.0 * silu(sum) + 0.25;
        assert!((maps[0][0].data[cell * 6] - expected).abs() < 1e-5, "{:?}", maps[0][0]);
    }
}

#[test]
fn a_checkpoint_that_does_not_fit_is_named() {
    let (graph, good) = small();
    let failure = |change: &dyn Fn(&mut Checkpoint)| {
        let mut checkpoint = good.clone();
        change(&mut checkpoint);
        let error = Network::new(&graph, &checkpoint, &network::cpu()).err().expect("an error");
        assert_eq!(error.kind(), ErrorKind::Weights);
        error.to_string()
    };
    let spare = Tensor { shape: vec![1], data: vec![0.0] };
    let missing = failure(&|checkpoint| drop(checkpoint.tensors.remove("model.1.m.0.bias")));
    assert!(missing.contains("model.1.m.0.bias") && missing.contains("lacks"), "{missing}");
    let unexpected = failure(&|checkpoint| drop(checkpoint.tensors.insert("model.7.bias".into(), spare.clone())));
    assert!(unexpected.contains("model.7.bias") && unexpected.contains("no place"), "{unexpected}");
    let misshapen = failure(&|checkpoint| drop(checkpoint.tensors.insert("model.0.conv.bias".into(), spare.clone())));
    assert!(misshapen.contains("model.0.conv.bias") && misshapen.contains("[8]"), "{misshapen}");
}

#[test]
fn inputs_that_do_not_fit_are_errors() {
    let (graph, mut checkpoint) = small();
    let device = network::cpu();
    let network = Network::new(&graph, &checkpoint, &device).expect("a network");
    let four_channels = network::planes(vec![0.0; 4], [1, 4, 1, 1], &device).expect("a tensor");
    assert_eq!(network.forward(four_channels).err().map(|error| error.kind()), Some(ErrorKind::Argument));
    let short = Image { width: 2, height: 2, rgb: vec![0; 3] };
    assert_eq!(network::input(&[&short], &device).err().map(|error| error.kind()), Some(ErrorKind::Image));

    checkpoint.tensors.get_mut("model.1.m.0.bias").expect("a bias").data[0] = f32::NAN;
    let network = Network::new(&graph, &checkpoint, &device).expect("a network");
    let zero = network::planes(vec![0.0; 3], [1, 3, 1, 1], &device).expect("a tensor");
    let error = network::read(network.forward(zero).expect("maps")).expect_err("not a number");
    assert_eq!(error.kind(), ErrorKind::Numeric);
}

#[test]
fn a_trainer_sees_every_parameter() {
    let (graph, checkpoint) = small();
    let mut network = Network::new(&graph, &checkpoint, &network::cpu()).expect("a network");
    let mut keys = Vec::new();
    network.visit(&mut |key, _| keys.push(key.to_owned()));
    let expected: Vec<_> = checkpoint.tensors.keys().filter(|key| !key.ends_with("anchors")).cloned().collect();
    keys.sort();
    assert_eq!(keys, expected);
}
