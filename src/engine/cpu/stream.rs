//! The first two convolutions together, a band of rows at a time: the picture's bytes become numbers a few rows before
//! they are needed, and the largest map of the network, the first convolution's, never exists as a whole.

use super::conv::{Job, PackedConv};
use super::{Map, MapMut};
use crate::engine::Input;
use crate::engine::plan::SLACK;
use crate::engine::program::ConvShape;
use web_time::Instant;

/// Output rows of the second convolution in a band: what both windows hold then fits the second-level cache.
const BAND: usize = 4;

/// What one call computes: rows `first..last` of the second convolution's output.
pub struct Stream<'a> {
    /// The two convolutions.
    pub packed: [&'a PackedConv; 2],
    /// The picture, its `[height, width]` and channels.
    pub input: Input<'a>,
    /// `[height, width]` of the picture and of the map in between.
    pub sizes: [[usize; 2]; 2],
    /// What is written.
    pub output: MapMut,
}

/// The rows of a map from `first` to `next`, in memory for a few.
struct Window {
    values: Vec<f32>,
    first: usize,
    next: usize,
    height: usize,
    width: usize,
    channels: usize,
}

impl Window {
    fn new(rows: usize, [height, width]: [usize; 2], channels: usize) -> Self {
        let values = vec![0.0; rows.min(height) * width * channels + SLACK];
        Self { values, first: 0, next: 0, height, width, channels }
    }

    /// Forgets the rows before `first`.
    fn slide(&mut self, first: usize) {
        let row = self.width * self.channels;
        if first > self.first {
            let kept = self.next.saturating_sub(first);
            let from = (first - self.first) * row;
            if kept > 0 {
                self.values.copy_within(from..from + kept * row, 0);
            }
            self.first = first;
            self.next = self.next.max(first);
        }
    }

    /// As a map of full height of which only these rows may be touched.
    fn map(&mut self) -> MapMut {
        let data = self.values.as_mut_ptr().wrapping_sub(self.first * self.width * self.channels);
        MapMut { data, height: self.height, width: self.width, channels: self.channels, stride: self.channels }
    }

    fn source(&mut self) -> Map {
        let MapMut { data, height, width, stride, .. } = self.map();
        Map { data, height, width, stride }
    }

    /// Takes the rows up to `last` from the picture.
    fn fill(&mut self, input: &Input<'_>, last: usize) {
        let row = self.width * self.channels;
        let (from, to) = (self.next * row, last * row);
        let target = &mut self.values[from - self.first * row..to - self.first * row];
        match input {
            Input::Values(values) => target.copy_from_slice(&values[from..to]),
            Input::Bytes(bytes) => {
                target.iter_mut().zip(&bytes[from..to]).for_each(|(value, &byte)| *value = f32::from(byte) / 255.0);
            }
        }
        self.next = last;
    }
}

/// The rows of a map of `height` rows that rows `first..last` of a convolution's output need.
fn reach(shape: &ConvShape, [first, last]: [usize; 2], height: usize) -> [usize; 2] {
    let (step, padding) = (shape.stride[0], shape.padding[0]);
    let end = ((last - 1) * step + (shape.kernel[0] - 1) * shape.dilation + 1).saturating_sub(padding);
    [(first * step).saturating_sub(padding).min(height), end.min(height)]
}

/// Rows that `rows` output rows of a convolution need at most.
fn most(shape: &ConvShape, rows: usize) -> usize {
    (rows - 1) * shape.stride[0] + (shape.kernel[0] - 1) * shape.dilation + 1
}

impl Stream<'_> {
    /// Rows `first..last`; each convolution is done by `convolve`. Returns the milliseconds of both if `timed`.
    ///
    /// # Safety
    /// As for [`super::conv::convolve`], for the rows `first..last` of the output; the picture has the size it should.
    pub unsafe fn run(&self, [first, last]: [usize; 2], timed: bool, convolve: impl Fn(Job)) -> [f64; 2] {
        let [stem, next] = self.packed;
        let [picture, between] = self.sizes;
        let rows = most(next.shape(), BAND);
        let mut middle = Window::new(rows, between, stem.shape().channels[1]);
        let mut source = Window::new(most(stem.shape(), rows), picture, stem.shape().channels[0]);
        let mut spent = [0.0; 2];
        let clock = || timed.then(Instant::now);
        let since = |start: Option<Instant>| start.map_or(0.0, |start| start.elapsed().as_secs_f64() * 1e3);
        for from in (first..last).step_by(BAND) {
            let to = last.min(from + BAND);
            let start = clock();
            let [top, bottom] = reach(next.shape(), [from, to], between[0]);
            middle.slide(top);
            if middle.next < bottom {
                let [above, below] = reach(stem.shape(), [middle.next, bottom], picture[0]);
                source.slide(above);
                if source.next < below {
                    source.fill(&self.input, below);
                }
                let pixels = [middle.next * between[1], bottom * between[1]];
                let (input, output) = (source.source(), middle.map());
                convolve(Job {
                    packed: stem,
                    input,
                    residual: None,
                    coarse: None,
                    output,
                    first: pixels[0],
                    last: pixels[1],
                });
                middle.next = bottom;
            }
            spent[0] += since(start);
            let start = clock();
            let (input, output, width) = (middle.source(), self.output, self.output.width);
            convolve(Job {
                packed: next,
                input,
                residual: None,
                coarse: None,
                output,
                first: from * width,
                last: to * width,
            });
            spent[1] += since(start);
        }
        spent
    }
}
