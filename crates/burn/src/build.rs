//! From a block of the graph to layers with parameters.

use burn::tensor::ops::{AvgPoolOptions, ConvOptions, ConvTransposeOptions, MaxPoolOptions};

use crate::convolution::{Activated, BatchNorm, Convolution};
use crate::layer::{Attention, Layer, Linear, RowLayer, Transposed};
use crate::load::Loader;
use ghostdet::model::block::{self, Act, Block, ConvShape};
use ghostdet::model::{Activation, Row};
use ghostdet::{Error, ErrorKind, Result};

/// Builds blocks, taking their parameters from a loader.
pub(crate) struct Builder<'l, 'a> {
    loader: &'l mut Loader<'a>,
}

impl<'l, 'a> Builder<'l, 'a> {
    pub(crate) fn new(loader: &'l mut Loader<'a>) -> Self {
        Self { loader }
    }

    /// A whole row: one block, or several one after the other.
    pub(crate) fn row(&mut self, row: &Row) -> Result<RowLayer> {
        match &row.copies[..] {
            [block] => self.several(block),
            blocks => {
                let layers = blocks.iter().map(|block| self.layer(block)).collect::<Result<Vec<_>>>()?;
                Ok(RowLayer::Single(Box::new(Layer::Chain(layers))))
            }
        }
    }

    /// A block that may take several inputs.
    pub(crate) fn several(&mut self, block: &Block) -> Result<RowLayer> {
        match block {
            Block::Module { body, .. } => self.several(body),
            Block::Join => Ok(RowLayer::Join),
            Block::Detect(levels) => {
                let heads = levels.iter().map(|level| self.conv(level).map(|conv| *conv));
                Ok(RowLayer::Detect(heads.collect::<Result<_>>()?))
            }
            other => Ok(RowLayer::Single(Box::new(self.layer(other)?))),
        }
    }

    fn layer(&mut self, block: &Block) -> Result<Layer> {
        Ok(match block {
            Block::Pass => Layer::Pass,
            Block::Conv(conv) => Layer::Conv(self.conv(conv)?),
            Block::Ghost { primary, cheap } => Layer::Ghost { primary: self.conv(primary)?, cheap: self.conv(cheap)? },
            Block::ConvTranspose(transposed) => Layer::Transposed(Box::new(self.transposed(transposed)?)),
            Block::BatchNorm { key, channels, activation } => {
                let norm = Box::new(self.norm(key.clone(), *channels)?);
                Layer::Norm { norm, activated: self.activated(*activation, key)? }
            }
            Block::Linear(linear) => Layer::Linear(Box::new(self.linear(linear)?)),
            Block::Attention(attention) => Layer::Attention(Box::new(self.attention(attention)?)),
            Block::Activation { key, act } => Layer::Activation(self.activated(*act, key)?),
            Block::MaxPool(pool) => Layer::MaxPool(
                MaxPoolOptions::new([pool.kernel; 2]).with_stride([pool.stride; 2]).with_padding([pool.padding; 2]),
            ),
            Block::AvgPool(pool) => Layer::AvgPool(
                AvgPoolOptions::new([pool.kernel; 2]).with_stride([pool.stride; 2]).with_padding([pool.padding; 2]),
            ),
            Block::ZeroPad(sides) => Layer::ZeroPad(*sides),
            &Block::Upsample { scale, mode } => Layer::Upsample { scale, mode },
            &Block::SpaceToDepth { gain, columns_first } => Layer::SpaceToDepth { gain, columns_first },
            &Block::DepthToSpace { gain } => Layer::DepthToSpace(gain),
            Block::Chain(blocks) => Layer::Chain(self.layers(blocks)?),
            Block::Sum { body, shortcut } => {
                Layer::Sum { body: Box::new(self.layer(body)?), shortcut: Box::new(self.layer(shortcut)?) }
            }
            Block::Concat(blocks) => Layer::Concat(self.layers(blocks)?),
            Block::Cascade { step, times } => Layer::Cascade { step: Box::new(self.layer(step)?), times: *times },
            Block::Module { body, .. } => self.layer(body)?,
            Block::Join | Block::Detect(_) => {
                return Err(Error::new(ErrorKind::Config, "Concat and Detect can't be repeated"));
            }
        })
    }

