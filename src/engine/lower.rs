//! From the graph and a checkpoint to a [`Program`]: every module as convolutions, pools and placements.

use super::coarse::keep_coarse;
use super::program::{ConvShape, ConvWeights, INPUT, OpKind, Program, ValueId};
use crate::model::{Activation, Graph, Module, Source};
use crate::weights::{Checkpoint, Tensor};
use crate::{Error, ErrorKind, Result};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Lowers `graph` with the weights of `checkpoint`, whose batch norm must be folded.
///
/// # Errors
/// A tensor that is missing or has another shape than the graph asks for.
pub fn lower(graph: &Graph, checkpoint: &Checkpoint) -> Result<Program> {
    lower_from(graph, Weights::Checkpoint(checkpoint))
}

/// As [`lower`], taking the tensors out of the checkpoint instead of copying them.
pub fn lower_taking(graph: &Graph, checkpoint: Checkpoint) -> Result<Program> {
    lower_from(graph, Weights::Taken(RefCell::new(checkpoint.tensors)))
}

/// Lowers `graph` with made-up weights, the same for the same graph: for timing, and for comparing executors.
///
/// # Errors
/// A graph that can't be run.
pub fn lower_unweighted(graph: &Graph) -> Result<Program> {
    lower_from(graph, Weights::MadeUp { anchors: graph.anchors_per_level() })
}

fn lower_from(graph: &Graph, weights: Weights) -> Result<Program> {
    let mut lowering = Lowering { program: Program::default(), weights, row: 0 };
    lowering.program.anchors = graph.anchors_per_level();
    lowering.program.value(graph.input_channels);
    for row in &graph.rows {
        lowering.row = row.index;
        let sources = row
            .sources
            .iter()
            .map(|source| match source {
                Source::Input => Ok(INPUT),
                Source::Row(i) => lowering.program.rows.get(*i).copied().flatten().ok_or_else(|| {
                    Error::new(ErrorKind::Config, format!("row {} reads row {i}, which has no output yet", row.index))
                }),
            })
            .collect::<Result<Vec<_>>>()?;
        let mut value = None;
        for (copy, module) in row.copies.iter().enumerate() {
            let key = match row.copies.len() {
                1 => format!("model.{}", row.index),
                _ => format!("model.{}.{copy}", row.index),
            };
            let inputs = value.map_or_else(|| sources.clone(), |v| vec![v]);
            value = lowering.module(module, &key, &inputs)?;
        }
        lowering.program.rows.push(value);
    }
    keep_coarse(&mut lowering.program);
    Ok(lowering.program)
}

/// Lowers one module on its own: weights under `key`, the network's input as its only source. For tests.
///
/// # Errors
/// As [`lower`].
pub fn lower_module(module: &Module, input_channels: usize, checkpoint: &Checkpoint) -> Result<Program> {
    let mut lowering = Lowering { program: Program::default(), weights: Weights::Checkpoint(checkpoint), row: 0 };
    lowering.program.value(input_channels);
    let value = lowering.module(module, "model.0", &[INPUT])?;
    lowering.program.outputs.extend(value);
    lowering.program.rows.push(value);
    Ok(lowering.program)
}

struct Lowering<'a> {
    program: Program,
    weights: Weights<'a>,
    row: usize,
}

/// Where weights come from.
enum Weights<'a> {
    Checkpoint(&'a Checkpoint),
    Taken(RefCell<BTreeMap<String, Tensor>>),
    /// Values whose sums keep the size of what they sum over, so that activations neither vanish nor grow.
    MadeUp {
        anchors: usize,
    },
}

impl Weights<'_> {
    fn made_up(key: &str, shape: &[usize]) -> Vec<f32> {
        // xorshift, begun from the key's bytes (FNV-1a).
        let mut state =
            key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        let fan_in: usize = shape.iter().skip(1).product();
        let (centre, spread) = match shape.len() {
            1 if key.ends_with("running_var") || key.ends_with("bn.weight") => (1.0, 0.3),
            // Detect's: nothing is there.
            1 if key.contains(".m.") && !key.contains("conv") && !key.contains("bn") => (-12.0, 0.1),
            1 => (0.0, 0.1),
            _ => (0.0, 1.3 * (3.0 / fan_in.max(1) as f32).sqrt()),
        };
        (0..shape.iter().product()).map(|_| centre + spread * next()).collect()
    }
}

