// Tracks in the npm module: constant numbers and right counts on moving pictures with known motion.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, open, serve } from './helper.js';

let server;
let browser;
let page;
before(async () => {
  server = await serve();
  browser = await launch();
  page = await open(browser, server.address);
  await page.evaluate(async () => {
    const { Detector } = await import('./lib/index.js');
    const image = new Image();
    image.src = 'samples/astronaut.jpg';
    await image.decode();
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: 704, height: 480 });
    const context = canvas.getContext('2d');
    /** A person whose left edge is at x. */
    const show = (x) => {
      context.fillStyle = 'rgb(114 114 114)';
      context.fillRect(0, 0, 704, 480);
      if (x !== null) context.drawImage(image, x, 40, 400, 400);
    };
    const detector = await Detector.load({ device: 'cpu' });
    // The best box of a person: whatever else is found does not matter.
    const people = { classes: ['person'], conf: 0.4, maxDetections: 1 };
    // Drawn upwards, so right is in.
    const line = { name: 'door', start: [350, 480], end: [350, 0] };
    const zone = { points: [[400, 0], [704, 0], [704, 480], [400, 480]] };
    /** The code and the message of an error. */
    const refused = (task) => task().then(() => 'no error', ({ code, message }) => `${code}: ${message}`);
    Object.assign(globalThis, { lab: { Detector, detector, canvas, context, show, people, line, zone, refused } });
  });
});
after(async () => {
  await browser?.close();
  server?.close();
});

test('single pictures in order have constant tracks, counts and trails', async () => {
  const found = await page.evaluate(async () => {
    const { detector, canvas, show, people, line, zone } = globalThis.lab;
    const tracker = detector.tracker();
    const frames = [];
    for (let frame = 0; frame < 10; frame++) {
      show(32 * frame);
      frames.push(await tracker.detect(canvas, { ...people, lines: [line], zones: [zone], trails: 4, time: frame / 30 }));
    }
    // The video begins again: other numbers, the counts stay.
    show(0);
    const again = await tracker.detect(canvas, { ...people, lines: [line], zones: [zone], time: 0 });
    // The line is dragged over the person: not a crossing.
    const moved = { ...line, start: [100, 480], end: [100, 0] };
    const dragged = await tracker.detect(canvas, { ...people, lines: [moved], time: 0.1 });
    const other = detector.tracker();
    const fresh = await other.detect(canvas, { ...people, lines: [line] });
    other.dispose();
    tracker.dispose();
    return { frames, again, dragged, fresh };
  });
  for (const [i, { detections }] of found.frames.entries()) {
    assert.deepEqual(detections.map(({ track, label }) => [track, label]), [[1, 'person']], `frame ${i}`);
    const { box, score } = detections[0];
    assert.ok(score > 0.4 && box.x > 32 * i - 40 && box.x + box.width < 32 * i + 440, JSON.stringify(box));
  }
  const { counts, trails } = found.frames.at(-1);
  assert.deepEqual(counts, {
    lines: [{ name: 'door', in: 1, out: 0, classes: { person: { in: 1, out: 0 } } }],
    zones: [{ name: 'zone 1', in: 1, out: 0, inside: 1, classes: { person: { in: 1, out: 0, inside: 1 } } }],
  });
  assert.equal(trails.length, 1);
  const [{ track, label, seen, points }] = trails;
  assert.deepEqual([track, label, seen, points.length], [1, 'person', true, 4]);
  assert.ok(points.every(([x], i) => i === 0 || Math.abs(x - points[i - 1][0] - 32) < 16), JSON.stringify(points));
  assert.deepEqual(found.again.detections.map((one) => one.track), [2]);
  assert.equal(found.again.counts.lines[0].in, 1);
  assert.deepEqual(found.dragged.counts, { lines: found.again.counts.lines, zones: [] });
  assert.deepEqual(found.fresh.detections.map((one) => one.track), [1]);
  assert.equal(found.fresh.counts.lines[0].in, 0);
});

test('a stream has constant tracks and right counts, and its options may change', async () => {
  const found = await page.evaluate(async () => {
    const { detector, canvas, show, people, line } = globalThis.lab;
    // A frame is shown when the last one is through, so that the network's speed doesn't matter.
    const stream = canvas.captureStream(0);
    const [track] = stream.getVideoTracks();
    const video = document.createElement('video');
    Object.assign(video, { muted: true, srcObject: stream });
    let x = 0;
    const next = () => {
      show(x);
      track.requestFrame();
    };
    next();
    await video.play();
    const tracks = [];
    const counts = [];
    let asked = { ...people, track: true, lines: [line], trails: true };
    const stop = new AbortController();
    for await (const frame of detector.stream(video, () => ({ ...asked, signal: stop.signal }))) {
      tracks.push(frame.detections.map((one) => one.track));
      counts.push(frame.counts.lines.map(({ name, in: entered, out }) => `${name} ${entered} ${out}`).join());
      // To the right, and back after 12 steps.
      const step = tracks.length;
      x += step < 12 ? 24 : -24;
      if (step === 24) asked = { ...people, track: true, lines: [line, { start: [0, 0], end: [704, 0] }] };
      if (step > 26) stop.abort();
      next();
    }
    track.stop();
    return { tracks, counts };
  });
  assert.ok(found.tracks.every((tracks) => tracks.length <= 1 && tracks.every((track) => track === 1)), JSON.stringify(found.tracks));
  assert.ok(found.tracks.filter((tracks) => tracks.length).length > 20, JSON.stringify(found.tracks));
  assert.equal(found.counts[23], 'door 1 1', JSON.stringify(found.counts));
  assert.equal(found.counts.at(-1), 'door 1 1,line 2 0 0');
});

