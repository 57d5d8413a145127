//! The modules that a YAML may name, each defined once: its arguments and their defaults, the keys of its parameters,
//! and what it is made of.
//!
//! To add a module, write a [`Definition`] in a file beside the others, put it into [`DEFINITIONS`], and add a golden case.
//! Cost, summary, all executors, training and the check of checkpoints follow from the [`Block`] it builds.
//!
//! Sources: YOLOv5 v7.0 (public behaviour); GhostNet (Han et al. 2020); CSPNet (Wang et al. 2020).

mod bottleneck;
mod conv;
mod csp;
mod foreign;
mod ghost;
mod mixconv;
mod pyramid;
mod reshape;
mod torch;
mod transformer;

pub(crate) use foreign::refusal;

use super::activation::Activation;
use super::block::Block;
use super::diagnostic::{error_at, quoted};
use super::parse_args::Arguments;
use super::yaml::{self, Value};
use crate::{Error, ErrorKind, Result};

/// A module of the YAML.
pub struct Definition {
    /// Its name in a row.
    pub name: &'static str,
    /// As the reference's table prints it.
    pub path: &'static str,
    /// How its channels are worked out.
    pub channels: Channels,
    /// The names of its arguments in their order, as PyTorch code would write them.
    pub arguments: &'static [&'static str],
    /// Makes the block of a row.
    pub(crate) build: fn(&Arguments) -> Result<Block>,
}

impl Definition {
    /// Builds the module, and refuses arguments that it does not have.
    pub(crate) fn block(&self, arguments: &Arguments) -> Result<Block> {
        let most = self.arguments.len();
        // The reference replaces a batch norm's arguments, whatever they are.
        if let Some(extra) = arguments.list.get(most)
            && self.channels != Channels::RowBefore
        {
            let message = format!("{} takes at most {most} arguments", self.name);
            let hint = format!("its arguments: {}", self.arguments.join(", "));
            return Err(error_at(arguments.text, extra.position, message).hint(hint));
        }
        (self.build)(arguments)
    }
}

/// How a row's output channels are worked out, and what the table prints as its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// The first argument is their number, scaled by `width_multiple`. With `repeats`, the module takes the row's number
    /// itself; else there are that many copies one after the other.
    Scaled {
        /// Whether the module takes the row's number itself.
        repeats: bool,
    },
    /// Those of the source, whatever the arguments say: they are taken literally.
    Same,
    /// As [`Same`](Channels::Same), but written down with the channels of the row before it in the file.
    RowBefore,
    /// The sum of all sources.
    Joined,
    /// Times the square of the first argument, 2 if it is not given.
    Contracted,
    /// Divided by that square.
    Expanded,
    /// The detection head's.
    Detect,
}

impl Channels {
    /// Whether `from` names a list of rows.
    pub fn takes_several(self) -> bool {
        matches!(self, Self::Joined | Self::Detect)
    }
}

/// All modules.
pub static DEFINITIONS: &[&[Definition]] = &[
    conv::DEFINITIONS,
    ghost::DEFINITIONS,
    bottleneck::DEFINITIONS,
    csp::DEFINITIONS,
    pyramid::DEFINITIONS,
    mixconv::DEFINITIONS,
    transformer::DEFINITIONS,
    reshape::DEFINITIONS,
    torch::DEFINITIONS,
    torch::ACTIVATIONS,
];

/// Modules that stand only inside others. [`build`] knows them, rows do not.
static PARTS: &[Definition] = transformer::PARTS;

/// The module that a row calls `name`.
pub fn definition(name: &str) -> Option<&'static Definition> {
    definitions().find(|definition| definition.name == name)
}

/// All modules, one after the other.
pub fn definitions() -> impl Iterator<Item = &'static Definition> {
    DEFINITIONS.iter().copied().flatten()
}

/// Builds one module outside of any network: for tests and tools. `arguments` is the list that a row would have, with
/// channels as they are (nothing is scaled): `build("Conv", "model.0", 3, "[16, 3, 2]", 1, Activation::Silu)`. `repeats` is
/// the row's number.
///
/// # Errors
/// A name that is not known, arguments that the module does not take.
pub fn build(
    name: &str,
    key: &str,
    inputs: usize,
    arguments: &str,
    repeats: usize,
    default: Activation,
) -> Result<Block> {
    let definition = definition(name)
        .or_else(|| PARTS.iter().find(|part| part.name == name))
        .ok_or_else(|| Error::new(ErrorKind::Argument, format!("unknown module {}", quoted(name))))?;
    let node = yaml::parse(arguments)?;
    let Value::List(list) = &node.value else {
        return Err(error_at(arguments, node.position, "expected a list of arguments"));
    };
    let scaled = matches!(definition.channels, Channels::Scaled { .. });
    let outputs = match list.first().map(|node| &node.value) {
        Some(Value::Int(outputs @ 1..)) if scaled => *outputs as usize,
        _ => inputs,
    };
    let arguments = Arguments {
        text: arguments,
        module: name,
        position: node.position,
        list,
        key: key.to_owned(),
        inputs: &[inputs],
        outputs,
        repeats,
        default,
    };
    definition.block(&arguments)
}
