//! Counts what a module is made of, and follows the picture's size through it.

use super::graph::{Activation, Module, Row};

/// What was counted. Operations are the reference's (thop 0.1.1): one per multiply-add of a convolution,
/// four per element of a batch norm, one per element of an upsampled map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub layers: u64,
    pub parameters: u64,
    pub convolution: u64,
    pub norm: u64,
    pub upsample: u64,
}

/// `[height, width]`.
pub(crate) type Size = [usize; 2];

/// Largest side a map may have.
const MAX_SIDE: usize = 1 << 16;

#[derive(Clone, Copy, PartialEq)]
enum Act {
    /// The one object that all convolutions share.
    Shared,
    /// An Identity of its own.
    Off,
    /// An object named in the row: counted once a row.
    Own,
}

struct ConvShape {
    c1: usize,
    c2: usize,
    kernel: Size,
    stride: Size,
    padding: Size,
    groups: usize,
    dilation: usize,
}

impl ConvShape {
    fn new(c1: usize, c2: usize, kernel: Size, stride: Size, groups: usize, dilation: usize) -> Self {
        let padding = same_padding(kernel, dilation);
        Self { c1, c2, kernel, stride, padding, groups, dilation }
    }

    fn square(c1: usize, c2: usize, kernel: usize, stride: usize, groups: usize) -> Self {
        Self::new(c1, c2, [kernel; 2], [stride; 2], groups, 1)
    }

    fn point(c1: usize, c2: usize) -> Self {
        Self::square(c1, c2, 1, 1, 1)
    }
}

pub(crate) struct Meter {
    fused: bool,
    default: Activation,
    /// Channels that leave the row being counted.
    channels: usize,
    /// The shared activation was met.
    pub shared: bool,
    pub tally: Tally,
    /// The first thing that doesn't fit together.
    pub problem: Option<String>,
}

impl Meter {
    pub fn new(default: Activation, fused: bool) -> Self {
        Self { fused, default, channels: 0, shared: false, tally: Tally::default(), problem: None }
    }

    /// Counts a row whose sources have these sizes; returns the size that leaves it.
    pub fn row(&mut self, row: &Row, sizes: &[Size]) -> Size {
        let mut size = sizes.first().copied().unwrap_or([1, 1]);
        self.channels = row.channels;
        if row.copies.len() > 1 {
            self.tally.layers += 1;
        }
        for module in &row.copies {
            match module {
                Module::Concat if sizes.iter().any(|other| *other != size) => {
                    self.fail(|| {
                        format!("Concat needs maps of one size (strides differ: {sizes:?} at a 256x256 input)")
                    });
                }
                Module::Detect { nc, channels } => {
                    self.tally.layers += 2;
                    let outputs = row.channels.max(nc + 5);
                    for (c1, size) in channels.iter().zip(sizes) {
                        self.bare(&ConvShape::point(*c1, outputs), *size, true);
                    }
                    return size;
                }
                _ => {}
            }
            size = self.module(module, size);
        }
        if let Some(
            Module::Conv { activation, .. }
            | Module::DwConv { activation, .. }
            | Module::GhostConv { activation, .. }
            | Module::Focus { activation, .. },
        ) = row.copies.first()
            && self.act(*activation) == Act::Own
        {
            self.tally.layers += 1;
        }
        size
    }

    fn act(&self, activation: Activation) -> Act {
        match activation {
            activation if activation == self.default => Act::Shared,
            Activation::Identity => Act::Off,
            _ => Act::Own,
        }
    }

