//! One file per command. `Ok(false)` means: failures, each already named on stderr.

pub mod compare;
pub mod completions;
pub mod convert;
pub mod detect;
pub mod forward;
pub mod plan;
pub mod summary;
pub mod val;
