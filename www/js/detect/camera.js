// Which camera, and what it can do.
import { app } from '../app.js';

/** Why there is no camera, as a key of the page's words. */
export function problem(/** @type {any} */ error) {
  const keys = {
    NotAllowedError: 'camera_denied', SecurityError: 'camera_denied', NotFoundError: 'camera_none', OverconstrainedError: 'camera_none',
    NotReadableError: 'camera_taken', AbortError: 'camera_taken', InsecureError: 'camera_insecure',
  };
  return keys[error?.name] ?? 'camera_failed';
}

/** The cameras, as far as the browser tells them: with names once one was allowed. */
export async function list() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return devices.filter((device) => device.kind === 'videoinput' && device.deviceId);
}

/**
 * Opens a camera: that one, else the one used last, else the one that looks away from the user.
 * @param {string} [deviceId]
 */
export async function open(deviceId = app.recall('camera') ?? '') {
  if (!navigator.mediaDevices?.getUserMedia) throw Object.assign(new Error('no https'), { name: 'InsecureError' });
  const size = { width: { ideal: 1280 }, height: { ideal: 720 } };
  const ask = (which) => navigator.mediaDevices.getUserMedia({ video: { ...size, ...which }, audio: false });
  const rear = { facingMode: { ideal: 'environment' } };
  if (!deviceId) return ask(rear);
  try {
    return await ask({ deviceId: { exact: deviceId } });
  } catch (error) {
    // The remembered camera is not plugged in today.
    if (!['OverconstrainedError', 'NotFoundError'].includes(error.name)) throw error;
    app.remember('camera', null);
    return ask(rear);
  }
}

/** Whether a camera faces its user: its picture is mirrored. One that does not tell is a laptop's, unless its name says otherwise. */
export function facesUser(/** @type {MediaStreamTrack} */ track) {
  const { facingMode } = track.getSettings();
  return facingMode ? facingMode === 'user' : !/back|rear|environment|world/i.test(track.label);
}

/** Opens a screen, a window or a tab. */
export const openScreen = () => navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 30 } }, audio: false });

/** Light and zoom where the camera has them, as controls in `root`. */
export function offerAbilities(/** @type {MediaStreamTrack | null} */ track) {
  const torch = /** @type {HTMLButtonElement} */ (document.getElementById('torch'));
  const zoom = /** @type {HTMLInputElement} */ (document.getElementById('camera-zoom'));
  /** @type {any} */
  const able = track?.getCapabilities?.() ?? {};
  const apply = (wish) => track.applyConstraints({ advanced: [wish] }).catch(() => {});
  torch.hidden = !able.torch;
  torch.setAttribute('aria-pressed', 'false');
  torch.onclick = () => {
    const on = torch.getAttribute('aria-pressed') !== 'true';
    torch.setAttribute('aria-pressed', String(on));
    apply({ torch: on });
  };
  zoom.parentElement.hidden = !(able.zoom?.max > able.zoom?.min);
  if (zoom.parentElement.hidden) return;
  const { min, max, step } = able.zoom;
  /** @type {any} */
  const { zoom: now } = track.getSettings();
  Object.assign(zoom, { min, max, step: step || (max - min) / 50, value: now ?? min });
  zoom.oninput = () => apply({ zoom: Number(zoom.value) });
}
