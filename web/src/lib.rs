//! Browser interface.
