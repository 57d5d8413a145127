// What `<ghost-detector>` reads from its attributes.

/** A number, or undefined where there is none. */
export function numberOf(/** @type {string | null} */ text) {
  return text === null || text.trim() === '' ? undefined : Number(text);
}

/**
 * The attributes as options. `load`: those of `Detector.load`, as a text; `look`: those of `detect`.
 * @param {HTMLElement} element
 */
export function elementOptions(element) {
  const get = (/** @type {string} */ name) => element.getAttribute(name) ?? undefined;
  const model = get('model');
  // Relative addresses are the page's. A name without a dot or slash is one of the package's own weights.
  const address = model && /[./]/.test(model) ? new URL(model, element.baseURI).href : model;
  const load = JSON.stringify({ model: address, device: get('device'), size: numberOf(element.getAttribute('size')) });
  const classes = get('classes')?.split(',').map((one) => one.trim()).filter(Boolean).map((one) => (/^\d+$/.test(one) ? Number(one) : one));
  const look = { conf: numberOf(element.getAttribute('conf')), iou: numberOf(element.getAttribute('iou')), classes };
  const given = Object.fromEntries(Object.entries(look).filter(([, value]) => value !== undefined));
  /** @type {import('./index.d.ts').StreamOptions} */
  const options = element.hasAttribute('track') ? { ...given, track: true } : given;
  return { load, look: options, source: { src: get('src'), camera: get('camera'), alt: get('alt') ?? '' } };
}

/** What kind of element shows the source. */
export function mediaKind(/** @type {string | undefined} */ src, /** @type {string | undefined} */ camera) {
  if (camera !== undefined) return 'camera';
  if (!src) return '';
  return /\.(mp4|m4v|webm|mov|ogv|mkv)([?#]|$)/i.test(src) ? 'video' : 'image';
}

/** Tells who listens. Events don't bubble: those of a page with several elements are told apart by their element. */
export function dispatch(/** @type {HTMLElement} */ element, /** @type {string} */ name, /** @type {any} */ detail) {
  element.dispatchEvent(new CustomEvent(name, { detail }));
}
