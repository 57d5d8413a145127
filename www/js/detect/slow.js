// "Why is it slow here?": what this browser and device lack, and what helps.
import { SOFTWARE } from '../../lib/burn.js';
import { app } from '../app.js';
import { onLanguage, t } from '../text.js';

const list = document.getElementById('slow-list');
/** @type {any} */
let battery = null;

/** Reasons as keys of the page's words, the weightiest first. */
function reasons() {
  const { info, size } = app.detector ?? {};
  if (!info) return [];
  const { device } = info;
  const found = [];
  if (device.kind === 'cpu') {
    if (device.reasonCode === 'webgpu-not-built') found.push('slow_not_built');
    else if (!('gpu' in navigator) || device.reasonCode === 'no-webgpu') found.push(window.isSecureContext ? 'slow_no_webgpu' : 'slow_insecure');
    else if (device.reasonCode === 'software-webgpu') found.push('slow_software');
    if (device.threads === 1 && navigator.hardwareConcurrency > 1) found.push('slow_threads');
  } else if (SOFTWARE.test(device.gpu)) found.push('slow_software');
  if (battery && !battery.charging) found.push('slow_battery');
  if (size > 320) found.push('slow_size');
  if (info.gflops > 8) found.push('slow_network');
  if (app.isBusy()) found.push('slow_heat');
  return found;
}

export function write() {
  const found = reasons();
  list.replaceChildren(...(found.length ? found : ['slow_nothing']).map((key) => {
    const item = document.createElement('li');
    item.textContent = t(key, { size: app.detector?.size, model: app.detector?.info.model });
    return item;
  }));
}

export function listen() {
  /** @type {any} */ (navigator).getBattery?.().then((found) => {
    battery = found;
    battery.addEventListener('chargingchange', write);
    write();
  }, () => {});
  document.getElementById('slow').addEventListener('toggle', write);
  onLanguage(write);
}