    fn module(&mut self, module: &Module, size: Size) -> Size {
        match *module {
            Module::Conv { c1, c2, kernel, stride, padding, groups, dilation, activation } => {
                let act = self.act(activation);
                self.conv(&ConvShape { c1, c2, kernel, stride, padding, groups, dilation }, act, size)
            }
            Module::DwConv { c1, c2, kernel, stride, dilation, activation } => {
                let act = self.act(activation);
                self.conv(&ConvShape::new(c1, c2, [kernel; 2], [stride; 2], gcd(c1, c2), dilation), act, size)
            }
            Module::GhostConv { c1, c2, kernel, stride, groups, activation } => {
                let act = self.act(activation);
                self.ghost_conv(&ConvShape::square(c1, c2, kernel, stride, groups), act, size)
            }
            Module::GhostBottleneck { c1, c2, kernel, stride } => self.ghost_bottleneck(c1, c2, kernel, stride, size),
            Module::Bottleneck { c1, c2, groups, expansion, .. } => {
                self.bottleneck(c1, c2, groups, scale(c2, expansion), size)
            }
            Module::CrossConv { c1, c2, kernel, stride, groups, expansion, shortcut } => {
                let hidden = scale(c2, expansion);
                let out = self.cross_conv([c1, hidden, c2], kernel, stride, groups, size);
                if shortcut && c1 == c2 && out != size {
                    self.fail(|| "CrossConv can't add its input to its output: the stride is not 1".into());
                }
                out
            }
            Module::C3 { c1, c2, n, groups, expansion, .. } => {
                let hidden = scale(c2, expansion);
                self.c3(c1, hidden, c2, n, size, |meter| {
                    meter.bottleneck(hidden, hidden, groups, hidden, size);
                })
            }
            Module::C3Ghost { c1, c2, n, expansion, .. } => {
                let hidden = scale(c2, expansion);
                self.c3(c1, hidden, c2, n, size, |meter| {
                    meter.ghost_bottleneck(hidden, hidden, 3, 1, size);
                })
            }
            Module::C3x { c1, c2, n, groups, expansion, .. } => {
                let hidden = scale(c2, expansion);
                self.c3(c1, hidden, c2, n, size, |meter| {
                    meter.cross_conv([hidden; 3], 3, 1, groups, size);
                })
            }
            Module::BottleneckCsp { c1, c2, n, groups, expansion, .. } => {
                let hidden = scale(c2, expansion);
                // Itself, the Sequential, its own batch norm and activation.
                self.tally.layers += 4;
                self.tally.parameters = self.tally.parameters.saturating_add(4 * hidden as u64);
                self.tally.norm = self.tally.norm.saturating_add(4 * product(&[2 * hidden, size[0], size[1]]));
                self.conv(&ConvShape::point(c1, hidden), Act::Shared, size);
                self.bare(&ConvShape::point(c1, hidden), size, false);
                self.bare(&ConvShape::point(hidden, hidden), size, false);
                self.conv(&ConvShape::point(2 * hidden, c2), Act::Shared, size);
                for _ in 0..n {
                    self.bottleneck(hidden, hidden, groups, hidden, size);
                }
                size
            }
            Module::Spp { c1, c2, ref kernels } => {
                self.tally.layers += 2 + kernels.len() as u64;
                self.odd_kernels(kernels);
                self.conv(&ConvShape::point(c1, c1 / 2), Act::Shared, size);
                self.conv(&ConvShape::point(c1 / 2 * (kernels.len() + 1), c2), Act::Shared, size)
            }
            Module::Sppf { c1, c2, kernel } => {
                self.tally.layers += 2;
                self.odd_kernels(&[kernel]);
                self.conv(&ConvShape::point(c1, c1 / 2), Act::Shared, size);
                self.conv(&ConvShape::point(c1 / 2 * 4, c2), Act::Shared, size)
            }
            Module::Focus { c1, c2, kernel, stride, padding, groups, activation } => {
                self.tally.layers += 1;
                let mut shape = ConvShape::square(4 * c1, c2, kernel, stride, groups);
                if let Some(padding) = padding {
                    shape.padding = [padding; 2];
                }
                let act = self.act(activation);
                let size = self.divided(size, 2, "Focus");
                self.conv(&shape, act, size)
            }
            Module::Upsample { scale } => {
                self.tally.layers += 1;
                let out = self.bounded(size.map(|side| side.saturating_mul(scale)));
                let elements = product(&[self.channels, out[0], out[1]]);
                self.tally.upsample = self.tally.upsample.saturating_add(elements);
                out
            }
            Module::ConvTranspose { c1, c2, kernel, stride, padding, output_padding, groups, bias, dilation } => {
                self.tally.layers += 1;
                if !c1.is_multiple_of(groups) || !c2.is_multiple_of(groups) {
                    self.fail(|| format!("{groups} groups don't divide {c1} and {c2} channels"));
                }
                if output_padding >= stride.max(dilation) {
                    self.fail(|| "the output padding must be smaller than the stride".into());
                }
                let out = size.map(|side| {
                    let grown = (side.max(1) - 1) * stride + dilation * (kernel.max(1) - 1) + output_padding + 1;
                    grown.saturating_sub(2 * padding)
                });
                let out = self.bounded(out);
                let weights = product(&[c1 / groups.max(1), kernel, kernel]);
                let parameters = weights.saturating_mul(c2 as u64) + if bias { c2 as u64 } else { 0 };
                self.tally.parameters = self.tally.parameters.saturating_add(parameters);
                let operations = product(&[c2, out[0], out[1]]).saturating_mul(weights);
                self.tally.convolution = self.tally.convolution.saturating_add(operations);
                out
            }
            Module::MaxPool { kernel, stride, padding } => {
                self.tally.layers += 1;
                self.windows(size, [kernel; 2], [stride; 2], [padding; 2], 1)
            }
            Module::Contract { gain } => {
                self.tally.layers += 1;
                self.divided(size, gain, "Contract")
            }
            Module::Expand { gain } => {
                self.tally.layers += 1;
                self.bounded(size.map(|side| side.saturating_mul(gain)))
            }
            Module::Concat | Module::Identity | Module::Detect { .. } => {
                self.tally.layers += 1;
                size
            }
        }
    }

