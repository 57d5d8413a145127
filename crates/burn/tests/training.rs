//! The modules in training: outputs, gradients and running statistics against the reference, and against differences.

#[path = "network/golden.rs"]
#[allow(dead_code)]
mod golden;
#[path = "network/modules.rs"]
mod modules;
#[path = "../../../tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use ghostdet::model::Activation;
use ghostdet::model::block::{Act, Block, Conv, ConvShape};
use ghostdet::weights::Tensor;
use ghostdet_burn::{self as network, BlockRun, MOMENTUM, Norms, block_forward, block_training};
use golden::Golden;

fn upload(tensor: &Tensor, training: bool) -> network::Tensor<4> {
    let [n, c, h, w] = tensor.shape[..] else { panic!("{:?} is not NCHW", tensor.shape) };
    let device = if training { network::cpu().autodiff() } else { network::cpu() };
    network::planes(tensor.data.clone(), [n, c, h, w], &device).expect("a whole tensor")
}

fn values<const D: usize>(tensor: network::Tensor<D>) -> Vec<f32> {
    tensor.without_autodiff().try_into_data().expect("the device answers").try_into_vec().expect("fp32")
}

fn apart(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let off = |(a, b): (&f32, &f32)| (a - b).abs() / b.abs().max(1.0);
    found.iter().zip(expected).map(off).fold(0.0, f32::max)
}

fn run(block: &Block, weights: &BTreeMap<String, Tensor>, input: &Tensor, gradient: &Tensor, norms: Norms) -> BlockRun {
    let (input, gradient) = (upload(input, true), upload(gradient, true));
    block_training(block, weights, vec![input], gradient, norms).expect("it runs")
}

#[test]
fn every_trained_module_agrees_with_the_reference() {
    let mut seen = 0;
    for (golden, index) in golden_files() {
        let mut worst = [0.0_f32; 3];
        for case in modules::cases(&golden, &index) {
            let name = &case.name;
            let expected = golden.under(&format!("{name}/train/"));
            let Some(gradient) = case.get("train/grad_output") else { continue };
            let input = case.get("input0").expect("an input");
            let weights = case.weights("weights");
            let found = run(&case.block, &weights, &input, &gradient, Norms::Batch);
            let on_input = values(found.input_gradient.expect("a gradient"));
            worst[0] = worst[0].max(apart(&values(found.output), &case.get("train/output").expect("an output").data));
            worst[1] = worst[1].max(apart(&on_input, &case.get("train/grad_input").expect("a gradient").data));
            for (key, gradient) in found.gradients {
                let key = key.strip_prefix("model.0.").expect("the module's");
                worst[1] = worst[1].max(apart(&values(gradient), &expected[&format!("grad/{key}")].data));
            }
            for (key, mean, variance) in found.statistics {
                for (which, now) in [("running_mean", mean), ("running_var", variance)] {
                    let key = format!("{key}.{which}");
                    let step = |(old, new): (&f32, f32)| old + (new - old) * MOMENTUM as f32;
                    let after: Vec<f32> = weights[&key].data.iter().zip(values(now)).map(step).collect();
                    let key = key.strip_prefix("model.0.").expect("the module's");
                    worst[2] = worst[2].max(apart(&after, &expected[&format!("after/{key}")].data));
                }
            }
            assert!(worst.iter().all(|&off| off < 1e-4), "{name}: {worst:?}");
            seen += 1;
        }
        let [output, gradient, statistic] = worst;
        let place = golden.path.display();
        println!("{place}: outputs within {output:.1e}, gradients {gradient:.1e}, running statistics {statistic:.1e}");
    }
    // The repository holds so many itself.
    assert!(seen >= 61, "only {seen} modules were trained");
}

/// The repository's files and the large reference's, each with its index.
fn golden_files() -> Vec<(Golden, PathBuf)> {
    let small = Golden::all("training.safetensors", "modules.safetensors");
    let index = |golden: &Golden| golden.path.with_file_name("modules.json");
    let small = small.into_iter().map(|golden| (index(&golden), golden)).map(|(index, golden)| (golden, index));
    let rare = Golden::all("modules2.safetensors", "modules2.safetensors");
    let rare = rare.into_iter().map(|golden| (golden.path.with_extension("json"), golden));
    small.chain(rare.map(|(index, golden)| (golden, index))).collect()
}

