// The weights that are part of the package: the first entry of weights/manifest.json (a test compares them).

/** What `Detector.load()` takes without being told. */
export const DEFAULT_WEIGHTS = {
  name: 'yolov5n-ghost-backbone',
  file: 'yolov5n-ghost-backbone.safetensors',
  bytes: 2799398,
  sha256: '27ff75a3487ead842c2b3bc95d4956628a61ebce1b51ca139abb0da4b33de4a5',
};
