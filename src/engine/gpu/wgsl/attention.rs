//! Attention over all pixels of a map.

use super::{ElementLayout, constants, entry_of_run, header};

/// Attention of each pixel to all others, by scalars. The input holds queries, keys and values, `channels` each. The softmax
/// takes one pass over the keys (Milakov and Gimelshein 2018).
pub fn attention(channels: usize, heads: usize) -> String {
    header(ElementLayout::Scalar)
        + &constants(&[("CHANNELS", channels), ("PER_HEAD", channels / heads.max(1))])
        + include_str!("attention.wgsl")
        + &entry_of_run()
}