test('without track a stream has no tracks, and detect() has none', async () => {
  const found = await page.evaluate(async () => {
    const { detector, canvas, show, people, refused, line } = globalThis.lab;
    show(0);
    const plain = await detector.detect(canvas, people);
    return { plain, detect: await refused(() => detector.detect(canvas, { lines: [line] })) };
  });
  assert.deepEqual(Object.keys(found.plain.detections[0]), ['label', 'classId', 'score', 'box']);
  assert.equal('counts' in found.plain, false);
  assert.match(found.detect, /^argument: .*tracker\(\)/);
});

test('wrong options say what was expected', async () => {
  const cases = [
    [{ track: { high: 2 } }, /high.*0 to 1/], [{ track: { low: 0.9 } }, /low.*high/], [{ track: { higher: 1 } }, /higher.*"high"/],
    [{ track: { buffer: 'long' } }, /track\.buffer.*number/], [{ track: { buffer: -1 } }, /buffer.*seconds/],
    [{ lines: [{ start: [0, 0] }] }, /lines\[0\].*\[x, y\]/], [{ lines: [{ start: [5, 5], end: [5, 5] }] }, /line 1.*two different points/],
    [{ lines: { start: [0, 0], end: [5, 5] } }, /lines.*list/], [{ lines: [{ start: [0, NaN], end: [5, 5] }] }, /lines\[0\]/],
    [{ zones: [{ points: [[0, 0], [5, 5]] }] }, /zone 1.*three corners/], [{ zones: [{ point: [] }] }, /point/],
    [{ zones: [null] }, /zones\[0\]/], [{ lines: [{ start: [0, 0], end: [5, 5], anchor: 'top' }] }, /anchor.*"bottom"/],
    [{ trails: -1 }, /trails.*points/], [{ trails: 5000 }, /trails.*points/], [{ time: 'now' }, /time.*seconds/],
    [{ lines: [{ name: 'a', start: [0, 0], end: [9, 9] }], zones: [{ name: 'a', points: [[0, 0], [9, 0], [9, 9]] }] }, /"a".*name/],
  ];
  const said = await page.evaluate(async (all) => {
    const { detector, canvas, refused } = globalThis.lab;
    const tracker = detector.tracker();
    const said = [];
    for (const options of all) said.push(await refused(() => tracker.detect(canvas, options)));
    // And it goes on.
    said.push(await refused(() => tracker.detect(canvas, {})));
    tracker.dispose();
    said.push(await refused(() => tracker.detect(canvas, {})));
    return said;
  }, cases.map(([options]) => options));
  cases.forEach(([options, words], i) => {
    assert.match(said[i], /^argument: /, JSON.stringify(options));
    assert.match(said[i], words, JSON.stringify(options));
  });
  assert.deepEqual(said.slice(-2), ['no error', 'disposed: the tracker was disposed of']);
});

test('two streams of one detector have tracks of their own, and a tracker ends with its detector', async () => {
  const said = await page.evaluate(async () => {
    const { Detector, canvas, show, people, refused } = globalThis.lab;
    const detector = await Detector.load({ device: 'cpu', worker: false });
    const [left, right] = [detector.tracker(), detector.tracker()];
    const numbers = [];
    for (const x of [0, 10, 20]) {
      show(x);
      const results = await Promise.all([left.detect(canvas, people), right.detect(canvas, people)]);
      numbers.push(results.map(({ detections }) => detections.map(({ track }) => track)));
    }
    detector.dispose();
    const ended = await refused(() => left.detect(canvas));
    left.dispose();
    return { numbers, ended };
  });
  assert.deepEqual(said.numbers, [[[1], [1]], [[1], [1]], [[1], [1]]]);
  assert.match(said.ended, /^disposed: /);
});

test('a tracker that is disposed of looks at nothing that waits, and leaves nothing in the engine', async () => {
  const said = await page.evaluate(async () => {
    const { Detector, canvas, show, people, refused } = globalThis.lab;
    const calls = [];
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (...given) {
      if (given[0]?.op === 'run' || given[0]?.op === 'untrack') calls.push(given[0].op);
      return post.apply(this, given);
    };
    const detector = await Detector.load({ device: 'cpu', warmup: false });
    calls.length = 0;
    show(0);
    const tracker = detector.tracker();
    const first = tracker.detect(canvas, people);
    await first;
    const waiting = [0, 1, 2].map(() => refused(() => tracker.detect(canvas, people)));
    const stopped = new AbortController();
    const aborted = refused(() => tracker.detect(canvas, { ...people, signal: stopped.signal }));
    stopped.abort();
    tracker.dispose();
    const ended = await Promise.all(waiting);
    const own = await aborted;
    // The detector goes on, and other trackers begin anew.
    const other = detector.tracker();
    const { detections } = await other.detect(canvas, people);
    other.dispose();
    Worker.prototype.postMessage = post;
    detector.dispose();
    return { ended, own, tracks: detections.map(({ track }) => track), last: calls.lastIndexOf('run') < calls.lastIndexOf('untrack'), runs: calls.filter((op) => op === 'run').length };
  });
  for (const text of said.ended) assert.equal(text, 'disposed: the tracker was disposed of');
  assert.match(said.own, /^aborted: /);
  assert.deepEqual([said.tracks, said.last], [[1], true]);
  assert.ok(said.runs <= 3, `${said.runs} runs: the first, one that had begun, the other tracker's`);
});