    fn layers(&mut self, blocks: &[Block]) -> Result<Vec<Layer>> {
        blocks.iter().map(|block| self.layer(block)).collect()
    }

    /// Where the checkpoint has a bias and no batch norm, it is folded.
    fn conv(&mut self, conv: &block::Conv) -> Result<Box<Convolution>> {
        let (key, norm_key) = (conv.conv_key(), conv.norm_key());
        let ConvShape { stride, padding, dilation, groups, channels: [_, outputs], .. } = conv.shape;
        let weight = self.loader.take(&format!("{key}.weight"), conv.shape.weight_shape())?;
        let has_bias = conv.bias || conv.norm && self.loader.has(&format!("{key}.bias"));
        let bias = has_bias.then(|| self.loader.take(&format!("{key}.bias"), [outputs])).transpose()?;
        let keeps_norm = conv.norm && (!has_bias || self.loader.has(&format!("{norm_key}.weight")));
        let norm = keeps_norm.then(|| self.norm(norm_key, outputs)).transpose()?;
        let options = ConvOptions::new(stride, padding, [dilation; 2], groups);
        let activated = self.activated(conv.act, &conv.act_key())?;
        Ok(Box::new(Convolution { key, weight, bias, norm, options, activated }))
    }

    fn transposed(&mut self, transposed: &block::ConvTranspose) -> Result<Transposed> {
        let key = transposed.key.clone();
        let ConvShape { stride, padding, dilation, groups, channels: [_, outputs], .. } = transposed.shape;
        let weight = self.loader.take(&format!("{key}.weight"), transposed.weight_shape())?;
        let bias = transposed.bias.then(|| self.loader.take(&format!("{key}.bias"), [outputs])).transpose()?;
        let output_padding = [transposed.output_padding; 2];
        let options = ConvTransposeOptions::new(stride, padding, output_padding, [dilation; 2], groups);
        Ok(Transposed { key, weight, bias, options })
    }

    fn norm(&mut self, key: String, channels: usize) -> Result<BatchNorm> {
        let weight = self.loader.take(&format!("{key}.weight"), [channels])?;
        let bias = self.loader.take(&format!("{key}.bias"), [channels])?;
        let running_mean = self.loader.take(&format!("{key}.running_mean"), [channels])?;
        let running_var = self.loader.take(&format!("{key}.running_var"), [channels])?;
        Ok(BatchNorm { key, weight, bias, running_mean, running_var })
    }

    fn activated(&mut self, act: Act, key: &str) -> Result<Activated> {
        let trained = act.function == Activation::Prelu;
        let slope = trained.then(|| self.loader.take(&format!("{key}.weight"), [1])).transpose()?;
        Ok(Activated { function: act.function, key: key.to_owned(), slope })
    }

    fn linear(&mut self, linear: &block::Linear) -> Result<Linear> {
        let block::Linear { key, channels: [inputs, outputs], bias } = linear;
        let weight = self.loader.take(&format!("{key}.weight"), [*outputs, *inputs])?;
        let bias = bias.then(|| self.loader.take(&format!("{key}.bias"), [*outputs])).transpose()?;
        Ok(Linear { key: key.clone(), weight, bias })
    }

    fn attention(&mut self, attention: &block::Attention) -> Result<Attention> {
        let block::Attention { key, channels: c, heads } = attention;
        let c = *c;
        let mut inner =
            |name: &str| self.linear(&block::Linear { key: format!("{key}.{name}"), channels: [c, c], bias: false });
        let inner = [inner("q")?, inner("k")?, inner("v")?];
        let ma = format!("{key}.ma");
        let weight = self.loader.take(&format!("{ma}.in_proj_weight"), [3 * c, c])?;
        let bias = Some(self.loader.take(&format!("{ma}.in_proj_bias"), [3 * c])?);
        let output = self.linear(&block::Linear { key: format!("{ma}.out_proj"), channels: [c, c], bias: true })?;
        Ok(Attention { heads: *heads, inner, projection: Linear { key: ma, weight, bias }, output })
    }
}
