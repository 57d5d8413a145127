//! One file per command. `Ok(false)` means: failures, each already named on stderr.

pub mod compare;
pub mod completions;
pub mod convert;
#[cfg(feature = "train")]
pub mod data;
pub mod detect;
pub mod forward;
pub mod plan;
pub mod summary;
#[cfg(feature = "train")]
pub mod train;
pub mod val;
