//! Object detection with YOLOv5, YOLOv5-Ghost and YOLOv5-Ghost-Backbone: from a YAML and a checkpoint to boxes.
//!
//! The crate reads a model's YAML and counts what the network costs. It loads checkpoints (safetensors, or the `.pt` files of
//! YOLOv5's `train.py`) without running any code in them. It detects objects on the CPU (AVX-512, AVX2, SSE2, NEON,
//! WebAssembly SIMD) or on a GPU.
//!
//! # Detect
//!
//! [`Detector`] takes an image and returns boxes. The command line, the page and the trainer all use it.
//!
//! ```
//! # #[cfg(feature = "decode")] {
//! use ghostdet::detector::{DetectOptions, DetectorOptions};
//! use ghostdet::image::Image;
//! use ghostdet::Detector;
//!
//! let weights = std::fs::read("weights/yolov5n-ghost-backbone.safetensors")?;
//! let detector = Detector::load(&weights, &DetectorOptions::default())?;
//!
//! let photo = Image::decode(&std::fs::read("tests/samples/astronaut.jpg")?)?;
//! let found = detector.detect(&photo, &DetectOptions::default())?;
//! let best = &found.detections[0];
//! assert_eq!(detector.names()[best.class], "person");
//! assert!(best.score > 0.5);
//! let [x1, y1, x2, y2] = best.bounds; // in pixels of the photo
//! assert!(x1 < x2 && y1 < y2 && x2 <= found.width as f32);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To move a threshold without running the network again, keep the result of [`Detector::predict`] and call
//! [`boxes`](detector::Predicted::boxes) with other [`NmsOptions`](detection::NmsOptions).
//!
//! # Count
//!
//! [`model`] needs no weights. Cost and summary equal those that YOLOv5 prints.
//!
//! ```
//! use ghostdet::model::{Config, Cost, builtin};
//!
//! let graph = builtin("yolov5n-ghost").unwrap().graph(None)?;
//! let cost = Cost::of(&graph, false);
//! assert_eq!(cost.parameters, 1_049_217);
//!
//! // Errors in a YAML carry line and column, and the nearest known name.
//! let error = Config::parse("nc: 80\ndepth_multipel: 0.33\n").unwrap_err();
//! assert!(error.place().unwrap().contains("line 2"));
//! assert!(error.to_string().contains("did you mean `depth_multiple`?"));
//! # Ok::<(), ghostdet::Error>(())
//! ```
//!
//! # Load and convert
//!
//! ```
//! use ghostdet::weights::Checkpoint;
//!
//! let bytes = std::fs::read("weights/yolov5n-ghost-backbone.safetensors")?;
//! let mut checkpoint = Checkpoint::load(&bytes)?; // `.pt` works, too
//! checkpoint.fold()?; // batch norm into the convolutions
//! let half = checkpoint.to_safetensors(true)?; // fp16
//! assert!(half.len() < 3_000_000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Train
//!
//! Training lives in the crate `ghostdet-train`, which runs the same networks on [Burn](https://burn.dev)'s automatic
//! differentiation (crate `ghostdet-burn`). Its documentation has an example. The files it writes load here.
//!
//! # The way of the data
//!
//! ```text
//! model.yaml -> rows -> graph -> cost, summary, comparison      (model)
//!                         |
//! checkpoint -> named tensors, batch norm folded  (weights) -> plan -> executor  (engine)
//!                                                                  |
//! photo -> pixels -> letterbox  (image) ----------------------> candidates -> boxes  (detection)
//! ```
//!
//! # Shapes and units
//!
//! - Sizes of images and maps are `[height, width]` in pixels, unless a name says otherwise.
//! - An [`Image`](image::Image) is 8-bit RGB, rows from the top. A network's input is channels last, `(height, width, 3)`,
//!   with values from 0 to 1.
//! - A box is `[x1, y1, x2, y2]` in pixels of the original image after EXIF orientation. Scores are from 0 to 1.
//! - Weights are row-major as in PyTorch: `(outputs, inputs / groups, height, width)`.
//! - Times are milliseconds.
//!
//! # Features
//!
//! | feature | what it adds | price |
//! |---|---|---|
//! | `decode` | `Image::decode`: JPEG, PNG, WebP, BMP, GIF, TIFF | the crate `image` |
//! | `gpu` | the GPU executor: WebGPU in the browser; Vulkan, Metal, DirectX natively | the crate `wgpu` |
//! | `relaxed-simd` | fused multiply-add in WebAssembly | browsers without relaxed SIMD refuse the module |
//! | `wasm-threads` | threads in WebAssembly | only for the build that `xtask wasm-threads` makes |
//!
//! # Processors and threads
//!
//! The widest instruction set of the processor is chosen at run time. `GHOSTDET_SIMD` (`vnni`, `avx512`, `avx2`, `base`)
//! selects a narrower one. On x86, dense convolutions use 16-bit integers where that is faster;
//! `GHOSTDET_PRECISION=float` selects floats. A run uses rayon's threads, at most 16; `RAYON_NUM_THREADS` sets their number. Results
//! do not depend on the number of threads.
//!
//! # Errors and foreign files
//!
//! Every function that can fail returns [`Result`] with the crate's one [`Error`]: a stable [`kind`](Error::kind), a message, a
//! place and often a hint. Foreign input (YAML, checkpoints, images, labels) never panics, runs no code and takes no memory beyond
//! stated bounds, for example [`weights::limits`]. A network that computes NaN is an error of kind
//! [`ErrorKind::Numeric`], not a box.

pub mod data;
pub mod detection;
pub mod detector;
pub mod engine;
mod error;
pub mod image;
pub mod model;
pub mod text;
pub mod tracking;
pub mod weights;

pub use detector::Detector;
pub use error::{Error, ErrorKind, Result};

/// The README's example, compiled with the documentation's.
#[cfg(all(doctest, feature = "decode"))]
#[doc = include_str!("../README.md")]
struct Readme;
