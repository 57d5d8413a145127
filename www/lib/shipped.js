// The weights that are part of the package: the first entry of weights/manifest.json (a test compares them).

/** What `Detector.load()` takes without being told. */
export const DEFAULT_WEIGHTS = {
  name: 'yolov5n-ghost-backbone',
  file: 'yolov5n-ghost-backbone.safetensors',
  bytes: 2799398,
  sha256: 'd7c63da9de1b62732eb1a181c8a4a6da87c58413171a50bee170a1397235bd3d',
};
