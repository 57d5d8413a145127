//! Other data sets as YOLO folders: `images/{train,val}`, `labels/{train,val}`, `data.yaml`.
//!
//! What is wrong with an annotation is named with its file (and line, where there is one) in [`Report::warnings`] and
//! left out. Nothing is ever written outside of the target folder, whatever names the data set has: pictures get names
//! of harmless letters. All is written into a fresh folder beside the target, which takes the target's place at the end:
//! a conversion that fails leaves nothing behind.

mod coco;
mod folders;
mod split;
mod subset;
mod voc;

use std::path::PathBuf;

pub use coco::coco;
pub use split::Validation;
pub use subset::{Cut, subset};
pub use voc::{Voc, voc};

/// Where and how a data set is written.
#[derive(Clone, Debug)]
pub struct Target {
    /// The folder: new, or empty, or an older conversion if `force` is set.
    pub out: PathBuf,
    /// Replaces an older conversion. Folders with anything else in them are never replaced.
    pub force: bool,
    /// Which pictures are for validation.
    pub validation: Validation,
    /// Copies pictures even where a hard link would do.
    pub copy: bool,
}

/// What was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Pictures to train on.
    pub train: usize,
    /// Pictures to validate on.
    pub val: usize,
    /// Boxes in both.
    pub boxes: usize,
    /// Boxes that were left out.
    pub left_out: usize,
    /// Class names.
    pub names: Vec<String>,
    /// The new `data.yaml`.
    pub yaml: PathBuf,
    /// Everything that was wrong.
    pub warnings: Vec<String>,
}
