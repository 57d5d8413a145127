//! The networks in Burn.