/// Conv's arguments that are not the usual ones.
struct Geometry {
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: usize,
    groups: usize,
}

impl Geometry {
    fn new(kernel: usize, stride: usize) -> Self {
        Self::pair([kernel, kernel], [stride, stride])
    }

    /// "Same" padding for odd kernels.
    fn pair(kernel: [usize; 2], stride: [usize; 2]) -> Self {
        Self { kernel, stride, padding: kernel.map(|k| k / 2), dilation: 1, groups: 1 }
    }

    fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Lowering<'_> {
    fn tensor(&self, key: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let found = match &self.weights {
            Weights::MadeUp { .. } => return Ok(Weights::made_up(key, shape)),
            Weights::Checkpoint(checkpoint) => checkpoint.tensors.get(key).cloned(),
            Weights::Taken(tensors) => tensors.borrow_mut().remove(key),
        };
        let found = found.ok_or_else(|| {
            Error::new(ErrorKind::Weights, format!("the checkpoint has no tensor {key}"))
                .hint("it was made for another architecture or size; give the YAML it was trained with")
        })?;
        if found.shape != shape {
            return Err(Error::new(
                ErrorKind::Weights,
                format!("tensor {key} has shape {:?}, the network needs {shape:?}", found.shape),
            )
            .hint("it was made for another architecture, size or number of classes"));
        }
        Ok(found.data)
    }

    fn channels(&self, value: ValueId) -> usize {
        self.program.values[value].channels
    }

    /// The reference's Conv with batch norm folded: keys `key.conv.weight`, `key.conv.bias`.
    fn conv(&mut self, key: &str, x: ValueId, c2: usize, geometry: Geometry, act: Activation) -> Result<ValueId> {
        let c1 = self.channels(x);
        self.bare_conv(&format!("{key}.conv"), x, [c1, c2], geometry, act, true)
    }

    fn bare_conv(
        &mut self,
        key: &str,
        x: ValueId,
        channels: [usize; 2],
        geometry: Geometry,
        activation: Activation,
        bias: bool,
    ) -> Result<ValueId> {
        let (shape, weights) = self.conv_weights(key, channels, geometry, bias)?;
        Ok(self.program.push(self.row, OpKind::Conv { shape, weights, activation }, x, channels[1]))
    }

    fn conv_weights(
        &self,
        key: &str,
        channels: [usize; 2],
        geometry: Geometry,
        bias: bool,
    ) -> Result<(ConvShape, ConvWeights)> {
        let Geometry { kernel, stride, padding, dilation, groups } = geometry;
        let shape = ConvShape { channels, kernel, stride, padding, dilation, groups };
        let weight =
            self.tensor(&format!("{key}.weight"), &[channels[1], channels[0] / groups.max(1), kernel[0], kernel[1]])?;
        let bias = if bias { self.tensor(&format!("{key}.bias"), &[channels[1]])? } else { vec![0.0; channels[1]] };
        Ok((shape, ConvWeights { weight, bias }))
    }

    /// Adds `residual` to what the last operation wrote.
    fn add_to_last(&mut self, residual: ValueId) {
        if let Some(op) = self.program.ops.last_mut() {
            op.residual = Some(residual);
        }
    }

    /// GhostConv; the residual, if any, is added to both halves after the cheap one has read the plain primary half:
    /// that primary half lies elsewhere and is copied with it.
    fn ghost(
        &mut self,
        key: &str,
        x: ValueId,
        c2: usize,
        geometry: Geometry,
        act: Activation,
        residual: Option<ValueId>,
    ) -> Result<ValueId> {
        let half = c2 / 2;
        let primary = self.conv(&format!("{key}.cv1"), x, half, geometry, act)?;
        let Some(residual) = residual else {
            let cheap = self.conv(&format!("{key}.cv2"), primary, half, Geometry::new(5, 1).groups(half), act)?;
            return Ok(self.program.concat(self.row, &[primary, cheap]));
        };
        let (shape, weights) =
            self.conv_weights(&format!("{key}.cv2.conv"), [half; 2], Geometry::new(5, 1).groups(half), true)?;
        let whole =
            self.program.push(self.row, OpKind::GhostTail { shape, weights, activation: act }, primary, 2 * half);
        self.add_to_last(residual);
        Ok(whole)
    }

