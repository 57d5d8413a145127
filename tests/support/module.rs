//! Modules from the text in which the golden files name them.

use ghostdet::model::{Activation, Module};

/// `Conv(8, 16, k=3, s=2)` as the golden file writes it, as a module.
pub fn module(text: &str) -> Option<(Module, usize)> {
    let (name, rest) = text.split_once('(')?;
    let mut depth = 1;
    let end = rest.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    })?;
    let mut numbers = Vec::new();
    let mut named = std::collections::HashMap::new();
    let mut level = 0;
    for argument in rest[..end].split(|c| {
        level += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && level == 0
    }) {
        match argument.trim().split_once('=') {
            Some((key, value)) => drop(named.insert(key.trim(), value.trim())),
            None => numbers.push(argument.trim()),
        }
    }
    let word = |key: &str, at: usize| named.get(key).copied().or(numbers.get(at).copied());
    let number = |key: &str, at: usize, default: usize| word(key, at).and_then(|v| v.parse().ok()).unwrap_or(default);
    let pair = |key: &str, at: usize| {
        let text = word(key, at).unwrap_or("1").trim_matches(['(', ')']).to_owned();
        let v: Vec<usize> = text.split(',').map(|n| n.trim().parse().expect("a number")).collect();
        [v[0], *v.last().expect("a value")]
    };
    let truth = |key: &str, at: usize, default: bool| word(key, at).map_or(default, |v| v == "True");
    let activation = if truth("act", 99, true) { Activation::Silu } else { Activation::Identity };
    let (c1, c2) = (number("c1", 0, 0), number("c2", 1, 0));
    let (k, s) = (number("k", 98, 1), number("s", 98, 1));
    let expansion = |at: usize, default: f64| word("e", at).map_or(default, |v| v.parse().expect("a number"));
    let csp = |text: &str| (number("n", 98, 1), truth("shortcut", 98, true), expansion(98, 0.5), text.len());
    let module = match name {
        "Conv" => {
            let (kernel, dilation) = (pair("k", 98), number("d", 98, 1));
            let padding =
                word("p", 98).map_or(kernel.map(|k| (dilation * (k - 1)).div_ceil(2)), |p| [p.parse().unwrap(); 2]);
            let groups = number("g", 98, 1);
            Module::Conv { c1, c2, kernel, stride: pair("s", 98), padding, groups, dilation, activation }
        }
        "DWConv" => Module::DwConv { c1, c2, kernel: k, stride: s, dilation: 1, activation },
        "GhostConv" => Module::GhostConv { c1, c2, kernel: k, stride: s, groups: number("g", 98, 1), activation },
        "GhostBottleneck" => Module::GhostBottleneck { c1, c2, kernel: number("k", 2, 3), stride: number("s", 3, 1) },
        "Bottleneck" => {
            Module::Bottleneck { c1, c2, shortcut: truth("shortcut", 2, true), groups: 1, expansion: expansion(4, 0.5) }
        }
        "C3" | "C3Ghost" | "C3x" | "BottleneckCSP" => {
            let (n, shortcut, expansion, _) = csp(name);
            let groups = 1;
            match name {
                "C3" => Module::C3 { c1, c2, n, shortcut, groups, expansion },
                "C3Ghost" => Module::C3Ghost { c1, c2, n, shortcut, groups, expansion },
                "C3x" => Module::C3x { c1, c2, n, shortcut, groups, expansion },
                _ => Module::BottleneckCsp { c1, c2, n, shortcut, groups, expansion },
            }
        }
        "CrossConv" => Module::CrossConv {
            c1,
            c2,
            kernel: number("k", 2, 3),
            stride: number("s", 3, 1),
            groups: number("g", 4, 1),
            expansion: expansion(5, 1.0),
            shortcut: truth("shortcut", 6, false),
        },
        "SPP" => Module::Spp { c1, c2, kernels: vec![5, 9, 13] },
        "SPPF" => Module::Sppf { c1, c2, kernel: number("k", 2, 5) },
        "Focus" => Module::Focus { c1, c2, kernel: k, stride: 1, padding: None, groups: 1, activation },
        "Upsample" => Module::Upsample { scale: 2 },
        "ConvTranspose2d" | "DWConvTranspose2d" => {
            let deep = name.starts_with("DW");
            Module::ConvTranspose {
                c1,
                c2,
                kernel: number("k", 2, 2),
                stride: number("s", 3, 2),
                padding: number("p1", 4, 0),
                output_padding: 0,
                groups: if deep { c1 } else { 1 },
                bias: true,
                dilation: 1,
            }
        }
        "Contract" => return Some((Module::Contract { gain: c1 }, 0)),
        "Expand" => return Some((Module::Expand { gain: c1 }, 0)),
        _ => return None,
    };
    Some((module, c1))
}
