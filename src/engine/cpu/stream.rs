//! The first two convolutions together, a band of rows at a time: the picture's bytes become numbers a few rows before
//! they are needed, and the largest map of the network, the first convolution's, never exists as a whole.

use super::aligned::Aligned;
use super::conv::Job;
use super::fixed::{self, Source};
use super::forms;
use super::{CpuExecutor, Map, MapMut, Packed};
use crate::engine::Input;
use crate::engine::plan::SLACK;
use crate::engine::program::ConvShape;
use web_time::Instant;

/// Output rows of the second convolution in a band: what both windows hold then fits the second-level cache. With 16 bits a
/// band has a scale of its own, so bands begin at multiples of this, however many threads there are.
pub const BAND: usize = 4;

/// What one call computes: rows `first..last` of the second convolution's output.
pub struct Stream<'a> {
    /// Whose first two operations these are.
    pub executor: &'a CpuExecutor,
    /// Their geometry.
    pub shapes: [&'a ConvShape; 2],
    /// The picture, its `[height, width]` and channels.
    pub input: Input<'a>,
    /// The largest magnitude in the picture, where it has to be known.
    pub magnitude: f32,
    /// `[height, width]` of the picture and of the map in between.
    pub sizes: [[usize; 2]; 2],
    /// What is written.
    pub output: MapMut,
}

/// The rows of a map from `first` to `next`, in memory for a few.
struct Window {
    values: Aligned<f32>,
    first: usize,
    next: usize,
    height: usize,
    width: usize,
    channels: usize,
}

impl Window {
    fn new(rows: usize, [height, width]: [usize; 2], channels: usize) -> Self {
        let values = Aligned::zeroed(rows.min(height) * width * channels + SLACK);
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
    /// Rows `first..last`, the first a multiple of [`BAND`]. Returns the milliseconds of both if `timed`.
    ///
    /// # Safety
    /// As for [`super::conv::convolve`], for the rows `first..last` of the output; the picture has the size it should.
    pub unsafe fn run(&self, [first, last]: [usize; 2], timed: bool) -> [f64; 2] {
        let [stem, next] = self.shapes;
        let [picture, between] = self.sizes;
        let rows = most(next, BAND);
        let mut middle = Window::new(rows, between, stem.channels[1]);
        let mut source = Window::new(most(stem, rows), picture, stem.channels[0]);
        let mut spent = [0.0; 2];
        let clock = || timed.then(Instant::now);
        let since = |start: Option<Instant>| start.map_or(0.0, |start| start.elapsed().as_secs_f64() * 1e3);
        for from in (first..last).step_by(BAND) {
            let to = last.min(from + BAND);
            let start = clock();
            let [top, bottom] = reach(next, [from, to], between[0]);
            middle.slide(top);
            if middle.next < bottom {
                let rows = [middle.next, bottom];
                let from = match (self.input, &self.executor.packed[0]) {
                    (Input::Bytes(bytes), Packed::Fixed(_)) => Source::Bytes(bytes, picture),
                    _ => {
                        let [above, below] = reach(stem, rows, picture[0]);
                        source.slide(above);
                        if source.next < below {
                            source.fill(&self.input, below);
                        }
                        Source::Map(source.source(), self.magnitude)
                    }
                };
                unsafe { self.convolve(0, from, middle.map(), rows) };
                middle.next = bottom;
            }
            spent[0] += since(start);
            let start = clock();
            let between = Source::Map(middle.source(), self.magnitude(1, &mut middle, [top, bottom]));
            unsafe { self.convolve(1, between, self.output, [from, to]) };
            spent[1] += since(start);
        }
        spent
    }

    /// The largest magnitude in a window's rows, where it has to be known.
    fn magnitude(&self, index: usize, window: &mut Window, rows: [usize; 2]) -> f32 {
        match &self.executor.packed[index] {
            // Safety: the window holds the rows.
            Packed::Fixed(_) => unsafe { forms::magnitude(self.executor.isa, window.source(), window.channels, rows) },
            _ => 0.0,
        }
    }

    /// Output rows `first..last` of one of the convolutions.
    ///
    /// # Safety
    /// As for [`super::conv::convolve`].
    unsafe fn convolve(&self, index: usize, input: Source, output: MapMut, [first, last]: [usize; 2]) {
        let (residual, coarse, width) = (None, None, output.width);
        unsafe {
            match (&self.executor.packed[index], input) {
                (Packed::Fixed(packed), input) => {
                    let job = fixed::Job { packed, input, residual, coarse, output, first, last };
                    forms::convolve_fixed(self.executor.isa, job);
                }
                (Packed::Conv(packed), Source::Map(input, _)) => {
                    let (first, last) = (first * width, last * width);
                    self.executor.convolve(Job { packed, input, residual, coarse, output, first, last });
                }
                _ => unreachable!("a plan streams two convolutions, and bytes go to those of 16 bits"),
            }
        }
    }
}
