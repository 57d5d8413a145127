//! Picture in, detections out.

/// A loaded network.
pub struct Detector {}