    fn ghost_bottleneck(&mut self, key: &str, x: ValueId, c2: usize, kernel: usize, stride: usize) -> Result<ValueId> {
        let (c1, half) = (self.channels(x), c2 / 2);
        let none = Activation::Identity;
        let mut y = self.ghost(&format!("{key}.conv.0"), x, half, Geometry::new(1, 1), Activation::Silu, None)?;
        let mut shortcut = x;
        if stride == 2 {
            let width = self.channels(y);
            y = self.conv(&format!("{key}.conv.1"), y, width, Geometry::new(kernel, stride).groups(width), none)?;
            shortcut =
                self.conv(&format!("{key}.shortcut.0"), x, c1, Geometry::new(kernel, stride).groups(c1), none)?;
            shortcut = self.conv(&format!("{key}.shortcut.1"), shortcut, c2, Geometry::new(1, 1), none)?;
        }
        self.ghost(&format!("{key}.conv.2"), y, c2, Geometry::new(1, 1), none, Some(shortcut))
    }

    fn bottleneck(
        &mut self,
        key: &str,
        x: ValueId,
        c2: usize,
        shortcut: bool,
        groups: usize,
        e: f64,
    ) -> Result<ValueId> {
        let hidden = (c2 as f64 * e) as usize;
        let silu = Activation::Silu;
        let y = self.conv(&format!("{key}.cv1"), x, hidden, Geometry::new(1, 1), silu)?;
        let y = self.conv(&format!("{key}.cv2"), y, c2, Geometry::new(3, 1).groups(groups), silu)?;
        if shortcut && self.channels(x) == c2 {
            self.add_to_last(x);
        }
        Ok(y)
    }

    #[allow(clippy::too_many_arguments)]
    fn cross_conv(
        &mut self,
        key: &str,
        x: ValueId,
        c2: usize,
        k: usize,
        s: usize,
        groups: usize,
        e: f64,
        shortcut: bool,
    ) -> Result<ValueId> {
        let hidden = (c2 as f64 * e) as usize;
        let silu = Activation::Silu;
        let y = self.conv(&format!("{key}.cv1"), x, hidden, Geometry::pair([1, k], [1, s]), silu)?;
        let y = self.conv(&format!("{key}.cv2"), y, c2, Geometry::pair([k, 1], [s, 1]).groups(groups), silu)?;
        if shortcut && self.channels(x) == c2 {
            self.add_to_last(x);
        }
        Ok(y)
    }

    /// `cv3(cat(inner(cv1(x)), cv2(x)))`. cv1 and cv2 read the same map, so they are one convolution that writes the
    /// whole concatenation; what `inner` makes of the first half takes its place.
    fn c3(
        &mut self,
        key: &str,
        x: ValueId,
        c2: usize,
        n: usize,
        e: f64,
        mut inner: impl FnMut(&mut Self, &str, ValueId, usize) -> Result<ValueId>,
    ) -> Result<ValueId> {
        let (c1, hidden) = (self.channels(x), (c2 as f64 * e) as usize);
        let silu = Activation::Silu;
        let (mut shape, mut weights) =
            self.conv_weights(&format!("{key}.cv1.conv"), [c1, hidden], Geometry::new(1, 1), true)?;
        let second = self.conv_weights(&format!("{key}.cv2.conv"), [c1, hidden], Geometry::new(1, 1), true)?.1;
        weights.weight.reserve_exact(second.weight.len());
        weights.weight.extend(second.weight);
        weights.bias.extend(second.bias);
        shape.channels[1] = 2 * hidden;
        let both = self.program.push(self.row, OpKind::Conv { shape, weights, activation: silu }, x, 2 * hidden);
        let mut y = self.program.part(both, 0, hidden);
        for j in 0..n {
            y = inner(self, &format!("{key}.m.{j}"), y, hidden)?;
            self.program.values[y].home = Some((both, 0));
        }
        self.conv(&format!("{key}.cv3"), both, c2, Geometry::new(1, 1), silu)
    }

