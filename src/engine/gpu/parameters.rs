//! What a shader is told at each dispatch.

/// Declares the parameters once: the struct that is uploaded, and its fields in WGSL.
macro_rules! parameters {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ident,)+) => {
        /// The parameters of all shaders. Each shader reads those it needs; the others are 0. Its bytes are those of the WGSL
        /// struct `P` (see [`WGSL_FIELDS`]).
        ///
        /// Places are in elements from the begin of the buffer of activations, or of the weights. Maps whose elements are single
        /// channels begin at `…_at`, and `…_off` channels inside; for blocks of four channels `…_at` holds both.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
        pub struct Parameters {
            $($(#[doc = $doc])+ pub $name: $kind,)+
        }

        /// The fields of [`Parameters`] in WGSL.
        pub const WGSL_FIELDS: &str = concat!($("  ", stringify!($name), ": ", stringify!($kind), ",\n",)+);
    };
}

parameters! {
    /// Threads that have something to do.
    threads: u32,
    /// Where the input begins.
    in_at: u32,
    /// Channels before it.
    in_off: u32,
    /// Its height.
    in_h: u32,
    /// Its width.
    in_w: u32,
    /// Its elements per pixel.
    in_c: u32,
    /// Where the output begins.
    out_at: u32,
    /// Channels before it.
    out_off: u32,
    /// Its height.
    out_h: u32,
    /// Its width.
    out_w: u32,
    /// Its elements per pixel.
    out_c: u32,
    /// Where the residual begins.
    res_at: u32,
    /// Channels before it.
    res_off: u32,
    /// Where the smaller map begins that is added, upsampled, before the activation.
    addend_at: u32,
    /// Its width.
    addend_w: u32,
    /// Its pixels.
    addend_hw: u32,
    /// Where the output of the second of several fused operations begins.
    second_out_at: u32,
    /// The third's.
    third_out_at: u32,
    /// Where the second's residual begins.
    second_res_at: u32,
    /// Where the second's weights begin.
    second_weights_at: u32,
    /// The detect level.
    level: u32,
    /// The objectness threshold, a logit.
    threshold: f32,
    /// The word of the results where the list of cells begins.
    list_at: u32,
    /// The word of the results where the cells' outputs begin.
    rows_at: u32,
    /// The letterbox's border on the left, in pixels.
    border_left: u32,
    /// The letterbox's border above, in pixels.
    border_top: u32,
}
