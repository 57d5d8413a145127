//! Graphs written out by hand, so that these tests don't depend on the parser.

use ghostdet::model::{Activation, Graph, Module, Row, Source};

const ANCHORS: [[[f32; 2]; 3]; 3] = [
    [[10.0, 13.0], [16.0, 30.0], [33.0, 23.0]],
    [[30.0, 61.0], [62.0, 45.0], [59.0, 119.0]],
    [[116.0, 90.0], [156.0, 198.0], [373.0, 326.0]],
];

/// One of the three networks with 3 classes, the repeats of size n, and these channels after each halving.
pub fn sized(arch: &str, channels: [usize; 5]) -> Graph {
    let [c16, c32, c64, c128, c256] = channels;
    let (ghost_backbone, ghost_head) = (arch != "yolov5", arch == "yolov5-ghost");
    let down = |c1, c2, kernel, stride, ghost| {
        if ghost {
            return Module::GhostConv { c1, c2, kernel, stride, groups: 1, activation: Activation::Silu };
        }
        conv(c1, c2, kernel, stride, kernel / 2)
    };
    let block = |c1, c2, n, shortcut, ghost| {
        if ghost {
            return Module::C3Ghost { c1, c2, n, shortcut, groups: 1, expansion: 0.5 };
        }
        Module::C3 { c1, c2, n, shortcut, groups: 1, expansion: 0.5 }
    };
    let (b, h) = (ghost_backbone, ghost_head);
    let up = || Module::Upsample { scale: 2 };
    let modules = vec![
        (vec![], conv(3, c16, 6, 2, 2)),
        (vec![0], down(c16, c32, 3, 2, b)),
        (vec![1], block(c32, c32, 1, true, b)),
        (vec![2], down(c32, c64, 3, 2, b)),
        (vec![3], block(c64, c64, 2, true, b)),
        (vec![4], down(c64, c128, 3, 2, b)),
        (vec![5], block(c128, c128, 3, true, b)),
        (vec![6], down(c128, c256, 3, 2, b)),
        (vec![7], block(c256, c256, 1, true, b)),
        (vec![8], Module::Sppf { c1: c256, c2: c256, kernel: 5 }),
        (vec![9], down(c256, c128, 1, 1, h)),
        (vec![10], up()),
        (vec![11, 6], Module::Concat),
        (vec![12], block(c256, c128, 1, false, h)),
        (vec![13], down(c128, c64, 1, 1, h)),
        (vec![14], up()),
        (vec![15, 4], Module::Concat),
        (vec![16], block(c128, c64, 1, false, h)),
        (vec![17], down(c64, c64, 3, 2, h)),
        (vec![18, 14], Module::Concat),
        (vec![19], block(c128, c128, 1, false, h)),
        (vec![20], down(c128, c128, 3, 2, h)),
        (vec![21, 10], Module::Concat),
        (vec![22], block(c256, c256, 1, false, h)),
        (vec![17, 20, 23], Module::Detect { nc: 3, channels: vec![c64, c128, c256] }),
    ];
    graph(modules, 3, vec![8.0, 16.0, 32.0], ANCHORS.map(Vec::from).to_vec())
}

/// A 1x1 convolution and Detect with one level, one anchor and one class.
pub fn small() -> Graph {
    let modules = vec![(vec![], conv(3, 2, 1, 1, 0)), (vec![0], Module::Detect { nc: 1, channels: vec![2] })];
    graph(modules, 1, vec![1.0], vec![vec![[1.0, 1.0]]])
}

fn conv(c1: usize, c2: usize, kernel: usize, stride: usize, padding: usize) -> Module {
    Module::Conv {
        c1,
        c2,
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [padding; 2],
        groups: 1,
        dilation: 1,
        activation: Activation::Silu,
    }
}

fn graph(modules: Vec<(Vec<usize>, Module)>, nc: usize, strides: Vec<f64>, anchors: Vec<Vec<[f32; 2]>>) -> Graph {
    let row = |(index, (from, module)): (usize, (Vec<usize>, Module))| Row {
        index,
        from: vec![-1],
        sources: match from.is_empty() {
            true => vec![Source::Input],
            false => from.into_iter().map(Source::Row).collect(),
        },
        repeats: 1,
        copies: vec![module],
        channels: 0,
        printed_module: String::new(),
        printed_arguments: String::new(),
    };
    let rows = modules.into_iter().enumerate().map(row).collect();
    Graph { rows, input_channels: 3, nc, save: Vec::new(), strides, anchors, activation: Activation::Silu }
}
