//! The self-test of an executor: an image for which it must give what the CPU gives. It finds drivers that compute wrong
//! results before they draw a box.

use super::Detector;
use crate::detection::{Candidate, RawMap};
use crate::engine::Executor;
use crate::engine::plan::{Layout, Plan, Retain};
use crate::engine::program::Program;
use crate::{Error, ErrorKind, Result};

/// The largest difference to the CPU's maps, as a part of a map's largest value.
const TOLERANCE: f32 = 1e-3;

/// The same where activations or weights are fp16.
const F16_TOLERANCE: f32 = 1e-2;

/// The number of candidates that are compared: those of the highest objectness.
const TESTED_CANDIDATES: usize = 64;

/// An image, and what the CPU makes of it in floats.
pub struct SelfTest {
    size: [usize; 2],
    bytes: Vec<u8>,
    maps: Vec<RawMap>,
    /// The objectness threshold (a logit) of the candidates.
    threshold: f32,
}

impl Detector {
    /// A test for images of `side` pixels. Shaders depend on the size, so it should be the size that will be used.
    ///
    /// # Errors
    /// A size that doesn't fit the network.
    pub fn self_test(&self, side: usize) -> Result<SelfTest> {
        let (size, bytes) = self.test_image(side);
        let maps = self.engine.forward_in_floats(&bytes, size)?;
        Ok(SelfTest::new(size, bytes, maps, self.graph.nc + 5))
    }

    /// As [`Detector::self_test`], from the [values](SelfTest::values) of such a test that was made elsewhere, of the same
    /// weights and `side`.
    ///
    /// # Errors
    /// Another number of values than the network's raw maps have.
    pub fn self_test_from(&self, side: usize, values: &[f32]) -> Result<SelfTest> {
        let (size, bytes) = self.test_image(side);
        let program = self.engine.program();
        let plan = Plan::new(program, size, Layout::ChannelsLast, Retain::Maps)?;
        let mut rest = values;
        let mut maps = Vec::new();
        for (&output, [height, width]) in program.outputs.iter().zip(plan.map_sizes(program)) {
            let values = height * width * program.values[output].channels;
            let Some((data, others)) = rest.split_at_checked(values) else { break };
            maps.push(RawMap { height, width, data: data.to_vec() });
            rest = others;
        }
        if maps.len() != program.outputs.len() || !rest.is_empty() {
            let message = format!("{} values are not the raw maps of an image of {side} pixels", values.len());
            return Err(Error::new(ErrorKind::Argument, message));
        }
        Ok(SelfTest::new(size, bytes, maps, self.graph.nc + 5))
    }

    /// The size and the bytes of the test's image.
    fn test_image(&self, side: usize) -> ([usize; 2], Vec<u8>) {
        let stride = self.graph.max_stride().max(1);
        let side = side.div_ceil(stride).max(1) * stride;
        let bytes = (0..side * side * self.graph.input_channels).map(|i| ((i / 96 * 37) ^ (i % 251)) as u8).collect();
        ([side, side], bytes)
    }
}

impl SelfTest {
    fn new(size: [usize; 2], bytes: Vec<u8>, maps: Vec<RawMap>, outputs: usize) -> Self {
        let mut objectness: Vec<f32> =
            maps.iter().flat_map(|map| map.data.iter().skip(4).step_by(outputs)).copied().collect();
        objectness.sort_unstable_by(|a, b| b.total_cmp(a));
        let threshold = objectness.get(TESTED_CANDIDATES.min(objectness.len() / 2)).copied().unwrap_or(0.0);
        Self { size, bytes, maps, threshold }
    }

    /// The raw maps that an executor must give, one level after the other, channels last.
    pub fn values(&self) -> Vec<f32> {
        self.maps.iter().flat_map(|map| map.data.iter().copied()).collect()
    }

