// stream() ends on every way its source can die, and waits where something may still come. Pictures of an iterable are all looked at.
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

test('the last frame of a paused video is looked at, however late it is taken', options, async () => {
  const seen = await page.evaluate(async () => {
    const video = await globalThis.camera();
    video.pause();
    const frames = [];
    const run = (async () => {
      for await (const _ of globalThis.detector.stream(video)) {
        frames.push(performance.now());
        if (frames.length > 1) return 'looked at';
        // One more frame is shown, and taken while the caller is busy.
        await video.play();
        await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
        video.pause();
        await new Promise((resolve) => setTimeout(resolve, 400));
      }
    })();
    return Promise.race([run, new Promise((resolve) => setTimeout(resolve, 5000, 'waits'))]);
  });
  assert.equal(seen, 'looked at');
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

test('every picture of an iterable comes once, in order, with its time; its frames are closed', options, async () => {
  const seen = await page.evaluate(async () => {
    const { detector } = globalThis;
    const canvas = new OffscreenCanvas(160, 120);
    canvas.getContext('2d').fillRect(0, 0, 9, 9);
    /** Frames at uneven times. */
    const times = [0, 0.04, 0.3, 0.31, 1.25, 1.5];
    let open = 0;
    let most = 0;
    let left = 0;
    async function* frames(many = times.length, broken = false) {
      try {
        for (const time of times.slice(0, many)) {
          const frame = new VideoFrame(canvas, { timestamp: time * 1e6 });
          const shut = frame.close.bind(frame);
          frame.close = () => (frame.format && open--, shut());
          most = Math.max(most, ++open);
          yield frame;
        }
        if (broken) throw new RangeError('the file breaks off');
      } finally {
        left++;
      }
    }
    const all = [];
    for await (const { time, image, width, height, fps, detections } of detector.stream(frames(), { track: true })) {
      all.push([time, image instanceof VideoFrame && image.format !== null, width, height, fps > 0, Array.isArray(detections)]);
    }
    const settled = async () => (await new Promise((resolve) => setTimeout(resolve, 300)), [open, left]);
    const after = await settled();
    // The loop is left, or stopped by the signal, or the iterable fails.
    for await (const { time } of detector.stream(frames())) if (time > 0) break;
    const leaving = await settled();
    const stop = new AbortController();
    let before = 0;
    for await (const _ of detector.stream(frames(), { signal: stop.signal })) if (++before === 2) stop.abort();
    const aborted = await settled();
    let failed = [];
    try {
      for await (const { time } of detector.stream(frames(2, true))) failed.push(time);
    } catch (error) {
      failed.push(error.name);
    }
    // Pictures of other kinds, in a plain list; times of one's own.
    const bitmap = await createImageBitmap(canvas);
    const plain = [];
    for await (const { time, image } of detector.stream([canvas, { image: bitmap, time: 7 }])) plain.push([image.constructor.name, time]);
    const refused = await detector.stream('video.mp4').next().catch(({ code }) => code);
    const wrong = await detector.stream([{ nothing: 1 }]).next().catch(({ code }) => code);
    return { all, most, after, leaving, before, aborted, failed, plain, open: bitmap.width, refused, wrong };
  });
  assert.deepEqual(seen.all, [0, 0.04, 0.3, 0.31, 1.25, 1.5].map((time) => [time, true, 160, 120, true, true]));
  assert.ok(seen.most <= 3, `${seen.most} frames open at once`);
  assert.deepEqual(seen.after, [0, 1]);
  assert.deepEqual(seen.leaving, [0, 2], 'the loop is left');
  assert.deepEqual([seen.before, ...seen.aborted], [2, 0, 3], 'the signal');
  assert.deepEqual(seen.failed, [0, 0.04, 'RangeError']);
  assert.deepEqual(seen.plain, [['OffscreenCanvas', undefined], ['ImageBitmap', 7]].map(([name, time]) => [name, time]));
  assert.equal(seen.open, 160, 'a bitmap is its owner’s to close');
  assert.deepEqual([seen.refused, seen.wrong], ['argument', 'argument']);
});
