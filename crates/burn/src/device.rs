//! Where the network computes.

use burn::tensor::Device;

/// The processor.
pub fn cpu() -> Device {
    Device::flex()
}