    #[allow(clippy::too_many_arguments)]
    fn bottleneck_csp(
        &mut self,
        key: &str,
        x: ValueId,
        c2: usize,
        n: usize,
        shortcut: bool,
        groups: usize,
        e: f64,
    ) -> Result<ValueId> {
        let (c1, hidden) = (self.channels(x), (c2 as f64 * e) as usize);
        let (silu, none) = (Activation::Silu, Activation::Identity);
        let mut y = self.conv(&format!("{key}.cv1"), x, hidden, Geometry::new(1, 1), silu)?;
        for j in 0..n {
            y = self.bottleneck(&format!("{key}.m.{j}"), y, hidden, shortcut, groups, 1.0)?;
        }
        let y = self.bare_conv(&format!("{key}.cv3"), y, [hidden, hidden], Geometry::new(1, 1), none, false)?;
        let z = self.bare_conv(&format!("{key}.cv2"), x, [c1, hidden], Geometry::new(1, 1), none, false)?;
        let both = self.program.concat(self.row, &[y, z]);
        let channels = 2 * hidden;
        let [gamma, beta, mean, var] = ["weight", "bias", "running_mean", "running_var"]
            .map(|part| self.tensor(&format!("{key}.bn.{part}"), &[channels]));
        let (gamma, beta, mean, var) = (gamma?, beta?, mean?, var?);
        let scale: Vec<f32> = gamma.iter().zip(&var).map(|(g, v)| g / (v + 1e-3).sqrt()).collect();
        let bias = (0..channels).map(|c| beta[c] - mean[c] * scale[c]).collect();
        let y = self.program.push(self.row, OpKind::Affine { scale, bias, activation: silu }, both, channels);
        self.conv(&format!("{key}.cv4"), y, c2, Geometry::new(1, 1), silu)
    }

