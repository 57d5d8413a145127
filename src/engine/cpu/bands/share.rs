//! How much of a step a thread takes at a time.

/// The size of bands, a multiple of `least`, with which `threads` equal threads are done first with `total`: two bands each,
/// so that cores of unequal speed can share the rest, or one.
pub fn band(total: usize, least: usize, threads: usize) -> usize {
    let (least, threads) = (least.max(1), threads.max(1));
    let sizes = [total / (2 * threads), total.div_ceil(2 * threads), total.div_ceil(threads)];
    let sizes = [sizes[0] / least, sizes[1].div_ceil(least), sizes[2].div_ceil(least)].map(|n| n.max(1) * least);
    sizes.into_iter().min_by_key(|&band| (span(total, band, threads), band)).unwrap_or(total)
}

/// What the thread that has most of it has: threads take bands in turn, the last one may be short.
fn span(total: usize, band: usize, threads: usize) -> usize {
    let before = total.saturating_sub(1) / band;
    let last = total - before * band;
    before / threads * band + if before.is_multiple_of(threads) { last } else { band }
}

#[cfg(test)]
mod tests {
    use super::{band, span};

    #[test]
    fn threads_are_done_together() {
        // 400 pixels by 48: 192 and 208, not 144 and 256.
        assert_eq!((band(400, 48, 2), span(400, 96, 2)), (96, 208));
        assert_eq!(band(20, 1, 2), 5);
        // Ten rows: five each, not three, three, three and one.
        assert_eq!(band(10, 1, 2), 5);
        assert_eq!(band(100, 48, 2), 48);
        assert_eq!(band(3, 4, 2), 4);
        assert_eq!(band(80, 4, 1), 40);
    }

    #[test]
    fn a_band_is_a_multiple_and_never_nothing() {
        for (total, least, threads) in [(1, 1, 1), (7, 4, 16), (6400, 48, 3), (80, 4, 7), (0, 8, 2)] {
            let band = band(total, least, threads);
            assert!(band >= least && band.is_multiple_of(least), "{total} {least} {threads}: {band}");
        }
    }
}
