//! Learning from another network of the same anchors, strides and classes: every cell learns the
//! teacher's output at the same cell.

use ghostdet::detection::RawMap;
use ghostdet::{Error, ErrorKind, Result};

use super::bce::Bce;
use super::boxes::iou_of_raw;
use super::{DetectionLoss, Loss, Map};

/// Cells the teacher thinks less of teach no box and no class.
const MIN_OBJECTNESS: f64 = 0.02;

impl DetectionLoss {
    /// The loss of a batch against a teacher's raw maps (`teacher_maps[picture][level]`), and its gradient. Objectness is
    /// learned everywhere, boxes and classes as far as the teacher sees something.
    ///
    /// # Errors
    /// Maps of other sizes: the teacher is another kind of network.
    pub fn distill(&self, maps: &[Map<'_>], teacher_maps: &[Vec<RawMap>]) -> Result<(Loss, Vec<Vec<f32>>)> {
        let batch = teacher_maps.len() as f32;
        let mut parts = [0.0_f64; 3];
        let mut gradients = Vec::with_capacity(maps.len());
        for (level, map) in maps.iter().enumerate() {
            let mut gradient = vec![0.0; map.values.len()];
            self.distill_level(level, map, teacher_maps, &mut gradient, &mut parts)?;
            gradients.push(gradient);
        }
        let gains = [self.hyp.box_gain, self.hyp.obj_gain, self.hyp.cls_gain];
        let parts: [f32; 3] = std::array::from_fn(|i| (parts[i] * f64::from(gains[i])) as f32);
        Ok((Loss { total: parts.iter().sum::<f32>() * batch, parts, matches: 0 }, gradients))
    }

    fn distill_level(
        &self,
        level: usize,
        map: &Map<'_>,
        teacher_maps: &[Vec<RawMap>],
        gradient: &mut [f32],
        parts: &mut [f64; 3],
    ) -> Result<()> {
        let (size, area, anchors) = (self.nc + 5, map.height * map.width, &self.anchors[level]);
        let whole = anchors.len() * size * area;
        let bce = Bce { positive: 1.0, gamma: 0.0 };
        let sigmoid = |raw: f32| 1.0 / (1.0 + (-f64::from(raw)).exp());
        let mut trust = 0.0;
        for (picture, levels) in teacher_maps.iter().enumerate() {
            let teacher = levels.get(level).filter(|teacher| {
                (teacher.height, teacher.width) == (map.height, map.width)
                    && teacher.data.len() == whole
                    && map.values.len() == teacher_maps.len() * whole
            });
            let teacher = teacher.ok_or_else(|| {
                Error::new(
                    ErrorKind::Argument,
                    format!("the teacher's map {level} has another size than the network's"),
                )
                .at(format!("picture {picture}"))
                .hint("a teacher needs the same anchors, strides and classes")
            })?;
            let objectness = teacher.data.iter().skip(4).step_by(size).map(|&raw| sigmoid(raw));
            trust += objectness.filter(|&p| p > MIN_OBJECTNESS).sum::<f64>();
        }
        let scale = teacher_maps.len() as f64;
        let cells = scale * (anchors.len() * area) as f64;
        let balance = f64::from(self.balance[level]);
        let [box_gain, obj_gain, cls_gain] =
            [self.hyp.box_gain, self.hyp.obj_gain, self.hyp.cls_gain].map(|gain| f64::from(gain) * scale);
        for (picture, levels) in teacher_maps.iter().enumerate() {
            for (at, said) in levels[level].data.chunks_exact(size).enumerate() {
                let (cell, anchor) = (at / anchors.len(), at % anchors.len());
                let first = (picture * anchors.len() + anchor) * size * area + cell;
                let seen = sigmoid(said[4]);
                let (loss, slope) = bce.of(map.values[first + 4 * area], seen as f32);
                parts[1] += loss / cells * balance;
                gradient[first + 4 * area] += (slope / cells * balance * obj_gain) as f32;
                if seen <= MIN_OBJECTNESS {
                    continue;
                }
                let share = seen / trust;
                let sides = anchors[anchor];
                let s = [said[0], said[1], said[2], said[3]].map(sigmoid);
                let side = |i: usize| (2.0 * s[i + 2]).powi(2) * f64::from(sides[i]);
                let bounds = [2.0 * s[0] - 0.5, 2.0 * s[1] - 0.5, side(0), side(1)];
                let (iou, slopes) = iou_of_raw(std::array::from_fn(|i| map.values[first + i * area]), sides, bounds);
                parts[0] += share * (1.0 - iou);
                for (i, slope) in slopes.into_iter().enumerate() {
                    gradient[first + i * area] -= (slope * share * box_gain) as f32;
                }
                if self.nc < 2 {
                    continue;
                }
                for class in 0..self.nc {
                    let place = first + (5 + class) * area;
                    let (loss, slope) = bce.of(map.values[place], sigmoid(said[5 + class]) as f32);
                    parts[2] += share * loss / self.nc as f64;
                    gradient[place] += (slope * share * cls_gain / self.nc as f64) as f32;
                }
            }
        }
        Ok(())
    }
}
