// The weights that are part of the package: the first entry of weights/manifest.json (a test compares them).

/** What `Detector.load()` takes without being told. */
export const DEFAULT_WEIGHTS = {
  name: 'yolov5n-ghost-backbone',
  file: 'yolov5n-ghost-backbone.safetensors',
  bytes: 2799374,
  sha256: 'cbd8b8a20f2f5d4b28180541fcf196f714e399cc5db8493b28e7cd15d8200b86',
};
