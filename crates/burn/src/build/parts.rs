//! The composite modules, part by part.

use burn::tensor::ops::ConvOptions;

use super::shape::{Shape, pool};
use super::{Builder, join};
use crate::convolution::{BatchNorm, Convolution};
use crate::layer::Layer;
use ghostdet::Result;
use ghostdet::model::Activation;

/// C3 and its kin.
pub(super) struct Csp {
    pub(super) c1: usize,
    pub(super) c2: usize,
    pub(super) n: usize,
    pub(super) expansion: f64,
}

impl Builder<'_, '_> {
    pub(super) fn ghost(&mut self, at: &str, name: &str, shape: Shape, activation: Activation) -> Result<Layer> {
        let at = join(at, name);
        let half = shape.c2 / 2;
        let primary = self.conv(&at, "cv1", Shape { c2: half, ..shape }, activation)?;
        let cheap = self.conv(&at, "cv2", Shape::square(half, half, 5, 1).groups(half), activation)?;
        Ok(Layer::Ghost { primary, cheap })
    }

    pub(super) fn ghost_bottleneck(
        &mut self,
        at: &str,
        [c1, c2]: [usize; 2],
        kernel: usize,
        stride: usize,
    ) -> Result<Layer> {
        let half = c2 / 2;
        let mut body = vec![self.ghost(at, "conv.0", Shape::square(c1, half, 1, 1), self.activation)?];
        let mut shortcut = Layer::Identity;
        if stride == 2 {
            let down = Shape::square(half, half, kernel, stride).depthwise();
            body.push(Layer::Conv(self.conv(at, "conv.1", down, Activation::Identity)?));
            let down = Shape::square(c1, c1, kernel, stride).depthwise();
            shortcut = Layer::Chain(vec![
                Layer::Conv(self.conv(at, "shortcut.0", down, Activation::Identity)?),
                Layer::Conv(self.conv(at, "shortcut.1", Shape::square(c1, c2, 1, 1), Activation::Identity)?),
            ]);
        }
        body.push(self.ghost(at, "conv.2", Shape::square(half, c2, 1, 1), Activation::Identity)?);
        Ok(Layer::Sum { body: Box::new(Layer::Chain(body)), shortcut: Box::new(shortcut) })
    }

    pub(super) fn bottleneck(
        &mut self,
        at: &str,
        [c1, c2]: [usize; 2],
        shortcut: bool,
        groups: usize,
        expansion: f64,
    ) -> Result<Layer> {
        let hidden = scaled(c2, expansion);
        let first = self.conv(at, "cv1", Shape::square(c1, hidden, 1, 1), self.activation)?;
        let second = self.conv(at, "cv2", Shape::square(hidden, c2, 3, 1).groups(groups), self.activation)?;
        Ok(added(vec![Layer::Conv(first), Layer::Conv(second)], shortcut && c1 == c2))
    }

    pub(super) fn cross(&mut self, at: &str, shape: Shape, expansion: f64, shortcut: bool) -> Result<Layer> {
        let Shape { c1, c2, kernel: [kernel, _], stride: [stride, _], groups, .. } = shape;
        let hidden = scaled(c2, expansion);
        let across = Shape::oblong(c1, hidden, [1, kernel], [1, stride]);
        let down = Shape::oblong(hidden, c2, [kernel, 1], [stride, 1]).groups(groups);
        let first = self.conv(at, "cv1", across, self.activation)?;
        let second = self.conv(at, "cv2", down, self.activation)?;
        Ok(added(vec![Layer::Conv(first), Layer::Conv(second)], shortcut && c1 == c2))
    }

    pub(super) fn c3(
        &mut self,
        at: &str,
        csp: &Csp,
        inner: &mut dyn FnMut(&mut Self, &str, usize) -> Result<Layer>,
    ) -> Result<Layer> {
        let hidden = scaled(csp.c2, csp.expansion);
        let mut left = vec![Layer::Conv(self.conv(at, "cv1", Shape::square(csp.c1, hidden, 1, 1), self.activation)?)];
        let right = self.conv(at, "cv2", Shape::square(csp.c1, hidden, 1, 1), self.activation)?;
        let last = self.conv(at, "cv3", Shape::square(2 * hidden, csp.c2, 1, 1), self.activation)?;
        for copy in 0..csp.n {
            left.push(inner(self, &join(at, &format!("m.{copy}")), hidden)?);
        }
        Ok(Layer::Split {
            left: Box::new(Layer::Chain(left)),
            right: Box::new(Layer::Conv(right)),
            last: Box::new(Layer::Conv(last)),
        })
    }

