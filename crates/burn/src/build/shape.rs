//! The numbers of convolutions and pools, checked.

use burn::tensor::ops::MaxPoolOptions;

use ghostdet::{Error, ErrorKind, Result};

/// The largest kernel, stride, scale … that is taken for meant.
pub(super) const LARGEST: usize = 256;

/// A convolution's numbers.
pub(super) struct Shape {
    pub(super) c1: usize,
    pub(super) c2: usize,
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) padding: [usize; 2],
    pub(super) dilation: usize,
    pub(super) groups: usize,
}

impl Shape {
    /// A square kernel, padded so that stride 1 keeps the size.
    pub(super) fn square(c1: usize, c2: usize, kernel: usize, stride: usize) -> Self {
        Self::oblong(c1, c2, [kernel; 2], [stride; 2])
    }

    pub(super) fn oblong(c1: usize, c2: usize, kernel: [usize; 2], stride: [usize; 2]) -> Self {
        Self { c1, c2, kernel, stride, padding: kernel.map(|k| k / 2), dilation: 1, groups: 1 }
    }

    pub(super) fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    pub(super) fn depthwise(self) -> Self {
        let groups = gcd(self.c1, self.c2);
        self.groups(groups)
    }

    pub(super) fn check(&self) -> Result<()> {
        let sides = self.kernel.iter().chain(&self.stride).all(|&side| (1..=LARGEST).contains(&side));
        let edges = self.padding.iter().all(|&side| side <= LARGEST);
        let dilation = (1..=LARGEST).contains(&self.dilation);
        let groups = self.groups > 0 && self.c1.is_multiple_of(self.groups) && self.c2.is_multiple_of(self.groups);
        if self.c1 > 0 && self.c2 > 0 && dilation && sides && edges && groups {
            return Ok(());
        }
        let Self { c1, c2, kernel, stride, groups, .. } = self;
        Err(Error::new(
            ErrorKind::Config,
            format!("no convolution has {c1} to {c2} channels, kernel {kernel:?}, stride {stride:?}, groups {groups}"),
        ))
    }
}

/// A max pool.
pub(super) fn pool(kernel: usize, stride: usize, padding: usize) -> Result<MaxPoolOptions<2>> {
    let bounded = (1..=LARGEST).contains(&kernel) && (1..=LARGEST).contains(&stride);
    if !bounded || padding > kernel / 2 {
        return Err(Error::new(
            ErrorKind::Config,
            format!("no pool has kernel {kernel}, stride {stride}, padding {padding}"),
        )
        .hint("the padding may be half the kernel at most"));
    }
    Ok(MaxPoolOptions::new([kernel; 2]).with_stride([stride; 2]).with_padding([padding; 2]))
}

/// A scale or gain.
pub(super) fn positive(value: usize, what: &str) -> Result<usize> {
    if (1..=LARGEST).contains(&value) {
        return Ok(value);
    }
    Err(Error::new(ErrorKind::Config, format!("the {what} is {value}, it must be 1 to {LARGEST}")))
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