    /// Convolution, batch norm, activation.
    fn conv(&mut self, shape: &ConvShape, act: Act, size: Size) -> Size {
        self.tally.layers += 1 + u64::from(!self.fused) + u64::from(act == Act::Off);
        self.shared |= act == Act::Shared;
        let out = self.bare(shape, size, self.fused);
        if !self.fused {
            self.tally.parameters = self.tally.parameters.saturating_add(2 * shape.c2 as u64);
            self.tally.norm = self.tally.norm.saturating_add(4 * product(&[shape.c2, out[0], out[1]]));
        }
        out
    }

    /// A convolution alone.
    fn bare(&mut self, shape: &ConvShape, size: Size, bias: bool) -> Size {
        let ConvShape { c1, c2, kernel, stride, padding, groups, dilation } = *shape;
        self.tally.layers += 1;
        if c1 == 0 || c2 == 0 {
            self.fail(|| format!("a convolution from {c1} to {c2} channels: nothing is left"));
        } else if groups == 0 || !c1.is_multiple_of(groups) || !c2.is_multiple_of(groups) {
            self.fail(|| format!("{groups} groups don't divide {c1} and {c2} channels"));
        }
        let out = self.windows(size, kernel, stride, padding, dilation);
        let weights = product(&[c1 / groups.max(1), kernel[0], kernel[1]]);
        let parameters = weights.saturating_mul(c2 as u64).saturating_add(if bias { c2 as u64 } else { 0 });
        self.tally.parameters = self.tally.parameters.saturating_add(parameters);
        let operations = product(&[c2, out[0], out[1]]).saturating_mul(weights);
        self.tally.convolution = self.tally.convolution.saturating_add(operations);
        out
    }

    fn ghost_conv(&mut self, shape: &ConvShape, act: Act, size: Size) -> Size {
        self.tally.layers += 1;
        let ConvShape { c1, c2, kernel, stride, groups, .. } = *shape;
        if c2 % 2 != 0 {
            self.fail(|| format!("a Ghost convolution needs an even number of output channels, not {c2}"));
        }
        let half = c2 / 2;
        let out = self.conv(&ConvShape::new(c1, half, kernel, stride, groups, 1), act, size);
        self.conv(&ConvShape::square(half, half, 5, 1, half), act, out)
    }

    fn ghost_bottleneck(&mut self, c1: usize, c2: usize, kernel: usize, stride: usize, size: Size) -> Size {
        // Itself and the Sequential.
        self.tally.layers += 2;
        let half = c2 / 2;
        self.ghost_conv(&ConvShape::point(c1, half), Act::Shared, size);
        let mut out = size;
        if stride == 2 {
            self.tally.layers += 1;
            out = self.conv(&ConvShape::square(half, half, kernel, 2, half), Act::Off, size);
            self.conv(&ConvShape::square(c1, c1, kernel, 2, c1), Act::Off, size);
            self.conv(&ConvShape::point(c1, c2), Act::Off, out);
        } else {
            self.tally.layers += 2;
            if c1 != c2 {
                self.fail(|| {
                    format!("a GhostBottleneck with stride 1 adds its input: {c1} channels come in, {c2} go out")
                });
            }
        }
        self.ghost_conv(&ConvShape::point(half, c2), Act::Off, out)
    }

