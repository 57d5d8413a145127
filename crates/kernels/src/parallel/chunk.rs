//! The size of the chunks that threads take from an operation.

/// The chunk size, a multiple of `grain`, with which `threads` equal threads finish `total` first.
///
/// Each thread gets two chunks, so that cores of unequal speed can share the rest, or one.
pub fn chunk_size(total: usize, grain: usize, threads: usize) -> usize {
    let (grain, threads) = (grain.max(1), threads.max(1));
    let sizes = [total / (2 * threads), total.div_ceil(2 * threads), total.div_ceil(threads)];
    let sizes = [sizes[0] / grain, sizes[1].div_ceil(grain), sizes[2].div_ceil(grain)].map(|n| n.max(1) * grain);
    sizes.into_iter().min_by_key(|&size| (makespan(total, size, threads), size)).unwrap_or(total)
}

/// The work of the busiest thread when threads take chunks in turn. The last chunk may be short.
fn makespan(total: usize, chunk: usize, threads: usize) -> usize {
    let before = total.saturating_sub(1) / chunk;
    let last = total - before * chunk;
    before / threads * chunk + if before.is_multiple_of(threads) { last } else { chunk }
}

#[cfg(test)]
mod tests {
    use super::{chunk_size, makespan};

    #[test]
    fn threads_finish_together() {
        // 400 pixels in chunks of a multiple of 48: 192 and 208, not 144 and 256.
        assert_eq!((chunk_size(400, 48, 2), makespan(400, 96, 2)), (96, 208));
        assert_eq!(chunk_size(20, 1, 2), 5);
        // Ten rows: five for each thread, not three, three, three and one.
        assert_eq!(chunk_size(10, 1, 2), 5);
        assert_eq!(chunk_size(100, 48, 2), 48);
        assert_eq!(chunk_size(3, 4, 2), 4);
        assert_eq!(chunk_size(80, 4, 1), 40);
    }

    #[test]
    fn a_chunk_is_a_multiple_of_the_grain_and_never_empty() {
        for (total, grain, threads) in [(1, 1, 1), (7, 4, 16), (6400, 48, 3), (80, 4, 7), (0, 8, 2)] {
            let chunk = chunk_size(total, grain, threads);
            assert!(chunk >= grain && chunk.is_multiple_of(grain), "{total} {grain} {threads}: {chunk}");
        }
    }
}
