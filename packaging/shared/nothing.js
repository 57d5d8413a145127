// Stands in for detect.js, to see how large an app's output is without the package.
export async function show(photo) {
  globalThis.packaging = { photo };
}
