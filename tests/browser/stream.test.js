// stream() ends on every way its source can die, and waits where something may still come.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, launch, open, server, weights, withPage } from './helper.js';

let page;
withPage(async () => {
  page = await open(browser, server.address);
  await page.evaluate(async () => {
    const { Detector } = await import('/lib/index.js');
    globalThis.detector = await Detector.load({ device: 'cpu', size: 64 });
    /** A canvas whose picture changes, as a camera. */
    globalThis.camera = async () => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 160, height: 120 });
      const context = canvas.getContext('2d');
      let turn = 0;
      setInterval(() => {
        context.fillStyle = `hsl(${(turn += 20)} 60% 50%)`;
        context.fillRect(0, 0, 160, 120);
      }, 30);
      const video = Object.assign(document.createElement('video'), { muted: true, playsInline: true });
      video.srcObject = canvas.captureStream(25);
      document.body.append(video);
      await video.play();
      return video;
    };
    /** How the loop over `video` comes to its end, after `change` at the third frame. */
    globalThis.follow = async (video, change = (/** @type {any} */ _) => {}, limit = 6000, options = {}) => {
      let frames = 0;
      const run = (async () => {
        try {
          for await (const _ of globalThis.detector.stream(video, options)) if (++frames === 3) change(video);
          return 'ended';
        } catch (error) {
          return `${error.name}, ${error.code}`;
        }
      })();
      return Promise.race([run, new Promise((resolve) => setTimeout(resolve, limit, 'waits'))]);
    };
  });
});

const options = { skip: weights() ? false : 'no weights' };

const DEATHS = {
  'the track is stopped': (video) => video.srcObject.getTracks().forEach((track) => track.stop()),
  'the source is taken away': (video) => (video.srcObject = null),
  'the source is taken away late': (video) => setTimeout(() => (video.srcObject = null), 700),
  'the track leaves the stream': (video) => video.srcObject.removeTrack(video.srcObject.getVideoTracks()[0]),
  'the element is removed': (video) => video.remove(),
  'the element is removed with its source': (video) => (video.remove(), (video.srcObject = null)),
  'the page around it is cleared': () => document.body.replaceChildren(),
};

for (const [name, change] of Object.entries(DEATHS)) {
  test(`ends when ${name}`, options, async () => {
    const how = await page.evaluate(`camera().then((video) => follow(video, ${change}))`);
    assert.equal(how, 'ended');
  });
}

test('a file that is missing, is a page, or is no video: an error', options, async () => {
  await page.route('**/a-page.mp4', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }));
  await page.route('**/noise.mp4', (route) => route.fulfill({ contentType: 'video/mp4', body: Buffer.alloc(5000, 7) }));
  const how = await page.evaluate(async () => {
    const file = (src) => {
      const video = Object.assign(document.createElement('video'), { src, muted: true });
      video.play().catch(() => {});
      return globalThis.follow(video);
    };
    const inside = document.createElement('video');
    inside.append(Object.assign(document.createElement('source'), { src: '/none.webm', type: 'video/webm' }));
    inside.play().catch(() => {});
    return Promise.all([file('/none.mp4'), file('/a-page.mp4'), file('/noise.mp4'), globalThis.follow(inside)]);
  });
  assert.deepEqual(how, Array(4).fill('GhostdetError, picture'));
});

test('a source that is exchanged, paused or not there yet: the stream waits', options, async () => {
  const how = await page.evaluate(async () => {
    const [first, second, paused, moved] = await Promise.all([globalThis.camera(), globalThis.camera(), globalThis.camera(), globalThis.camera()]);
    const exchange = (video) => {
      video.srcObject.getTracks().forEach((track) => track.stop());
      video.srcObject = second.srcObject;
      video.play();
    };
    const move = (video) => {
      const box = document.createElement('div');
      document.body.append(box);
      box.append(video);
      video.play();
    };
    const signal = AbortSignal.timeout(3000);
    return Promise.all([
      globalThis.follow(first, exchange, 1500),
      globalThis.follow(paused, (video) => video.pause(), 1500),
      globalThis.follow(moved, move, 1500),
      globalThis.follow(document.createElement('video'), undefined, 1500),
      globalThis.follow(document.createElement('video'), undefined, 6000, { signal }),
    ]);
  });
  assert.deepEqual(how, ['waits', 'waits', 'waits', 'waits', 'ended']);
});

test('ends when the permission for the camera is taken back', options, async () => {
  // The other browser answers every question for its user, and goes on doing so.
  const asking = await launch({ askForCamera: true });
  try {
    const own = await open(asking, server.address);
    await own.evaluate(async () => {
      const { Detector } = await import('/lib/index.js');
      const detector = await Detector.load({ device: 'cpu', size: 64 });
      const srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240 } });
      const video = Object.assign(document.createElement('video'), { muted: true, playsInline: true, srcObject });
      await video.play();
      globalThis.how = 'runs';
      (async () => {
        for await (const _ of detector.stream(video));
        globalThis.how = 'ended';
      })();
    });
    await own.waitForTimeout(500);
    assert.equal(await own.evaluate(() => globalThis.how), 'runs');
    await own.context().clearPermissions();
    const session = await own.context().newCDPSession(own);
    const origin = server.address.replace(/\/$/, '');
    await session.send('Browser.setPermission', { permission: { name: 'camera' }, setting: 'denied', origin });
    await own.waitForFunction(() => globalThis.how === 'ended', null, { timeout: 10_000 });
  } finally {
    await asking.close();
  }
});
