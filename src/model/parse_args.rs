//! The argument list of one row while it is read: typed values with bounds, and errors that point at their place.

use super::activation::{self, Activation};
use super::block::{Act, ActObject};
use super::diagnostic::{Position, error_at};
use super::geometry::Size;
use super::yaml::{Node, Value};
use crate::{Error, Result};

/// Most channels a row may have.
pub(crate) const MAX_CHANNELS: usize = 65536;
const MAX_KERNEL: usize = 255;
const MAX_STRIDE: usize = 64;

/// The arguments of a row and what they are read for. Words such as `nc` stand there as numbers already.
pub(crate) struct Arguments<'a> {
    /// The text that positions refer to.
    pub text: &'a str,
    /// The module's name.
    pub module: &'a str,
    /// Where the row is.
    pub position: Position,
    /// The arguments as written.
    pub list: &'a [Node],
    /// Key of the module: `model.0`.
    pub key: String,
    /// Channels of each source.
    pub inputs: &'a [usize],
    /// Channels that leave the module, for those that scale them.
    pub outputs: usize,
    /// The row's number, for modules that take it themselves.
    pub repeats: usize,
    /// The network's activation.
    pub default: Activation,
}

impl Arguments<'_> {
    /// Channels of the only source.
    pub fn input(&self) -> usize {
        self.inputs.first().copied().unwrap_or(0)
    }

    /// Whether there is an argument at `at`.
    pub fn given(&self, at: usize) -> bool {
        self.list.get(at).is_some()
    }

    /// A whole number within its bounds.
    pub fn whole(&self, at: usize, what: &str, default: Option<usize>, low: usize, high: usize) -> Result<usize> {
        let range = || format!("{what} to be a whole number from {low} to {high}");
        match (self.list.get(at), default) {
            (Some(node), _) => within(node, low, high).ok_or_else(|| self.unfit(node.position, &range(), &node.value)),
            (None, Some(default)) => Ok(default),
            (None, None) => {
                let message = format!("{} needs {what} as its argument number {}", self.module, at + 1);
                Err(error_at(self.text, self.position, message))
            }
        }
    }

    /// A number of channels, not scaled.
    pub fn channels(&self, at: usize, what: &str) -> Result<usize> {
        self.whole(at, what, None, 1, MAX_CHANNELS)
    }

    /// A square kernel's side.
    pub fn kernel(&self, at: usize, default: Option<usize>) -> Result<usize> {
        self.whole(at, "the kernel size", default, 1, MAX_KERNEL)
    }

    /// A pooling kernel that keeps the size of its map.
    pub fn odd_kernel(&self, at: usize, default: usize) -> Result<usize> {
        let kernel = self.kernel(at, Some(default))?;
        self.check_odd(at, kernel)?;
        Ok(kernel)
    }

    fn check_odd(&self, at: usize, kernel: usize) -> Result<()> {
        if kernel % 2 == 1 {
            return Ok(());
        }
        Err(self.error_in(at, format!("a pooling kernel of {kernel} changes the map's size; it must be odd")))
    }

    /// A kernel with one or two sides, 1 if not given.
    pub fn kernel_pair(&self, at: usize) -> Result<Size> {
        self.pair(at, "the kernel size", MAX_KERNEL)
    }

    /// A stride with one or two sides, 1 if not given.
    pub fn stride_pair(&self, at: usize) -> Result<Size> {
        self.pair(at, "the stride", MAX_STRIDE)
    }

    /// The stride, 1 if not given.
    pub fn stride(&self, at: usize) -> Result<usize> {
        self.whole(at, "the stride", Some(1), 1, MAX_STRIDE)
    }

    /// The dilation, 1 if not given.
    pub fn dilation(&self, at: usize) -> Result<usize> {
        self.whole(at, "the dilation", Some(1), 1, 64)
    }

    /// The number of groups, 1 if not given.
    pub fn groups(&self, at: usize) -> Result<usize> {
        self.whole(at, "the number of groups", Some(1), 1, MAX_CHANNELS)
    }

    /// The gain of Contract and Expand.
    pub fn gain(&self) -> Result<usize> {
        self.whole(0, "the gain", Some(2), 1, 16)
    }

    fn pair(&self, at: usize, what: &str, high: usize) -> Result<Size> {
        match self.list.get(at) {
            Some(Node { value: Value::List(items), position }) => match items.as_slice() {
                [y, x] => within(y, 1, high).zip(within(x, 1, high)).map(|(y, x)| [y, x]),
                _ => None,
            }
            .ok_or_else(|| {
                let message = format!("expected {what} as one or two whole numbers from 1 to {high}");
                error_at(self.text, *position, message)
            }),
            _ => self.whole(at, what, Some(1), 1, high).map(|value| [value; 2]),
        }
    }

    /// The padding. `None` for what a convolution works out by itself.
    pub fn padding(&self, at: usize) -> Result<Option<usize>> {
        match self.list.get(at) {
            None | Some(Node { value: Value::None, .. }) => Ok(None),
            Some(_) => self.whole(at, "the padding", None, 0, 255).map(Some),
        }
    }

    /// Pooling kernels: a list, all odd.
    pub fn kernels(&self, at: usize, default: &[usize]) -> Result<Vec<usize>> {
        let kernels = self.any_kernels(at, default)?;
        kernels.iter().try_for_each(|&kernel| self.check_odd(at, kernel))?;
        Ok(kernels)
    }

    /// Kernels: a list.
    pub fn any_kernels(&self, at: usize, default: &[usize]) -> Result<Vec<usize>> {
        let Some(node) = self.list.get(at) else { return Ok(default.to_vec()) };
        let Value::List(items) = &node.value else {
            return Err(self.unfit(node.position, "a list of kernel sizes", &node.value));
        };
        if items.is_empty() || items.len() > 16 {
            return Err(self.unfit(node.position, "1 to 16 kernel sizes", &node.value));
        }
        let kernel = |item: &Node| {
            let range = format!("a kernel size from 1 to {MAX_KERNEL}");
            within(item, 1, MAX_KERNEL).ok_or_else(|| self.unfit(item.position, &range, &item.value))
        };
        items.iter().map(kernel).collect()
    }

    /// Left, right, top, bottom: one number for all, or a list of four.
    pub fn sides(&self, at: usize) -> Result<[usize; 4]> {
        let what = "the padding as one whole number or four (left, right, top, bottom) from 0 to 255";
        let node = match self.list.get(at) {
            Some(node) => node,
            None => return self.whole(at, "the padding", None, 0, 255).map(|side| [side; 4]),
        };
        let sides = match &node.value {
            Value::List(items) => items.iter().map(|item| within(item, 0, 255)).collect::<Option<Vec<_>>>(),
            _ => within(node, 0, 255).map(|side| vec![side; 4]),
        };
        sides
            .and_then(|sides| <[usize; 4]>::try_from(sides).ok())
            .ok_or_else(|| self.unfit(node.position, what, &node.value))
    }

    /// `True` or `False`.
    pub fn truth(&self, at: usize, default: bool) -> Result<bool> {
        match self.list.get(at) {
            None => Ok(default),
            Some(Node { value: Value::Bool(value), .. }) => Ok(*value),
            Some(Node { value: Value::Int(value @ 0..=1), .. }) => Ok(*value == 1),
            Some(node) => Err(self.unfit(node.position, "True or False", &node.value)),
        }
    }

    /// A factor on channels.
    pub fn expansion(&self, at: usize, default: f64) -> Result<f64> {
        let value = self.number(at, "the expansion", default)?;
        match self.list.get(at) {
            Some(node) if !(value > 0.0 && value <= 16.0) => {
                Err(self.unfit(node.position, "a number above 0, at most 16", &node.value))
            }
            _ => Ok(value),
        }
    }

    /// Any finite number.
    pub fn number(&self, at: usize, what: &str, default: f64) -> Result<f64> {
        match self.list.get(at) {
            None => Ok(default),
            Some(Node { value: Value::Float(value), .. }) if value.is_finite() => Ok(*value),
            Some(Node { value: Value::Int(value), .. }) => Ok(*value as f64),
            Some(node) => Err(self.unfit(node.position, &format!("{what} to be a number"), &node.value)),
        }
    }

    /// One of `known` words.
    pub fn word<'w>(&self, at: usize, known: &[&'w str]) -> Result<Option<&'w str>> {
        let Some(node) = self.list.get(at) else { return Ok(None) };
        let found = match &node.value {
            Value::Word(word) => known.iter().find(|one| *one == word),
            _ => None,
        };
        let expected = || format!("one of '{}'", known.join("', '"));
        found.copied().map(Some).ok_or_else(|| self.unfit(node.position, &expected(), &node.value))
    }

    /// `None`, or nothing at all.
    pub fn none(&self, at: usize, what: &str) -> Result<()> {
        match self.list.get(at) {
            None | Some(Node { value: Value::None, .. }) => Ok(()),
            Some(node) => Err(self.unfit(node.position, what, &node.value)),
        }
    }

    /// The network's activation.
    pub fn default_act(&self) -> Act {
        Act::default_of(self.default)
    }

    /// What an `act` argument says: `True` is the default, an object is itself, and every other value switches the
    /// activation off, a class without parentheses included. Words that Python does not know are refused.
    pub fn act(&self, at: usize) -> Result<Act> {
        let Some(node) = self.list.get(at) else { return Ok(self.default_act()) };
        match &node.value {
            Value::Bool(true) => Ok(self.default_act()),
            Value::Word(word) => match activation::parse(word) {
                Some(function) => Ok(Act { function, object: ActObject::Row }),
                None if activation::printed(word).is_some() => Ok(Act::OFF),
                None => Err(self.unfit(node.position, "True, False or an activation such as nn.ReLU()", &node.value)),
            },
            Value::Bool(false) | Value::None | Value::Int(_) | Value::Float(_) => Ok(Act::OFF),
            other => Err(self.unfit(node.position, "True, False or an activation such as nn.ReLU()", other)),
        }
    }

    /// Refuses channels that halves can't be made of.
    pub fn check_multiple(&self, channels: usize, of: usize) -> Result<()> {
        if channels > 0 && channels.is_multiple_of(of) {
            return Ok(());
        }
        Err(self.error(format!("{}: Ghost modules need a multiple of {of} channels, not {channels}", self.module)))
    }

    /// An error about the whole row.
    pub fn error(&self, message: impl AsRef<str>) -> Error {
        error_at(self.text, self.position, message)
    }

    /// An error about the argument at `at`, or the row if it is not given.
    pub fn error_in(&self, at: usize, message: impl AsRef<str>) -> Error {
        error_at(self.text, self.list.get(at).map_or(self.position, |node| node.position), message)
    }

    fn unfit(&self, position: Position, what: &str, found: &Value) -> Error {
        let message = format!("{}: expected {what}, found {}", self.module, found.describe());
        error_at(self.text, position, message)
    }
}

fn within(node: &Node, low: usize, high: usize) -> Option<usize> {
    match node.value {
        Value::Int(value) => usize::try_from(value).ok().filter(|value| (low..=high).contains(value)),
        _ => None,
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
        Value::Word(word) => activation::printed(word).unwrap_or_else(|| format!("'{word}'")),
        Value::List(items) => {
            format!("[{}]", items.iter().map(|item| printed(&item.value)).collect::<Vec<_>>().join(", "))
        }
        Value::Map(_) => "{}".into(),
    }
}
