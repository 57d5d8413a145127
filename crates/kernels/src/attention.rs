//! Attention over all pixels of a map.

use crate::{Map, MapMut};

/// The pixels of rows `first..last`: for each and for every head, the softmax of the products of its query with all keys
/// weighs the values. The input holds queries, keys and values, as many channels each as the output has.
///
/// # Safety
/// The maps are valid and of one size; the output's rows belong to the caller alone.
#[inline(always)]
pub unsafe fn attention(input: Map, output: MapMut, heads: usize, [first, last]: [usize; 2]) {
    let channels = output.channels;
    let each = channels / heads;
    let pixels = input.height * input.width;
    // SAFETY: `at` is below the number of pixels, which all have three times the channels.
    let part = |at: usize, which: usize, head: usize| unsafe {
        let pixel = input.pixel(at / input.width, at % input.width, 3 * channels);
        &pixel[which * channels + head * each..][..each]
    };
    let mut weights = vec![0.0_f32; pixels];
    for query in first * input.width..last * input.width {
        // SAFETY: the query lies in the caller's rows.
        let to = unsafe { output.pixel(query / input.width, query % input.width) };
        for head in 0..heads {
            let wanted = part(query, 0, head);
            let mut largest = f32::NEG_INFINITY;
            for (key, weight) in weights.iter_mut().enumerate() {
                *weight = wanted.iter().zip(part(key, 1, head)).map(|(a, b)| a * b).sum();
                largest = largest.max(*weight);
            }
            let mut total = 0.0;
            for weight in &mut weights {
                *weight = (*weight - largest).exp();
                total += *weight;
            }
            let to = &mut to[head * each..][..each];
            to.fill(0.0);
            for (key, weight) in weights.iter().enumerate() {
                let share = weight / total;
                to.iter_mut().zip(part(key, 2, head)).for_each(|(sum, value)| *sum += share * value);
            }
        }
    }
}
