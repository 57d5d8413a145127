//! The reference's module cases, written as modules.

use ghostdet::model::{Activation, Module};

const SILU: Activation = Activation::Silu;
const NONE: Activation = Activation::Identity;

fn conv(c1: usize, c2: usize, kernel: [usize; 2], stride: [usize; 2]) -> Module {
    with(c1, c2, kernel, stride, kernel.map(|k| k / 2), 1, 1, SILU)
}

#[allow(clippy::too_many_arguments)]
fn with(
    c1: usize,
    c2: usize,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    groups: usize,
    dilation: usize,
    activation: Activation,
) -> Module {
    Module::Conv { c1, c2, kernel, stride, padding, groups, dilation, activation }
}

fn dw(c1: usize, c2: usize, kernel: usize, stride: usize) -> Module {
    Module::DwConv { c1, c2, kernel, stride, dilation: 1, activation: SILU }
}

fn ghost(c1: usize, c2: usize, kernel: usize, stride: usize, groups: usize, activation: Activation) -> Module {
    Module::GhostConv { c1, c2, kernel, stride, groups, activation }
}

fn ghost_bottleneck(c1: usize, c2: usize, kernel: usize, stride: usize) -> Module {
    Module::GhostBottleneck { c1, c2, kernel, stride }
}

fn bottleneck(c1: usize, c2: usize, shortcut: bool, expansion: f64) -> Module {
    Module::Bottleneck { c1, c2, shortcut, groups: 1, expansion }
}

fn c3(c1: usize, c2: usize, n: usize, shortcut: bool) -> Module {
    Module::C3 { c1, c2, n, shortcut, groups: 1, expansion: 0.5 }
}

fn c3_ghost(c1: usize, c2: usize, n: usize, shortcut: bool) -> Module {
    Module::C3Ghost { c1, c2, n, shortcut, groups: 1, expansion: 0.5 }
}

fn cross(c1: usize, c2: usize, stride: usize, shortcut: bool) -> Module {
    Module::CrossConv { c1, c2, kernel: 3, stride, groups: 1, expansion: 1.0, shortcut }
}

fn csp(c1: usize, c2: usize, n: usize, shortcut: bool) -> Module {
    Module::BottleneckCsp { c1, c2, n, shortcut, groups: 1, expansion: 0.5 }
}

fn transposed(c1: usize, c2: usize, kernel: usize, padding: usize, groups: usize) -> Module {
    Module::ConvTranspose { c1, c2, kernel, stride: 2, padding, output_padding: 0, groups, bias: true, dilation: 1 }
}

fn detect(nc: usize, channels: &[usize]) -> Module {
    Module::Detect { nc, channels: channels.to_vec() }
}

/// All cases by name.
pub fn cases() -> Vec<(&'static str, Module)> {
    vec![
        ("conv_k1", conv(8, 16, [1, 1], [1, 1])),
        ("conv_k3s2", conv(8, 16, [3, 3], [2, 2])),
        ("conv_k3s2_odd", conv(4, 8, [3, 3], [2, 2])),
        ("conv_k6s2p2", with(3, 16, [6, 6], [2, 2], [2, 2], 1, 1, SILU)),
        ("conv_k5", conv(4, 6, [5, 5], [1, 1])),
        ("conv_k3_g4", with(8, 12, [3, 3], [1, 1], [1, 1], 4, 1, SILU)),
        ("conv_k3_d2", with(4, 6, [3, 3], [1, 1], [2, 2], 1, 2, SILU)),
        ("conv_k1x3", conv(4, 6, [1, 3], [1, 2])),
        ("conv_noact", with(8, 8, [3, 3], [1, 1], [1, 1], 1, 1, NONE)),
        ("dwconv_k3", dw(8, 8, 3, 1)),
        ("dwconv_k3s2_8_16", dw(8, 16, 3, 2)),
        ("dwconv_gcd", dw(12, 18, 3, 1)),
        ("ghostconv_k1s1", ghost(8, 16, 1, 1, 1, SILU)),
        ("ghostconv_k3s2", ghost(8, 16, 3, 2, 1, SILU)),
        ("ghostconv_k3_g2", ghost(8, 16, 3, 1, 2, SILU)),
        ("ghostconv_noact", ghost(8, 16, 1, 1, 1, NONE)),
        ("ghostconv_odd_c2", ghost(8, 10, 1, 1, 1, SILU)),
        ("ghostbottleneck_s1", ghost_bottleneck(16, 16, 3, 1)),
        ("ghostbottleneck_s2", ghost_bottleneck(16, 24, 3, 2)),
        ("ghostbottleneck_s2_k5", ghost_bottleneck(8, 8, 5, 2)),
        ("bottleneck_add", bottleneck(16, 16, true, 0.5)),
        ("bottleneck_noadd_c", bottleneck(16, 24, true, 0.5)),
        ("bottleneck_noadd", bottleneck(16, 16, false, 1.0)),
        ("c3_n1", c3(16, 16, 1, true)),
        ("c3_n2_noshortcut", c3(16, 24, 2, false)),
        ("c3ghost_n1", c3_ghost(16, 16, 1, true)),
        ("c3ghost_n2", c3_ghost(16, 32, 2, true)),
        ("c3ghost_n1_shortcut_false", c3_ghost(16, 16, 1, false)),
        ("c3x_n1", Module::C3x { c1: 16, c2: 16, n: 1, shortcut: true, groups: 1, expansion: 0.5 }),
        ("crossconv", cross(8, 12, 2, false)),
        ("crossconv_add", cross(8, 8, 1, true)),
        ("bottleneckcsp_n1", csp(16, 16, 1, true)),
        ("bottleneckcsp_n2_noshortcut", csp(8, 16, 2, false)),
        ("spp", Module::Spp { c1: 16, c2: 24, kernels: vec![5, 9, 13] }),
        ("sppf", Module::Sppf { c1: 16, c2: 24, kernel: 5 }),
        ("sppf_tiny", Module::Sppf { c1: 8, c2: 8, kernel: 5 }),
        ("focus", Module::Focus { c1: 3, c2: 8, kernel: 3, stride: 1, padding: None, groups: 1, activation: SILU }),
        ("concat", Module::Concat),
        ("upsample", Module::Upsample { scale: 2 }),
        ("convtranspose2d_k2s2", transposed(8, 6, 2, 0, 1)),
        ("dwconvtranspose2d", transposed(8, 8, 4, 1, 8)),
        ("contract", Module::Contract { gain: 2 }),
        ("expand", Module::Expand { gain: 2 }),
        ("detect_3level_nc3", detect(3, &[16, 24, 32])),
        ("detect_3level_nc1_bs2", detect(1, &[8, 8, 8])),
        ("detect_2level_na2", detect(2, &[8, 12])),
        ("detect_anchors_reversed", detect(2, &[8, 12, 16])),
    ]
}
