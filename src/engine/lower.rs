//! From the graph and a checkpoint to a [`Program`]: blocks become operations, and parts of a concatenation get their place
//! inside it.

mod tensors;

use super::commute_upsample::commute_upsample;
use super::program::{ConvShape, ConvWeights, INPUT, OpKind, Program, ValueId};
use crate::model::block::{Act, Attention, Block, Conv, ConvTranspose, Linear};
use crate::model::{Activation, BATCH_NORM_EPSILON, Graph, Source};
use crate::weights::Checkpoint;
use crate::{Error, ErrorKind, Result};
pub use tensors::{Tensors, random_checkpoint};

/// The most parameters that are run: 2 GiB of fp32 weights, half of that in WebAssembly.
const MAX_RUN_PARAMETERS: u64 = if cfg!(target_arch = "wasm32") { 1 << 28 } else { 1 << 29 };

/// Lowers `graph` with these weights.
///
/// # Errors
/// A tensor that is missing or has another shape than the graph asks for; a network that is too large to run.
pub fn lower(graph: &Graph, tensors: Tensors) -> Result<Program> {
    if !tensors.are_absent() {
        check_size(graph)?;
    }
    let mut lowering = Lowering { program: Program::default(), tensors, row: 0 };
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
        for block in &row.copies {
            let inputs = value.map_or_else(|| sources.clone(), |v| vec![v]);
            value = lowering.row(block, &inputs)?;
        }
        lowering.program.rows.push(value);
    }
    commute_upsample(&mut lowering.program);
    Ok(lowering.program)
}

/// Lowers one block on its own, with the network's input as its only source: for checking modules one by one.
///
/// # Errors
/// As [`lower`].
pub fn lower_block(block: &Block, input_channels: usize, checkpoint: &Checkpoint) -> Result<Program> {
    let mut lowering = Lowering { program: Program::default(), tensors: Tensors::of(checkpoint), row: 0 };
    lowering.program.value(input_channels);
    let value = lowering.row(block, &[INPUT])?;
    lowering.program.outputs.extend(value);
    lowering.program.rows.push(value);
    Ok(lowering.program)
}

/// Refuses networks whose weights alone would take more memory than a program should.
fn check_size(graph: &Graph) -> Result<()> {
    let parameters = crate::model::Cost::of(graph, true).parameters;
    if parameters <= MAX_RUN_PARAMETERS {
        return Ok(());
    }
    let message = format!(
        "the network has {parameters} parameters ({:.1} GB in fp32); at most {MAX_RUN_PARAMETERS} are run here",
        parameters as f64 * 4e-9
    );
    Err(Error::new(ErrorKind::Config, message).hint("lower width_multiple; `summary` and `plan` work at any size"))
}

struct Lowering<'a> {
    program: Program,
    tensors: Tensors<'a>,
    row: usize,
}