    /// Checks that `executor` gives the same maps and the same candidates.
    ///
    /// # Errors
    /// [`ErrorKind::Device`]: it doesn't, or it can't run.
    pub(super) async fn run(&self, program: &Program, executor: &dyn Executor) -> Result<()> {
        let info = executor.info();
        let bound = if info.precision == "float" { TOLERANCE } else { F16_TOLERANCE };
        let maps = executor.maps(program, (&self.bytes).into(), self.size).await?;
        let pairs = self.maps.iter().zip(&maps);
        let wrong: usize = pairs.map(|(expected, got)| wrong_values(&expected.data, &got.data, bound)).sum();
        if wrong > 0 || maps.len() != self.maps.len() {
            return Err(miscomputes(&info.name, &format!("{wrong} values of a test image")));
        }
        let input = (&self.bytes).into();
        let Some(found) = executor.candidates(program, input, self.size, self.threshold).await? else { return Ok(()) };
        let pairs = self.maps.iter().zip(&found.levels);
        let wrong: usize = pairs
            .map(|(map, candidates)| wrong_candidates(map, candidates, program.anchors, self.threshold, bound))
            .sum();
        match wrong {
            0 => Ok(()),
            _ => Err(miscomputes(&info.name, &format!("{wrong} candidates of a test image"))),
        }
    }
}

fn miscomputes(device: &str, what: &str) -> Error {
    Error::new(ErrorKind::Device, format!("the device computes something else than the CPU ({what})"))
        .at(device)
        .hint("use the CPU (device cpu)")
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most, value| value.abs().max(most))
}

/// The number of values that differ by more than `bound` of the largest value. NaN always differs.
fn wrong_values(expected: &[f32], got: &[f32], bound: f32) -> usize {
    wrong_at(expected, got, bound * largest(expected))
}

/// The number of candidates of a level that differ from its map, are not in it, or are missing.
fn wrong_candidates(map: &RawMap, candidates: &[Candidate], anchors: usize, threshold: f32, bound: f32) -> usize {
    let (pixels, most) = (map.height * map.width, bound * largest(&map.data));
    let outputs = map.data.len() / (pixels * anchors).max(1);
    let start = |index: usize| (index % pixels * anchors + index / pixels) * outputs;
    let same = |candidate: &&Candidate| {
        let expected = map.data.get(start(candidate.index)..start(candidate.index) + outputs);
        expected.is_some_and(|expected| wrong_at(expected, &candidate.logits, most) == 0)
    };
    let listed: std::collections::HashSet<usize> = candidates.iter().map(|candidate| candidate.index).collect();
    let missing = |index: &usize| map.data[start(*index) + 4] > threshold + most && !listed.contains(index);
    candidates.len() - candidates.iter().filter(same).count() + (0..pixels * anchors).filter(missing).count()
}

fn wrong_at(expected: &[f32], got: &[f32], most: f32) -> usize {
    expected.len() - expected.iter().zip(got).filter(|(e, g)| (**e - **g).abs() <= most).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> RawMap {
        // Two pixels, two anchors, six outputs.
        RawMap { height: 1, width: 2, data: (0..24).map(|i| i as f32).collect() }
    }

    fn cell(index: usize, first: f32) -> Candidate {
        Candidate { index, logits: (0..6).map(|i| first + i as f32).collect() }
    }

    #[test]
    fn cells_are_found_in_their_map() {
        let (a, b) = (cell(0, 0.0), cell(3, 18.0));
        let (c, d) = (cell(2, 6.0), cell(1, 12.0));
        assert_eq!(wrong_candidates(&map(), &[a.clone(), b.clone(), c.clone(), d.clone()], 2, 0.0, 1e-3), 0);
        assert_eq!(wrong_candidates(&map(), &[d.clone(), b.clone()], 2, 12.0, 1e-3), 0);
        assert_eq!(wrong_candidates(&map(), std::slice::from_ref(&b), 2, 12.0, 1e-3), 1, "one is missing");
        assert_eq!(
            wrong_candidates(&map(), &[cell(0, 0.5), b.clone(), c.clone(), d.clone()], 2, 0.0, 1e-3),
            1,
            "one is off"
        );
        assert_eq!(wrong_candidates(&map(), &[a, b, c, d, cell(9, 0.0)], 2, 0.0, 1e-3), 1, "one doesn't exist");
    }

    #[test]
    fn what_is_no_number_is_wrong() {
        assert_eq!(wrong_values(&[1.0, 2.0, 3.0], &[1.0, f32::NAN, 3.0], 1e-2), 1);
        assert_eq!(wrong_values(&[1.0, 2.0, 3.0], &[1.02, 2.0], 1e-2), 1);
        assert_eq!(wrong_values(&[0.0; 3], &[0.0; 3], 1e-2), 0);
    }
}
