// The colours of pictures with alpha. The rule is one everywhere (the command line, the page, the GPU): alpha is left out, colours
// stay as they are in the file. A 2D canvas can't give them back; a WebGL texture can.

/** @type {WebGLRenderingContext | null | undefined} */
let gl;

/**
 * The picture's own colours, if `drawn` shows that it has alpha; null if it has none, or they can't be had.
 * @param {ImageBitmap | HTMLImageElement} picture a bitmap has to be made with `premultiplyAlpha: 'none'`
 * @param {Uint8ClampedArray} drawn as a canvas gives them
 * @param {number} width
 * @param {number} height
 * @returns {Promise<Uint8ClampedArray | null>}
 */
export async function opaquePixels(picture, drawn, width, height) {
  if (!hasAlpha(drawn)) return null;
  try {
    const resize = { resizeWidth: width, resizeHeight: height, resizeQuality: /** @type {const} */ ('medium') };
    const own = Math.max(1, 'naturalWidth' in picture ? picture.naturalWidth : picture.width) === width ? {} : resize;
    const bitmap = await createImageBitmap(picture, { premultiplyAlpha: 'none', ...own });
    try {
      return bitmap.width === width && bitmap.height === height ? texels(bitmap) : null;
    } finally {
      bitmap.close();
    }
  } catch {
    return null;
  }
}

function hasAlpha(/** @type {Uint8ClampedArray} */ rgba) {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] !== 255) return true;
  return false;
}

/** What WebGL reads of a bitmap; null without WebGL. */
function texels(/** @type {ImageBitmap} */ bitmap) {
  if (gl === undefined || gl?.isContextLost()) {
    const canvas = typeof OffscreenCanvas === 'undefined' ? document.createElement('canvas') : new OffscreenCanvas(1, 1);
    gl = /** @type {WebGLRenderingContext | null} */ (canvas.getContext('webgl'));
  }
  if (!gl || Math.max(bitmap.width, bitmap.height) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) return null;
  const [texture, frame] = [gl.createTexture(), gl.createFramebuffer()];
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  const rgba = new Uint8ClampedArray(4 * bitmap.width * bitmap.height);
  gl.readPixels(0, 0, bitmap.width, bitmap.height, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(rgba.buffer));
  const failed = gl.getError();
  gl.deleteFramebuffer(frame);
  gl.deleteTexture(texture);
  return failed ? null : rgba;
}
