//! The two ends of the network: the image in, the cells worth a look out.

use super::{ElementLayout, GROUP, constants, entry_of_run, header};

/// Words before the lists in the buffer of results: a count per level, and the run's number.
pub const HEADER: usize = 16;

/// The run's number among them.
pub const FRAME: usize = HEADER - 1;

/// Cells kept a level; more than that and the whole maps are read instead.
pub const MAX_CANDIDATES: usize = 512;

/// The letterboxed image's bytes to one block a pixel, 0 to 1.
pub fn input(element: ElementLayout) -> String {
    header(element) + include_str!("input.wgsl") + &entry_of_run()
}

/// A map of `in_c` channels as planes of fp32 (NCHW) to blocks.
pub fn from_planes(element: ElementLayout) -> String {
    header(element) + include_str!("from_planes.wgsl") + &entry_of_run()
}

/// A map in blocks to planes of fp32 (NCHW).
pub fn to_planes(element: ElementLayout) -> String {
    header(element) + include_str!("to_planes.wgsl") + &entry_of_run()
}

/// An image in a texture, scaled and padded into the input: the fixed-point bilinear of `image::resize`. `in_w`, `in_h`: the
/// scaled image.
pub fn letterbox(element: ElementLayout) -> String {
    header(element) + include_str!("letterbox.wgsl") + &entry_of_run()
}

/// Objectness of every cell and anchor of a level, and the list of those above the threshold: everything else of a cell
/// below the threshold can't become a box (score = objectness x class), so it is never computed.
pub fn objectness(element: ElementLayout, anchors: usize, outputs: usize) -> String {
    header(element) + &head(anchors, outputs) + include_str!("objectness.wgsl") + &entry_of_run()
}

/// All outputs of the listed cells.
pub fn candidates(element: ElementLayout, anchors: usize, outputs: usize) -> String {
    header(element)
        + &head(anchors, outputs)
        + &constants(&[("GROUP", GROUP as usize)])
        + include_str!("candidates.wgsl")
}

fn head(anchors: usize, outputs: usize) -> String {
    constants(&[("ANCHORS", anchors), ("OUTPUTS", outputs), ("MAX_CANDIDATES", MAX_CANDIDATES)])
}
