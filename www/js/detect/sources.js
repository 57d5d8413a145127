// Where pictures come from: camera, files, drag and drop, paste, samples.
const video = /** @type {HTMLVideoElement} */ (document.getElementById('video'));
let stream = null;
let facing = 'user';

/** Starts the camera, or goes to the other one. Resolves to whether the picture wants mirroring. */
export async function startCamera(other = false) {
  stopCamera();
  if (!navigator.mediaDevices?.getUserMedia) throw new Error('this page is not on https or localhost');
  if (other) facing = facing === 'user' ? 'environment' : 'user';
  const wish = { facingMode: { ideal: facing }, width: { ideal: 1280 }, height: { ideal: 720 } };
  stream = await navigator.mediaDevices.getUserMedia({ video: wish, audio: false });
  video.srcObject = stream;
  await video.play();
  const settings = stream.getVideoTracks()[0].getSettings();
  return (settings.facingMode ?? facing) === 'user';
}

/** Lets the camera go. */
export function stopCamera() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  video.srcObject = null;
}

/** Whether there is a second camera to go to. */
export async function severalCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((device) => device.kind === 'videoinput').length > 1;
}

/** Hands every file that is chosen, dropped or pasted to `open`. */
export function listen(open) {
  const input = /** @type {HTMLInputElement} */ (document.getElementById('file'));
  document.getElementById('upload').addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    if (input.files.length) open([...input.files]);
    input.value = '';
  });

  const sign = document.getElementById('dropping');
  let depth = 0;
  const files = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
  window.addEventListener('dragenter', (event) => {
    if (files(event) && ++depth) sign.hidden = false;
  });
  window.addEventListener('dragleave', (event) => {
    if (files(event) && --depth <= 0) sign.hidden = !(depth = 0);
  });
  window.addEventListener('dragover', (event) => event.preventDefault());
  window.addEventListener('drop', (event) => {
    event.preventDefault();
    depth = 0;
    sign.hidden = true;
    if (event.dataTransfer?.files.length) open([...event.dataTransfer.files]);
  });
  window.addEventListener('paste', (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (pasted.length) open(pasted);
  });
}

const SAMPLES = [
  ['astronaut.jpg', 'An astronaut'],
  ['cat.jpg', 'A cat'],
  ['coffee.jpg', 'A cup of coffee'],
  ['lifeboat.jpg', 'A lifeboat with its crew'],
];

/** Buttons with the sample photos. */
export function offerSamples(open) {
  const row = document.getElementById('samples');
  for (const [file, title] of SAMPLES) {
    const button = document.createElement('button');
    button.type = 'button';
    button.dataset.sample = file;
    const image = document.createElement('img');
    image.src = `samples/${file}`;
    image.alt = title;
    image.loading = 'lazy';
    button.append(image);
    button.addEventListener('click', () => open(image.src, title, button));
    row.append(button);
  }
}

/** Marks the chosen sample, or none. */
export function markSample(chosen) {
  for (const button of document.querySelectorAll('#samples button')) {
    button.setAttribute('aria-pressed', String(button === chosen));
  }
}
