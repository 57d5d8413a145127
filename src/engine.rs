//! The plan and its executors.
