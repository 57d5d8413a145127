//! From a row's argument list to a module: who takes what, in which order, with which default.

use super::config::{Config, RowText};
use super::graph::{Activation, Module};
use super::meter::same_padding;
use super::yaml::{Node, Position, Value};
use crate::{Error, Result};

/// The modules a row may name.
pub(crate) const MODULES: &[&str] = &[
    "Conv",
    "DWConv",
    "GhostConv",
    "GhostBottleneck",
    "Bottleneck",
    "BottleneckCSP",
    "C3",
    "C3Ghost",
    "C3x",
    "CrossConv",
    "SPP",
    "SPPF",
    "Focus",
    "Concat",
    "Contract",
    "Expand",
    "Detect",
    "nn.Upsample",
    "nn.ConvTranspose2d",
    "nn.MaxPool2d",
    "nn.Identity",
];

/// Most channels a row may have.
pub(crate) const MAX_CHANNELS: usize = 65536;

/// Whether the first argument is the number of output channels, scaled by the width multiple.
pub(crate) fn is_scaled(module: &str) -> bool {
    !matches!(module, "Concat" | "Contract" | "Expand" | "Detect" | "nn.Upsample" | "nn.MaxPool2d" | "nn.Identity")
}

/// Whether the module takes its repeats itself.
pub(crate) fn takes_repeats(module: &str) -> bool {
    matches!(module, "BottleneckCSP" | "C3" | "C3Ghost" | "C3x")
}

/// As the reference prints the module.
pub(crate) fn printed_module(module: &str) -> String {
    match module {
        "nn.Upsample" => "torch.nn.modules.upsampling.Upsample".into(),
        "nn.ConvTranspose2d" => "torch.nn.modules.conv.ConvTranspose2d".into(),
        "nn.MaxPool2d" => "torch.nn.modules.pooling.MaxPool2d".into(),
        "nn.Identity" => "torch.nn.modules.linear.Identity".into(),
        "Detect" => "models.yolo.Detect".into(),
        other => format!("models.common.{other}"),
    }
}

/// A value as Python prints it.
pub(crate) fn printed(value: &Value) -> String {
    match value {
        Value::None => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::Word(word) => Activation::parse(word).map_or_else(|| format!("'{word}'"), Activation::printed),
        Value::List(items) => {
            format!("[{}]", items.iter().map(|item| printed(&item.value)).collect::<Vec<_>>().join(", "))
        }
        Value::Map(_) => "{}".into(),
    }
}

/// The argument list of one row while it is read.
pub(crate) struct Arguments<'a> {
    pub config: &'a Config,
    pub row: &'a RowText,
    pub nc: usize,
    pub repeats: usize,
}