    fn bottleneck(&mut self, c1: usize, c2: usize, groups: usize, hidden: usize, size: Size) -> Size {
        self.tally.layers += 1;
        self.conv(&ConvShape::point(c1, hidden), Act::Shared, size);
        self.conv(&ConvShape::square(hidden, c2, 3, 1, groups), Act::Shared, size)
    }

    fn cross_conv(
        &mut self,
        [c1, hidden, c2]: [usize; 3],
        kernel: usize,
        stride: usize,
        groups: usize,
        size: Size,
    ) -> Size {
        self.tally.layers += 1;
        let size = self.conv(&ConvShape::new(c1, hidden, [1, kernel], [1, stride], 1, 1), Act::Shared, size);
        self.conv(&ConvShape::new(hidden, c2, [kernel, 1], [stride, 1], groups, 1), Act::Shared, size)
    }

    fn c3(
        &mut self,
        c1: usize,
        hidden: usize,
        c2: usize,
        n: usize,
        size: Size,
        mut inner: impl FnMut(&mut Self),
    ) -> Size {
        // Itself and the Sequential.
        self.tally.layers += 2;
        self.conv(&ConvShape::point(c1, hidden), Act::Shared, size);
        self.conv(&ConvShape::point(c1, hidden), Act::Shared, size);
        self.conv(&ConvShape::point(2 * hidden, c2), Act::Shared, size);
        (0..n).for_each(|_| inner(self));
        size
    }

    fn odd_kernels(&mut self, kernels: &[usize]) {
        if let Some(kernel) = kernels.iter().find(|kernel| *kernel % 2 == 0) {
            self.fail(|| format!("a pooling kernel of {kernel} changes the map's size; it must be odd"));
        }
    }

    /// The size after sliding a window.
    fn windows(&mut self, size: Size, kernel: Size, stride: Size, padding: Size, dilation: usize) -> Size {
        let mut out = [1, 1];
        for axis in 0..2 {
            let reach = dilation * (kernel[axis].max(1) - 1) + 1;
            match (size[axis] + 2 * padding[axis]).checked_sub(reach) {
                Some(room) => out[axis] = room / stride[axis].max(1) + 1,
                None => self.fail(|| format!("a window of {reach} doesn't fit in a map of {} pixels", size[axis])),
            }
        }
        self.bounded(out)
    }

    fn divided(&mut self, size: Size, by: usize, name: &str) -> Size {
        if size.iter().any(|side| !side.is_multiple_of(by)) {
            self.fail(|| format!("{name} can't divide a map of {}x{} by {by}", size[0], size[1]));
        }
        size.map(|side| (side / by.max(1)).max(1))
    }

    fn bounded(&mut self, size: Size) -> Size {
        if size.iter().any(|side| !(1..=MAX_SIDE).contains(side)) {
            self.fail(|| format!("a map of {}x{} (sides from 1 to {MAX_SIDE} are supported)", size[0], size[1]));
        }
        size.map(|side| side.clamp(1, MAX_SIDE))
    }

    fn fail(&mut self, problem: impl FnOnce() -> String) {
        self.problem.get_or_insert_with(problem);
    }
}

/// Half of what the kernel spans: the padding where none is given.
pub(crate) fn same_padding(kernel: Size, dilation: usize) -> Size {
    kernel.map(|k| {
        let reach = dilation * (k.max(1) - 1) + 1;
        reach / 2
    })
}

fn product(factors: &[usize]) -> u64 {
    factors.iter().fold(1, |product: u64, factor| product.saturating_mul(*factor as u64))
}

/// Channels times expansion, truncated.
fn scale(channels: usize, expansion: f64) -> usize {
    (channels as f64 * expansion) as usize
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
