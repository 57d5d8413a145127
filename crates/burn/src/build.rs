//! From a module of the graph to layers with parameters.

mod parts;
mod shape;

use burn::tensor::ops::ConvTransposeOptions;

use super::layer::{Block, Layer, Transposed};
use super::load::Loader;
use ghostdet::model::{Activation, Module, Row};
use ghostdet::{Error, ErrorKind, Result};
use parts::Csp;
use shape::{LARGEST, Shape, pool, positive};

/// Builds modules, taking their parameters from a loader.
pub(super) struct Builder<'l, 'a> {
    loader: &'l mut Loader<'a>,
    /// Anchors per level; without it Detect takes what its weights have.
    anchors: Option<usize>,
    /// The activation inside modules that don't name one.
    activation: Activation,
}

impl<'l, 'a> Builder<'l, 'a> {
    pub(super) fn new(loader: &'l mut Loader<'a>, anchors: Option<usize>, activation: Activation) -> Self {
        Self { loader, anchors, activation }
    }

    /// A whole row: one module, or several in a Sequential.
    pub(super) fn row(&mut self, row: &Row) -> Result<Block> {
        let prefix = format!("model.{}", row.index);
        if let [module] = &row.copies[..] {
            return self.block(module, &prefix);
        }
        let mut layers = Vec::with_capacity(row.copies.len());
        for (copy, module) in row.copies.iter().enumerate() {
            layers.push(self.layer(module, &format!("{prefix}.{copy}"))?);
        }
        Ok(Block::Single(Layer::Chain(layers)))
    }

    /// One module whose keys begin with `prefix`.
    pub(super) fn block(&mut self, module: &Module, prefix: &str) -> Result<Block> {
        match module {
            Module::Concat => Ok(Block::Concat),
            Module::Detect { nc, channels } => self.detect(*nc, channels, prefix),
            other => self.layer(other, prefix).map(Block::Single),
        }
    }

    fn detect(&mut self, nc: usize, channels: &[usize], prefix: &str) -> Result<Block> {
        let mut heads = Vec::with_capacity(channels.len());
        for (level, &c1) in channels.iter().enumerate() {
            let key = join(prefix, &format!("m.{level}"));
            let c2 = match self.anchors {
                Some(anchors) => anchors.saturating_mul(nc.saturating_add(5)),
                None => self.loader.rows_of(&format!("{key}.weight"))?,
            };
            heads.push(*self.plain(key, Shape::square(c1, c2, 1, 1), true)?);
        }
        Ok(Block::Detect(heads))
    }

    fn layer(&mut self, module: &Module, at: &str) -> Result<Layer> {
        match *module {
            Module::Conv { c1, c2, kernel, stride, padding, groups, dilation, activation } => {
                let shape = Shape { c1, c2, kernel, stride, padding, dilation, groups };
                self.conv(at, "", shape, activation).map(Layer::Conv)
            }
            Module::DwConv { c1, c2, kernel, stride, dilation, activation } => {
                let mut shape = Shape::square(c1, c2, kernel, stride).depthwise();
                let reach = dilation.saturating_mul(kernel.saturating_sub(1));
                shape.padding = [reach.saturating_add(1) / 2; 2];
                shape.dilation = dilation;
                self.conv(at, "", shape, activation).map(Layer::Conv)
            }
            Module::GhostConv { c1, c2, kernel, stride, groups, activation } => {
                self.ghost(at, "", Shape::square(c1, c2, kernel, stride).groups(groups), activation)
            }
            Module::GhostBottleneck { c1, c2, kernel, stride } => self.ghost_bottleneck(at, [c1, c2], kernel, stride),
            Module::Bottleneck { c1, c2, shortcut, groups, expansion } => {
                self.bottleneck(at, [c1, c2], shortcut, groups, expansion)
            }
            Module::C3 { c1, c2, n, shortcut, groups, expansion } => {
                self.c3(at, &Csp { c1, c2, n, expansion }, &mut |builder, key, c| {
                    builder.bottleneck(key, [c, c], shortcut, groups, 1.0)
                })
            }
            Module::C3Ghost { c1, c2, n, expansion, .. } => {
                self.c3(at, &Csp { c1, c2, n, expansion }, &mut |builder, key, c| {
                    builder.ghost_bottleneck(key, [c, c], 3, 1)
                })
            }
            Module::C3x { c1, c2, n, shortcut, groups, expansion } => {
                self.c3(at, &Csp { c1, c2, n, expansion }, &mut |builder, key, c| {
                    builder.cross(key, Shape::square(c, c, 3, 1).groups(groups), 1.0, shortcut)
                })
            }
            Module::CrossConv { c1, c2, kernel, stride, groups, expansion, shortcut } => {
                self.cross(at, Shape::square(c1, c2, kernel, stride).groups(groups), expansion, shortcut)
            }
            Module::BottleneckCsp { c1, c2, n, shortcut, groups, expansion } => {
                self.bottleneck_csp(at, &Csp { c1, c2, n, expansion }, shortcut, groups)
            }
            Module::Spp { c1, c2, ref kernels } => self.pyramid(at, [c1, c2], kernels, false),
            Module::Sppf { c1, c2, kernel } => self.pyramid(at, [c1, c2], &[kernel; 3], true),
            Module::Focus { c1, c2, kernel, stride, padding, groups, activation } => {
                let mut shape = Shape::square(c1.saturating_mul(4), c2, kernel, stride).groups(groups);
                shape.padding = [padding.unwrap_or(kernel / 2); 2];
                Ok(Layer::Chain(vec![Layer::Focus, Layer::Conv(self.conv(at, "conv", shape, activation)?)]))
            }
            Module::ConvTranspose { c1, c2, kernel, stride, padding, output_padding, groups, bias, dilation } => {
                let shape = Shape { groups, dilation, ..Shape::square(c1, c2, kernel, stride) };
                shape.check()?;
                let weight = self.loader.take(&join(at, "weight"), [c1, c2 / groups, kernel, kernel])?;
                let bias = bias.then(|| self.loader.take(&join(at, "bias"), [c2])).transpose()?;
                if output_padding >= stride.max(dilation) || padding > LARGEST {
                    return Err(Error::new(
                        ErrorKind::Config,
                        format!("padding {padding} and output padding {output_padding} don't go with stride {stride}"),
                    )
                    .at(at));
                }
                let options =
                    ConvTransposeOptions::new([stride; 2], [padding; 2], [output_padding; 2], [dilation; 2], groups);
                Ok(Layer::Transposed(Box::new(Transposed { key: at.to_owned(), weight, bias, options })))
            }
            Module::MaxPool { kernel, stride, padding } => pool(kernel, stride, padding).map(Layer::MaxPool),
            Module::Upsample { scale } => positive(scale, "scale").map(Layer::Upsample),
            Module::Contract { gain } => positive(gain, "gain").map(Layer::Contract),
            Module::Expand { gain } => positive(gain, "gain").map(Layer::Expand),
            Module::Identity => Ok(Layer::Identity),
            Module::Concat | Module::Detect { .. } => {
                Err(Error::new(ErrorKind::Config, "Concat and Detect can't be repeated").at(at))
            }
        }
    }
}

fn join(prefix: &str, name: &str) -> String {
    match (prefix.is_empty(), name.is_empty()) {
        (true, _) => name.to_owned(),
        (_, true) => prefix.to_owned(),
        _ => format!("{prefix}.{name}"),
    }
}