/// Kernels that no reference case trains, against central differences.
#[test]
fn gradients_are_what_differences_say() {
    let conv = |c1, c2, kernel: [usize; 2], stride, groups, dilation: usize| {
        let padding = kernel.map(|k| dilation * (k - 1) / 2);
        let shape = ConvShape { padding, dilation, groups, ..ConvShape::rectangular(c1, c2, kernel, stride) };
        Conv::with_norm("model.0", shape, Act::default_of(Activation::Silu))
    };
    let cases = [
        ("depthwise 3x3", conv(4, 4, [3, 3], [1, 1], 4, 1), 4, 4, 9),
        ("depthwise 5x5", conv(3, 3, [5, 5], [1, 1], 3, 1), 3, 3, 25),
        ("depthwise 3x3, stride 2", conv(4, 4, [3, 3], [2, 2], 4, 1), 4, 4, 9),
        ("groups", conv(4, 6, [3, 3], [1, 1], 2, 1), 4, 6, 18),
        ("dilated", conv(2, 3, [3, 3], [1, 1], 1, 2), 2, 3, 18),
        ("oblong, stride 2 on one side", conv(2, 3, [1, 3], [1, 2], 1, 1), 2, 3, 6),
    ];
    for ((name, conv, c1, c2, taps), norms) in
        cases.into_iter().flat_map(|case| [(case.clone(), Norms::Batch), (case, Norms::Frozen)])
    {
        let mut random = 0x1234_5678_u32;
        let mut next = |count: usize| -> Vec<f32> {
            (0..count)
                .map(|_| {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (random >> 8) as f32 / (1 << 23) as f32 - 1.0
                })
                .collect()
        };
        // 11 columns: the depthwise loops have a part of a block left over.
        let input = Tensor { shape: vec![2, c1, 6, 11], data: next(2 * c1 * 6 * 11) };
        let kernel = conv.shape.weight_shape().to_vec();
        let block = Block::Conv(conv);
        let mut weights = BTreeMap::from([
            ("model.0.conv.weight".to_owned(), Tensor { shape: kernel, data: next(c2 * taps) }),
            (
                "model.0.bn.weight".to_owned(),
                Tensor { shape: vec![c2], data: next(c2).iter().map(|v| v + 1.5).collect() },
            ),
            ("model.0.bn.bias".to_owned(), Tensor { shape: vec![c2], data: next(c2) }),
        ]);
        for (key, value) in [("model.0.bn.running_mean", 0.3), ("model.0.bn.running_var", 1.7)] {
            weights.insert(key.to_owned(), Tensor { shape: vec![c2], data: vec![value; c2] });
        }
        let inferred = block_forward(&block, &weights, vec![upload(&input, false)]).expect("it runs").remove(0);
        let shape = inferred.dims().to_vec();
        let gradient = Tensor { data: next(shape.iter().product()), shape };
        let objective = |weights: &BTreeMap<String, Tensor>, input: &Tensor| -> f64 {
            let found = values(run(&block, weights, input, &gradient, norms).output);
            found.iter().zip(&gradient.data).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let found = run(&block, &weights, &input, &gradient, norms);
        if norms == Norms::Frozen {
            assert!(apart(&values(found.output.clone()), &values(inferred)) < 1e-5, "{name}");
            assert!(found.statistics.is_empty());
        }
        let step = 1e-2;
        let check = |what: &str, slope: f32, up: f64, down: f64| {
            let difference = ((up - down) / (2.0 * f64::from(step))) as f32;
            let off = (slope - difference).abs();
            assert!(
                off < 2e-2 * (1.0 + difference.abs()),
                "{name}, {norms:?}, {what}: {slope} instead of {difference}"
            );
        };
        let on_input = values(found.input_gradient.expect("a gradient"));
        for at in [0, 5, 10, 11, 40, input.data.len() - 1] {
            let moved = |by: f32| {
                let mut other = input.clone();
                other.data[at] += by;
                objective(&weights, &other)
            };
            check(&format!("input {at}"), on_input[at], moved(step), moved(-step));
        }
        for (key, gradient) in found.gradients {
            for (at, slope) in values(gradient).into_iter().enumerate().step_by(3) {
                let moved = |by: f32| {
                    let mut other = weights.clone();
                    other.get_mut(&key).expect("the parameter").data[at] += by;
                    objective(&other, &input)
                };
                check(&format!("{key} {at}"), slope, moved(step), moved(-step));
            }
        }
    }
}