    fn module(&mut self, module: &Module, key: &str, inputs: &[ValueId]) -> Result<Option<ValueId>> {
        let x = *inputs.first().ok_or_else(|| Error::new(ErrorKind::Config, format!("{key} has no source")))?;
        let silu = Activation::Silu;
        let value = match module {
            &Module::Conv { c2, kernel, stride, padding, groups, dilation, activation, .. } => {
                self.conv(key, x, c2, Geometry { kernel, stride, padding, dilation, groups }, activation)?
            }
            &Module::DwConv { c1, c2, kernel, stride, dilation, activation } => {
                let reach = dilation * (kernel - 1) + 1;
                let geometry =
                    Geometry { padding: [reach / 2; 2], dilation, ..Geometry::new(kernel, stride).groups(gcd(c1, c2)) };
                self.conv(key, x, c2, geometry, activation)?
            }
            &Module::GhostConv { c2, kernel, stride, groups, activation, .. } => {
                self.ghost(key, x, c2, Geometry::new(kernel, stride).groups(groups), activation, None)?
            }
            &Module::GhostBottleneck { c2, kernel, stride, .. } => self.ghost_bottleneck(key, x, c2, kernel, stride)?,
            &Module::Bottleneck { c2, shortcut, groups, expansion, .. } => {
                self.bottleneck(key, x, c2, shortcut, groups, expansion)?
            }
            &Module::C3 { c2, n, shortcut, groups, expansion, .. } => {
                self.c3(key, x, c2, n, expansion, |l, k, y, c| l.bottleneck(k, y, c, shortcut, groups, 1.0))?
            }
            &Module::C3Ghost { c2, n, expansion, .. } => {
                self.c3(key, x, c2, n, expansion, |l, k, y, c| l.ghost_bottleneck(k, y, c, 3, 1))?
            }
            &Module::C3x { c2, n, shortcut, groups, expansion, .. } => {
                self.c3(key, x, c2, n, expansion, |l, k, y, c| l.cross_conv(k, y, c, 3, 1, groups, 1.0, shortcut))?
            }
            &Module::CrossConv { c2, kernel, stride, groups, expansion, shortcut, .. } => {
                self.cross_conv(key, x, c2, kernel, stride, groups, expansion, shortcut)?
            }
            &Module::BottleneckCsp { c2, n, shortcut, groups, expansion, .. } => {
                self.bottleneck_csp(key, x, c2, n, shortcut, groups, expansion)?
            }
            Module::Spp { c1, c2, kernels } => {
                let y = self.conv(&format!("{key}.cv1"), x, c1 / 2, Geometry::new(1, 1), silu)?;
                let mut parts = vec![y];
                parts.extend(kernels.iter().map(|&k| self.pool(y, k)));
                let all = self.program.concat(self.row, &parts);
                self.conv(&format!("{key}.cv2"), all, *c2, Geometry::new(1, 1), silu)?
            }
            &Module::Sppf { c1, c2, kernel } => {
                let y = self.conv(&format!("{key}.cv1"), x, c1 / 2, Geometry::new(1, 1), silu)?;
                let mut parts = vec![y];
                for i in 0..3 {
                    parts.push(self.pool(parts[i], kernel));
                }
                let all = self.program.concat(self.row, &parts);
                self.conv(&format!("{key}.cv2"), all, c2, Geometry::new(1, 1), silu)?
            }
            &Module::Focus { c2, kernel, stride, padding, groups, activation, .. } => {
                let kind = OpKind::SpaceToDepth { gain: 2, columns_first: true };
                let channels = 4 * self.channels(x);
                let y = self.program.push(self.row, kind, x, channels);
                let padding = [padding.unwrap_or(kernel / 2); 2];
                let geometry = Geometry { padding, ..Geometry::new(kernel, stride).groups(groups) };
                self.conv(&format!("{key}.conv"), y, c2, geometry, activation)?
            }
            Module::Concat => self.program.concat(self.row, inputs),
            &Module::Upsample { scale } => self.program.push(self.row, OpKind::Upsample { scale }, x, self.channels(x)),
            &Module::ConvTranspose { c1, c2, kernel, stride, padding, output_padding, groups, bias, dilation } => {
                let weight = self.tensor(&format!("{key}.weight"), &[c1, c2 / groups.max(1), kernel, kernel])?;
                let bias = if bias { self.tensor(&format!("{key}.bias"), &[c2])? } else { vec![0.0; c2] };
                let shape = ConvShape {
                    channels: [c1, c2],
                    kernel: [kernel; 2],
                    stride: [stride; 2],
                    padding: [padding; 2],
                    dilation,
                    groups,
                };
                let kind = OpKind::ConvTranspose { shape, output_padding, weights: ConvWeights { weight, bias } };
                self.program.push(self.row, kind, x, c2)
            }
            &Module::MaxPool { kernel, stride, padding } => {
                self.program.push(self.row, OpKind::MaxPool { kernel, stride, padding }, x, self.channels(x))
            }
            &Module::Contract { gain } => {
                let kind = OpKind::SpaceToDepth { gain, columns_first: false };
                self.program.push(self.row, kind, x, self.channels(x) * gain * gain)
            }
            &Module::Expand { gain } => {
                self.program.push(self.row, OpKind::DepthToSpace { gain }, x, self.channels(x) / (gain * gain))
            }
            Module::Identity => x,
            Module::Detect { nc, channels } => {
                for (level, (&c1, &input)) in channels.iter().zip(inputs).enumerate() {
                    let key = format!("{key}.m.{level}");
                    let c2 = self.detect_outputs(&key, *nc)?;
                    let y = self.bare_conv(&key, input, [c1, c2], Geometry::new(1, 1), Activation::Identity, true)?;
                    self.program.outputs.push(y);
                }
                return Ok(None);
            }
        };
        Ok(Some(value))
    }

    fn pool(&mut self, x: ValueId, kernel: usize) -> ValueId {
        let kind = OpKind::MaxPool { kernel, stride: 1, padding: kernel / 2 };
        self.program.push(self.row, kind, x, self.channels(x))
    }

    /// Outputs of a detect level, told from the bias and checked against the classes.
    fn detect_outputs(&self, key: &str, nc: usize) -> Result<usize> {
        let bias = format!("{key}.bias");
        let outputs = match &self.weights {
            Weights::Checkpoint(checkpoint) => checkpoint.tensors.get(&bias).map_or(0, |bias| bias.data.len()),
            Weights::Taken(tensors) => tensors.borrow().get(&bias).map_or(0, |bias| bias.data.len()),
            Weights::MadeUp { anchors } => return Ok(anchors * (nc + 5)),
        };
        if outputs == 0 || !outputs.is_multiple_of(nc + 5) {
            return Err(Error::new(
                ErrorKind::Weights,
                format!("{key}.bias has {outputs} values, which does not fit {nc} classes"),
            )
            .hint("give the YAML or the number of classes it was trained with"));
        }
        Ok(outputs)
    }
}