    pub(super) fn bottleneck_csp(&mut self, at: &str, csp: &Csp, shortcut: bool, groups: usize) -> Result<Layer> {
        let hidden = scaled(csp.c2, csp.expansion);
        let mut left = vec![Layer::Conv(self.conv(at, "cv1", Shape::square(csp.c1, hidden, 1, 1), self.activation)?)];
        for copy in 0..csp.n {
            left.push(self.bottleneck(&join(at, &format!("m.{copy}")), [hidden; 2], shortcut, groups, 1.0)?);
        }
        left.push(Layer::Conv(self.plain(join(at, "cv3"), Shape::square(hidden, hidden, 1, 1), false)?));
        let right = self.plain(join(at, "cv2"), Shape::square(csp.c1, hidden, 1, 1), false)?;
        let norm = self.norm(join(at, "bn"), 2 * hidden)?;
        let last = self.conv(at, "cv4", Shape::square(2 * hidden, csp.c2, 1, 1), self.activation)?;
        Ok(Layer::Split {
            left: Box::new(Layer::Chain(left)),
            right: Box::new(Layer::Conv(right)),
            last: Box::new(Layer::Chain(vec![Layer::NormSilu(Box::new(norm)), Layer::Conv(last)])),
        })
    }

    pub(super) fn pyramid(
        &mut self,
        at: &str,
        [c1, c2]: [usize; 2],
        kernels: &[usize],
        chained: bool,
    ) -> Result<Layer> {
        let hidden = c1 / 2;
        let pools = kernels.iter().map(|&kernel| pool(kernel, 1, kernel / 2)).collect::<Result<Vec<_>>>()?;
        let joined = Shape::square(hidden.saturating_mul(pools.len() + 1), c2, 1, 1);
        Ok(Layer::Chain(vec![
            Layer::Conv(self.conv(at, "cv1", Shape::square(c1, hidden, 1, 1), self.activation)?),
            Layer::Pools { pools, chained },
            Layer::Conv(self.conv(at, "cv2", joined, self.activation)?),
        ]))
    }

    /// Convolution, batch norm, activation: `….conv.weight`, and `….bn.*` or (folded) `….conv.bias`.
    pub(super) fn conv(
        &mut self,
        at: &str,
        name: &str,
        shape: Shape,
        activation: Activation,
    ) -> Result<Box<Convolution>> {
        let at = join(at, name);
        let (folded, norm) = (join(&at, "conv.bias"), join(&at, "bn"));
        let c2 = shape.c2;
        let has_norm = self.loader.has(&format!("{norm}.weight"));
        let has_bias = self.loader.has(&folded);
        let mut convolution = self.plain(join(&at, "conv"), shape, has_bias)?;
        if has_norm || !has_bias {
            convolution.norm = Some(self.norm(norm, c2)?);
        }
        convolution.activation = activation;
        Ok(convolution)
    }

    /// Only a convolution: `….weight` and, if it has one, `….bias`.
    pub(super) fn plain(&mut self, key: String, shape: Shape, bias: bool) -> Result<Box<Convolution>> {
        shape.check().map_err(|error| error.at(&key))?;
        let Shape { c1, c2, kernel: [height, width], stride, padding, dilation, groups } = shape;
        let weight = self.loader.take(&format!("{key}.weight"), [c2, c1 / groups, height, width])?;
        let bias = bias.then(|| self.loader.take(&format!("{key}.bias"), [c2])).transpose()?;
        let options = ConvOptions::new(stride, padding, [dilation; 2], groups);
        Ok(Box::new(Convolution { key, weight, bias, norm: None, options, activation: Activation::Identity }))
    }

    pub(super) fn norm(&mut self, key: String, channels: usize) -> Result<BatchNorm> {
        let weight = self.loader.take(&format!("{key}.weight"), [channels])?;
        let bias = self.loader.take(&format!("{key}.bias"), [channels])?;
        let running_mean = self.loader.take(&format!("{key}.running_mean"), [channels])?;
        let running_var = self.loader.take(&format!("{key}.running_var"), [channels])?;
        Ok(BatchNorm { key, weight, bias, running_mean, running_var })
    }
}

fn added(layers: Vec<Layer>, shortcut: bool) -> Layer {
    let body = Layer::Chain(layers);
    if !shortcut {
        return body;
    }
    Layer::Sum { body: Box::new(body), shortcut: Box::new(Layer::Identity) }
}

fn scaled(channels: usize, expansion: f64) -> usize {
    (channels as f64 * expansion) as usize
}