impl Arguments<'_> {
    /// Reads the module. `c1` comes in, `c2` goes out (where the module scales it).
    pub fn module(&self, c1: usize, c2: usize) -> Result<Module> {
        let n = self.repeats;
        let activation = |at| self.activation(at);
        let kernel = |at, default| self.whole(at, "the kernel size", default, 1, 255);
        let stride = |at, default| self.whole(at, "the stride", default, 1, 64);
        let groups = |at| self.whole(at, "the number of groups", Some(1), 1, MAX_CHANNELS);
        let dilation = |at| self.whole(at, "the dilation", Some(1), 1, 64);
        let (taken, module) = match self.row.module.as_str() {
            "Conv" => {
                let kernel = self.pair(1, "the kernel size", 255)?;
                let stride = self.pair(2, "the stride", 64)?;
                let dilation = dilation(5)?;
                let auto = same_padding(kernel, dilation);
                let padding = self.padding(3)?.map_or(auto, |p| [p, p]);
                let groups = groups(4)?;
                (7, Module::Conv { c1, c2, kernel, stride, padding, groups, dilation, activation: activation(6)? })
            }
            "DWConv" => {
                let (kernel, stride, dilation) = (kernel(1, Some(1))?, stride(2, Some(1))?, dilation(3)?);
                (5, Module::DwConv { c1, c2, kernel, stride, dilation, activation: activation(4)? })
            }
            "GhostConv" => {
                let (kernel, stride, groups) = (kernel(1, Some(1))?, stride(2, Some(1))?, groups(3)?);
                (5, Module::GhostConv { c1, c2, kernel, stride, groups, activation: activation(4)? })
            }
            "GhostBottleneck" => {
                let stride = self.whole(2, "the stride", Some(1), 1, 2)?;
                (3, Module::GhostBottleneck { c1, c2, kernel: kernel(1, Some(3))?, stride })
            }
            "Bottleneck" => {
                let (shortcut, groups, expansion) = (self.truth(1, true)?, groups(2)?, self.expansion(3, 0.5)?);
                (4, Module::Bottleneck { c1, c2, shortcut, groups, expansion })
            }
            "C3" | "C3Ghost" | "C3x" | "BottleneckCSP" => {
                let (shortcut, groups, expansion) = (self.truth(1, true)?, groups(2)?, self.expansion(3, 0.5)?);
                let module = match self.row.module.as_str() {
                    "C3" => Module::C3 { c1, c2, n, shortcut, groups, expansion },
                    "C3Ghost" => Module::C3Ghost { c1, c2, n, shortcut, groups, expansion },
                    "C3x" => Module::C3x { c1, c2, n, shortcut, groups, expansion },
                    _ => Module::BottleneckCsp { c1, c2, n, shortcut, groups, expansion },
                };
                (4, module)
            }
            "CrossConv" => {
                let (kernel, stride, groups) = (kernel(1, Some(3))?, stride(2, Some(1))?, groups(3)?);
                let (expansion, shortcut) = (self.expansion(4, 1.0)?, self.truth(5, false)?);
                (6, Module::CrossConv { c1, c2, kernel, stride, groups, expansion, shortcut })
            }
            "SPP" => (2, Module::Spp { c1, c2, kernels: self.kernels(1)? }),
            "SPPF" => (2, Module::Sppf { c1, c2, kernel: kernel(1, Some(5))? }),
            "Focus" => {
                let (kernel, stride) = (kernel(1, Some(1))?, stride(2, Some(1))?);
                let (padding, groups, activation) = (self.padding(3)?, groups(4)?, activation(5)?);
                (6, Module::Focus { c1, c2, kernel, stride, padding, groups, activation })
            }
            "Concat" => {
                self.whole(0, "the dimension (1, channels)", Some(1), 1, 1)?;
                (1, Module::Concat)
            }
            "nn.Upsample" => {
                if let Some(Node { value, position }) = self.get(0)
                    && *value != Value::None
                {
                    return Err(self.unfit(*position, "None (a fixed size is not supported)", value));
                }
                match self.get(2) {
                    None => {}
                    Some(Node { value: Value::Word(word), .. }) if word == "nearest" => {}
                    Some(node) => return Err(self.unfit(node.position, "the mode 'nearest'", &node.value)),
                }
                (3, Module::Upsample { scale: self.whole(1, "the scale", None, 1, 16)? })
            }
            "nn.ConvTranspose2d" => {
                let (kernel, stride) = (kernel(1, None)?, stride(2, Some(1))?);
                let padding = self.whole(3, "the padding", Some(0), 0, 255)?;
                let output_padding = self.whole(4, "the output padding", Some(0), 0, 63)?;
                let (groups, bias, dilation) = (groups(5)?, self.truth(6, true)?, dilation(7)?);
                let module =
                    Module::ConvTranspose { c1, c2, kernel, stride, padding, output_padding, groups, bias, dilation };
                (8, module)
            }
            "nn.MaxPool2d" => {
                let kernel = kernel(0, None)?;
                let stride = stride(1, Some(kernel.min(64)))?;
                (3, Module::MaxPool { kernel, stride, padding: self.whole(2, "the padding", Some(0), 0, kernel / 2)? })
            }
            "Contract" => (1, Module::Contract { gain: self.whole(0, "the gain", Some(2), 1, 16)? }),
            "Expand" => (1, Module::Expand { gain: self.whole(0, "the gain", Some(2), 1, 16)? }),
            _ => (usize::MAX, Module::Identity),
        };
        if let Some(extra) = self.get(taken) {
            let message = format!("{} takes at most {taken} arguments", self.row.module);
            return Err(self.config.error_at(extra.position, message));
        }
        Ok(module)
    }

    /// The argument at `at`, if it is there.
    pub fn get(&self, at: usize) -> Option<&Node> {
        self.row.arguments.get(at)
    }

    /// A whole number in its bounds.
    pub fn whole(&self, at: usize, what: &str, default: Option<usize>, low: usize, high: usize) -> Result<usize> {
        let range = format!("{what} to be a whole number from {low} to {high}");
        match (self.get(at), default) {
            (Some(Node { value: Value::Int(value), .. }), _)
                if usize::try_from(*value).is_ok_and(|value| (low..=high).contains(&value)) =>
            {
                Ok(*value as usize)
            }
            (Some(Node { value: Value::Word(word), .. }), _) if word == "nc" && (low..=high).contains(&self.nc) => {
                Ok(self.nc)
            }
            (Some(node), _) => Err(self.unfit(node.position, &range, &node.value)),
            (None, Some(default)) => Ok(default),
            (None, None) => {
                let message = format!("{} needs {what} as its argument number {}", self.row.module, at + 1);
                Err(self.config.error_at(self.row.module_position, message))
            }
        }
    }

    fn pair(&self, at: usize, what: &str, high: usize) -> Result<[usize; 2]> {
        let fits = |node: &Node| match node.value {
            Value::Int(value) => usize::try_from(value).ok().filter(|value| (1..=high).contains(value)),
            _ => None,
        };
        match self.get(at) {
            Some(Node { value: Value::List(items), position }) => match items.as_slice() {
                [y, x] if fits(y).is_some() && fits(x).is_some() => Ok([fits(y).unwrap_or(1), fits(x).unwrap_or(1)]),
                _ => {
                    let what = format!("{what} as one or two whole numbers from 1 to {high}");
                    Err(self.config.error_at(*position, format!("expected {what}")))
                }
            },
            _ => self.whole(at, what, Some(1), 1, high).map(|value| [value; 2]),
        }
    }

    fn padding(&self, at: usize) -> Result<Option<usize>> {
        match self.get(at) {
            None | Some(Node { value: Value::None, .. }) => Ok(None),
            Some(_) => self.whole(at, "the padding", None, 0, 255).map(Some),
        }
    }

    fn kernels(&self, at: usize) -> Result<Vec<usize>> {
        let Some(node) = self.get(at) else { return Ok(vec![5, 9, 13]) };
        let Value::List(items) = &node.value else {
            return Err(self.unfit(node.position, "a list of kernel sizes", &node.value));
        };
        if items.is_empty() || items.len() > 16 {
            return Err(self.unfit(node.position, "1 to 16 kernel sizes", &node.value));
        }
        let kernel = |item: &Node| match item.value {
            Value::Int(value @ 1..=255) => Ok(value as usize),
            _ => Err(self.unfit(item.position, "a kernel size from 1 to 255", &item.value)),
        };
        items.iter().map(kernel).collect()
    }

    fn truth(&self, at: usize, default: bool) -> Result<bool> {
        match self.get(at) {
            None => Ok(default),
            Some(Node { value: Value::Bool(value), .. }) => Ok(*value),
            Some(node) => Err(self.unfit(node.position, "True or False", &node.value)),
        }
    }

    fn expansion(&self, at: usize, default: f64) -> Result<f64> {
        match self.get(at) {
            None => Ok(default),
            Some(Node { value: Value::Float(value), .. }) if *value > 0.0 && *value <= 16.0 => Ok(*value),
            Some(Node { value: Value::Int(value @ 1..=16), .. }) => Ok(*value as f64),
            Some(node) => Err(self.unfit(node.position, "the expansion, a number above 0, at most 16", &node.value)),
        }
    }

    fn activation(&self, at: usize) -> Result<Activation> {
        match self.get(at) {
            None | Some(Node { value: Value::Bool(true), .. }) => Ok(self.config.activation()),
            Some(Node { value: Value::Bool(false) | Value::None, .. }) => Ok(Activation::Identity),
            Some(node) => match &node.value {
                Value::Word(word) => Activation::parse(word),
                _ => None,
            }
            .ok_or_else(|| self.unfit(node.position, "True, False or an activation such as nn.ReLU()", &node.value)),
        }
    }

    fn unfit(&self, position: Position, what: &str, found: &Value) -> Error {
        let message = format!("{}: expected {what}, found {}", self.row.module, found.describe());
        self.config.error_at(position, message)
    }
}
