//! The first two convolutions fused, a band of rows at a time.
//!
//! The image's bytes are converted a few rows before they are needed, and the output of the first convolution, the largest
//! map of the network, never exists as a whole.

use super::{Kernels, Packed};
use crate::engine::Input;
use ghostdet_kernels::{Aligned, ConvShape, Int16Job, Job, Map, MapMut, READ_PADDING, Source, dispatch};
use web_time::Instant;

/// Output rows of the second convolution in a band: both windows then fit the L2 cache. In int16 a band has its own scale, so
/// bands begin at multiples of this whatever the number of threads, and results don't depend on it.
pub const ROWS_PER_BAND: usize = 4;

/// The first two operations of a network.
pub struct FusedStem<'a> {
    /// The kernels with their packed weights.
    pub kernels: &'a Kernels,
    /// Their geometry.
    pub shapes: [&'a ConvShape; 2],
    /// The image.
    pub input: Input<'a>,
    /// The largest magnitude in the image, if int16 needs it.
    pub magnitude: f32,
    /// `[height, width]` of the image and of the map in between.
    pub sizes: [[usize; 2]; 2],
    /// The second convolution's output.
    pub output: MapMut,
}

/// A window over a map: rows `first..next`.
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
        let values = Aligned::zeroed(rows.min(height) * width * channels + READ_PADDING);
        Self { values, first: 0, next: 0, height, width, channels }
    }

    /// Drops the rows before `first`.
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

    /// The window as a map of full height. Only rows of the window may be accessed.
    fn map(&mut self) -> MapMut {
        let data = self.values.as_mut_ptr().wrapping_sub(self.first * self.width * self.channels);
        MapMut { data, height: self.height, width: self.width, channels: self.channels, stride: self.channels }
    }

    fn source(&mut self) -> Map {
        let MapMut { data, height, width, stride, .. } = self.map();
        Map { data, height, width, stride }
    }

    /// Converts the rows up to `last` of the image.
    fn fill(&mut self, input: Input<'_>, last: usize) {
        let row = self.width * self.channels;
        let (from, to) = (self.next * row, last * row);
        let rows = match input {
            Input::Values(values) => Input::Values(&values[from..to]),
            Input::Bytes(bytes) => Input::Bytes(&bytes[from..to]),
            Input::Texture => Input::Texture,
        };
        rows.write(&mut self.values[from - self.first * row..to - self.first * row]);
        self.next = last;
    }
}

/// The input rows, of `height`, that output rows `first..last` of a convolution read.
fn reach(shape: &ConvShape, [first, last]: [usize; 2], height: usize) -> [usize; 2] {
    let (step, padding) = (shape.stride[0], shape.padding[0]);
    let end = ((last - 1) * step + (shape.kernel[0] - 1) * shape.dilation + 1).saturating_sub(padding);
    [(first * step).saturating_sub(padding).min(height), end.min(height)]
}

/// The most input rows that `rows` output rows of a convolution read.
fn most(shape: &ConvShape, rows: usize) -> usize {
    (rows - 1) * shape.stride[0] + (shape.kernel[0] - 1) * shape.dilation + 1
}

impl FusedStem<'_> {
    /// Computes output rows `first..last`, the first a multiple of [`ROWS_PER_BAND`]. Returns the milliseconds of both
    /// convolutions if `timed`.
    ///
    /// # Safety
    /// As for the convolution of [`dispatch`], for the rows `first..last` of the output; the image has the plan's size.
    pub unsafe fn run(&self, [first, last]: [usize; 2], timed: bool) -> [f64; 2] {
        let [stem, next] = self.shapes;
        let [image, between] = self.sizes;
        let rows = most(next, ROWS_PER_BAND);
        let mut middle = Window::new(rows, between, stem.channels[1]);
        let mut source = Window::new(most(stem, rows), image, stem.channels[0]);
        let mut spent = [0.0; 2];
        let clock = || timed.then(Instant::now);
        let since = |start: Option<Instant>| start.map_or(0.0, |start| start.elapsed().as_secs_f64() * 1e3);
        for from in (first..last).step_by(ROWS_PER_BAND) {
            let to = last.min(from + ROWS_PER_BAND);
            let start = clock();
            let [top, bottom] = reach(next, [from, to], between[0]);
            middle.slide(top);
            if middle.next < bottom {
                let rows = [middle.next, bottom];
                let from = match (self.input, &self.kernels.packed[0]) {
                    (Input::Bytes(bytes), Packed::Int16(_)) => Source::Bytes(bytes, image),
                    _ => {
                        let [above, below] = reach(stem, rows, image[0]);
                        source.slide(above);
                        if source.next < below {
                            source.fill(self.input, below);
                        }
                        Source::Map(source.source(), self.magnitude)
                    }
                };
                // SAFETY: the caller upholds the contract of this function.
                unsafe { self.convolve(0, from, middle.map(), rows) };
                middle.next = bottom;
            }
            spent[0] += since(start);
            let start = clock();
            let between = Source::Map(middle.source(), self.magnitude(1, &mut middle, [top, bottom]));
            // SAFETY: the caller upholds the contract of this function.
            unsafe { self.convolve(1, between, self.output, [from, to]) };
            spent[1] += since(start);
        }
        spent
    }

    /// The largest magnitude in rows of a window, if int16 needs it.
    fn magnitude(&self, index: usize, window: &mut Window, rows: [usize; 2]) -> f32 {
        match &self.kernels.packed[index] {
            // SAFETY: the window holds the rows.
            Packed::Int16(_) => unsafe {
                dispatch::magnitude(self.kernels.isa, window.source(), window.channels, rows)
            },
            _ => 0.0,
        }
    }

    /// Computes output rows `first..last` of one of the convolutions.
    ///
    /// # Safety
    /// As for the convolution of [`dispatch`].
    unsafe fn convolve(&self, index: usize, input: Source, output: MapMut, [first, last]: [usize; 2]) {
        let (residual, upsampled_addend, width) = (None, None, output.width);
        // SAFETY: the caller upholds the contract of this function.
        unsafe {
            match (&self.kernels.packed[index], input) {
                (Packed::Int16(packed), input) => {
                    let job = Int16Job { packed, input, residual, upsampled_addend, output, first, last };
                    dispatch::convolve_int16(self.kernels.isa, job);
                }
                (Packed::Conv(packed), Source::Map(input, _)) => {
                    let (first, last) = (first * width, last * width);
                    self.kernels.convolve(Job { packed, input, residual, upsampled_addend, output, first, last });
                }
                _ => unreachable!("the stem is two convolutions, and bytes go to int16"),
            }
        }
    }
}