impl Lowering<'_> {
    fn push(&mut self, kind: OpKind, x: ValueId, channels: usize) -> ValueId {
        self.program.push(self.row, kind, x, channels)
    }

    fn channels(&self, value: ValueId) -> usize {
        self.program.values[value].channels
    }

    /// A row's block, which may take several sources. `None` for Detect.
    fn row(&mut self, block: &Block, inputs: &[ValueId]) -> Result<Option<ValueId>> {
        match block {
            Block::Module { body, .. } => self.row(body, inputs),
            Block::Join => Ok(Some(self.program.concat(self.row, inputs))),
            Block::Detect(levels) => {
                for (level, &input) in levels.iter().zip(inputs) {
                    let output = self.conv(level, input)?;
                    self.program.outputs.push(output);
                }
                Ok(None)
            }
            other => match inputs {
                [input] => self.block(other, *input).map(Some),
                _ => {
                    let message = format!("row {} takes one source, not {}", self.row, inputs.len());
                    Err(Error::new(ErrorKind::Config, message))
                }
            },
        }
    }

    fn block(&mut self, block: &Block, x: ValueId) -> Result<ValueId> {
        let channels = self.channels(x);
        Ok(match block {
            Block::Pass => x,
            Block::Conv(conv) => self.conv(conv, x)?,
            Block::Ghost { primary, cheap } => {
                let first = self.conv(primary, x)?;
                let second = self.conv(cheap, first)?;
                self.program.concat(self.row, &[first, second])
            }
            Block::ConvTranspose(transposed) => self.conv_transpose(transposed, x)?,
            Block::BatchNorm { key, channels, activation } => self.batch_norm(key, *channels, *activation, x)?,
            Block::Linear(linear) => self.linear(linear, x)?,
            Block::Attention(attention) => self.attention(attention, x)?,
            Block::Activation { key, act } => {
                let activation = self.activation(*act, key)?;
                let (scale, bias) = (vec![1.0; channels], vec![0.0; channels]);
                self.push(OpKind::Affine { scale, bias, activation }, x, channels)
            }
            Block::MaxPool(pool) => {
                let kind = OpKind::MaxPool { kernel: pool.kernel, stride: pool.stride, padding: pool.padding };
                self.push(kind, x, channels)
            }
            Block::AvgPool(pool) => {
                let kind = OpKind::AvgPool { kernel: pool.kernel, stride: pool.stride, padding: pool.padding };
                self.push(kind, x, channels)
            }
            Block::ZeroPad(sides) => self.push(OpKind::ZeroPad { sides: *sides }, x, channels),
            &Block::Upsample { scale, mode } => self.push(OpKind::Upsample { scale, mode }, x, channels),
            &Block::SpaceToDepth { gain, columns_first } => {
                self.push(OpKind::SpaceToDepth { gain, columns_first }, x, channels * gain * gain)
            }
            &Block::DepthToSpace { gain } => self.push(OpKind::DepthToSpace { gain }, x, channels / (gain * gain)),
            Block::Chain(blocks) => blocks.iter().try_fold(x, |x, block| self.block(block, x))?,
            Block::Sum { body, shortcut } => self.sum(body, shortcut, x)?,
            Block::Concat(blocks) => match blocks.as_slice() {
                [left, right] => match self.siblings(left, right, x)? {
                    Some(both) => both,
                    None => self.concat(blocks, x)?,
                },
                _ => self.concat(blocks, x)?,
            },
            Block::Cascade { step, times } => {
                let mut parts = vec![x];
                for at in 0..*times {
                    parts.push(self.block(step, parts[at])?);
                }
                self.program.concat(self.row, &parts)
            }
            Block::Module { body, .. } => self.block(body, x)?,
            Block::Join | Block::Detect(_) => {
                return Err(Error::new(ErrorKind::Config, format!("row {} can't be repeated", self.row)));
            }
        })
    }

    fn concat(&mut self, blocks: &[Block], x: ValueId) -> Result<ValueId> {
        let parts = blocks.iter().map(|block| self.block(block, x)).collect::<Result<Vec<_>>>()?;
        Ok(self.program.concat(self.row, &parts))
    }

    /// Two branches that begin with the same kind of convolution of the same map (C3): one convolution writes the whole
    /// concatenation, and what the left branch makes of its half takes that half's place.
    fn siblings(&mut self, left: &Block, right: &Block, x: ValueId) -> Result<Option<ValueId>> {
        let (Block::Chain(left), Block::Conv(second)) = (left, right) else { return Ok(None) };
        let Some((Block::Conv(first), inner)) = left.split_first() else { return Ok(None) };
        let [c1, hidden] = first.shape.channels;
        let same = first.shape == second.shape && first.act == second.act && first.norm == second.norm;
        if !same || !first.shape.is_pointwise() || first.shape.groups != 1 || first.act.function == Activation::Prelu {
            return Ok(None);
        }
        let mut weights = self.conv_weights(first)?;
        let other = self.conv_weights(second)?;
        weights.weight.reserve_exact(other.weight.len());
        weights.weight.extend(other.weight);
        weights.bias.extend(other.bias);
        let shape = ConvShape { channels: [c1, 2 * hidden], ..first.shape };
        let both = self.push(OpKind::Conv { shape, weights, activation: first.act.function }, x, 2 * hidden);
        let mut y = self.program.view(both, 0, hidden);
        for block in inner {
            y = self.block(block, y)?;
            self.program.values[y].parent.get_or_insert((both, 0));
        }
        Ok(Some(both))
    }

    /// What a body's last operation writes, with the shortcut added. A Ghost module's primary half is read by its cheap one
    /// before anything is added: it lies elsewhere, and is copied with the residual.
    fn sum(&mut self, body: &Block, shortcut: &Block, x: ValueId) -> Result<ValueId> {
        let Some((rest, last)) = split_last(body) else {
            return Err(Error::new(ErrorKind::Config, format!("row {}: nothing is added to its input", self.row)));
        };
        let y = rest.iter().try_fold(x, |x, block| self.block(block, x))?;
        let (output, residual) = match last {
            Block::Ghost { primary, cheap } => {
                let residual = self.block(shortcut, x)?;
                let first = self.conv(primary, y)?;
                let (shape, weights) = (cheap.shape, self.conv_weights(cheap)?);
                let activation = self.activation(cheap.act, &cheap.act_key())?;
                let channels = 2 * shape.channels[1];
                (self.push(OpKind::FusedGhostDepthwise { shape, weights, activation }, first, channels), residual)
            }
            last => {
                let residual = self.block(shortcut, x)?;
                (self.block(last, y)?, residual)
            }
        };
        if let Some(op) = self.program.ops.last_mut()
            && op.output == output
            && op.residual.is_none()
            && matches!(op.kind, OpKind::Conv { .. } | OpKind::FusedGhostDepthwise { .. })
        {
            op.residual = Some(residual);
            return Ok(output);
        }
        Err(Error::new(ErrorKind::Config, format!("row {}: its input can't be added to what it ends with", self.row)))
    }

    fn conv(&mut self, conv: &Conv, x: ValueId) -> Result<ValueId> {
        let (shape, weights) = (conv.shape, self.conv_weights(conv)?);
        let activation = self.activation(conv.act, &conv.act_key())?;
        Ok(self.push(OpKind::Conv { shape, weights, activation }, x, shape.channels[1]))
    }

    /// Weights with batch norm folded.
    fn conv_weights(&self, conv: &Conv) -> Result<ConvWeights> {
        let (key, outputs) = (conv.conv_key(), conv.shape.channels[1]);
        let weight = self.tensors.take(&format!("{key}.weight"), &conv.shape.weight_shape())?;
        let bias = match conv.norm || conv.bias {
            true => self.tensors.take(&format!("{key}.bias"), &[outputs])?,
            false => vec![0.0; outputs],
        };
        Ok(ConvWeights { weight, bias })
    }

    /// The function; a trained slope becomes a number.
    fn activation(&self, act: Act, key: &str) -> Result<Activation> {
        match act.function {
            Activation::Prelu => {
                let slope = self.tensors.take(&format!("{key}.weight"), &[1])?;
                Ok(Activation::LeakyRelu(slope.first().copied().unwrap_or(0.25)))
            }
            function => Ok(function),
        }
    }

    fn conv_transpose(&mut self, transposed: &ConvTranspose, x: ValueId) -> Result<ValueId> {
        let ConvTranspose { key, shape, output_padding, bias, .. } = transposed;
        let outputs = shape.channels[1];
        let weight = self.tensors.take(&format!("{key}.weight"), &transposed.weight_shape())?;
        let bias = if *bias { self.tensors.take(&format!("{key}.bias"), &[outputs])? } else { vec![0.0; outputs] };
        let weights = ConvWeights { weight, bias };
        let kind = OpKind::ConvTranspose { shape: *shape, output_padding: *output_padding, weights };
        Ok(self.push(kind, x, outputs))
    }

    fn batch_norm(&mut self, key: &str, channels: usize, act: Act, x: ValueId) -> Result<ValueId> {
        let part = |name: &str| self.tensors.take(&format!("{key}.{name}"), &[channels]);
        let (gamma, beta) = (part("weight")?, part("bias")?);
        let (mean, variance) = (part("running_mean")?, part("running_var")?);
        let epsilon = BATCH_NORM_EPSILON as f32;
        let scale: Vec<f32> = gamma.iter().zip(&variance).map(|(g, v)| g / (v + epsilon).sqrt()).collect();
        let bias = beta.iter().zip(&mean).zip(&scale).map(|((b, m), s)| b - m * s).collect();
        let activation = self.activation(act, key)?;
        Ok(self.push(OpKind::Affine { scale, bias, activation }, x, channels))
    }

    fn linear(&mut self, linear: &Linear, x: ValueId) -> Result<ValueId> {
        let Linear { key, channels: [c1, c2], bias } = linear;
        let weight = self.tensors.take(&format!("{key}.weight"), &[*c2, *c1])?;
        let bias = if *bias { self.tensors.take(&format!("{key}.bias"), &[*c2])? } else { vec![0.0; *c2] };
        Ok(self.matrix(ConvWeights { weight, bias }, [*c1, *c2], x))
    }

    /// A matrix on the channels of every pixel is a pointwise convolution.
    fn matrix(&mut self, weights: ConvWeights, [c1, c2]: [usize; 2], x: ValueId) -> ValueId {
        let shape = ConvShape::pointwise(c1, c2);
        self.push(OpKind::Conv { shape, weights, activation: Activation::Identity }, x, c2)
    }

    /// Queries, keys and values by one convolution: its two matrices each are multiplied here, and the queries' scale with
    /// them. Then the attention, then its last matrix.
    fn attention(&mut self, attention: &Attention, x: ValueId) -> Result<ValueId> {
        let Attention { key, channels: c, heads } = attention;
        let c = *c;
        let projection = self.tensors.take(&format!("{key}.ma.in_proj_weight"), &[3 * c, c])?;
        let mut bias = self.tensors.take(&format!("{key}.ma.in_proj_bias"), &[3 * c])?;
        let mut weight = Vec::with_capacity(projection.len());
        for (part, name) in ["q", "k", "v"].into_iter().enumerate() {
            let inner = self.tensors.take(&format!("{key}.{name}.weight"), &[c, c])?;
            if !projection.is_empty() {
                weight.extend(multiplied(&projection[part * c * c..(part + 1) * c * c], &inner, c));
            }
        }
        let scale = 1.0 / ((c / heads) as f32).sqrt();
        weight.iter_mut().take(c * c).for_each(|value| *value *= scale);
        bias.iter_mut().take(c).for_each(|value| *value *= scale);
        let all = self.matrix(ConvWeights { weight, bias }, [c, 3 * c], x);
        let mixed = self.push(OpKind::Attention { heads: *heads }, all, c);
        let weight = self.tensors.take(&format!("{key}.ma.out_proj.weight"), &[c, c])?;
        let bias = self.tensors.take(&format!("{key}.ma.out_proj.bias"), &[c])?;
        Ok(self.matrix(ConvWeights { weight, bias }, [c, c], mixed))
    }
}

/// `a · b` of two `c` x `c` matrices, rows one after the other, summed in f64.
fn multiplied(a: &[f32], b: &[f32], c: usize) -> Vec<f32> {
    let mut product = Vec::with_capacity(c * c);
    let mut sums = vec![0.0_f64; c];
    for row in a.chunks_exact(c) {
        sums.fill(0.0);
        for (value, inner) in row.iter().zip(b.chunks_exact(c)) {
            for (sum, other) in sums.iter_mut().zip(inner) {
                *sum += f64::from(*value) * f64::from(*other);
            }
        }
        product.extend(sums.iter().map(|sum| *sum as f32));
    }
    product
}

/// The last block that computes something, and those before it.
fn split_last(block: &Block) -> Option<(Vec<&Block>, &Block)> {
    match block {
        Block::Module { body, .. } => split_last(body),
        Block::Chain(blocks) => {
            let (last, before) = blocks.split_last()?;
            let (inner, last) = split_last(last)?;
            Some((before.iter().chain(inner).collect(), last))
        }
        Block::Pass => None,
        other => Some((Vec::new(), other)),
    }
}
