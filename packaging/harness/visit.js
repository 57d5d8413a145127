// A visitor: a headless Chromium that opens an app and notes all that goes wrong.

/** The least score of the person in the photo. */
const SCORE = 0.6;

/**
 * What a visit saw.
 * @typedef {object} Visit
 * @property {any} found what the app's `detect` gave
 * @property {string[]} problems
 * @property {number} bytes what was sent to the browser
 * @property {number} requests
 * @property {string[]} twice addresses that were asked for more than once
 */

/**
 * Opens an address and waits until the app has detected the astronaut.
 * @param {import('playwright-core').Browser} browser
 * @param {string} address
 * @param {{ origins?: string[], timeout?: number }} [options] `origins`: others that may be asked
 * @returns {Promise<Visit>}
 */
export async function visit(browser, address, { origins = [], timeout = 60_000 } = {}) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const problems = [];
  const loads = [];
  const addresses = new Map();
  const others = new Set();
  const allowed = [new URL(address).origin, ...origins];
  page.on('pageerror', (error) => problems.push(`error in the page: ${error.message ?? error}`));
  page.on('console', (message) => {
    if (['error', 'warning', 'assert'].includes(message.type())) problems.push(`console ${message.type()}: ${message.text()}`);
  });
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol === 'data:' || url.protocol === 'blob:') return;
    if (!allowed.includes(url.origin)) problems.push(`third-party request: ${url}`);
    // What a framework's page fetches ahead (`<link rel="prefetch">`) is in the browser's cache when it is asked for.
    if (['fetch', 'xhr', 'script'].includes(request.resourceType())) addresses.set(url.href, (addresses.get(url.href) ?? 0) + 1);
    else others.add(url.href);
  });
  context.on('requestfailed', (request) => {
    const why = request.failure()?.errorText;
    // A page that goes on may drop a request; it says so in the console if it matters.
    if (why !== 'net::ERR_ABORTED') problems.push(`failed request: ${request.url()}: ${why}`);
  });
  context.on('requestfinished', (request) => {
    loads.push(request.sizes().then(({ responseBodySize }) => responseBodySize, () => 0));
  });
  context.on('response', (response) => {
    if (response.status() >= 400) problems.push(`failed request: ${response.url()}: ${response.status()}`);
  });
  let found = null;
  try {
    await page.goto(address, { waitUntil: 'commit', timeout });
    await page.waitForFunction(() => globalThis.packaging, null, { timeout });
    found = await page.evaluate(() => globalThis.packaging);
  } catch (error) {
    problems.push(`no result: ${String(error.message).split('\n')[0]}`);
  }
  if (found?.error) problems.push(`detect: ${found.error}`);
  else if (found) problems.push(...judge(found));
  const sizes = await Promise.all(loads);
  await context.close();
  const twice = [...addresses].filter(([, times]) => times > 1).map(([url, times]) => `${url} (${times} times)`);
  return { found, problems: [...new Set(problems)], bytes: sum(sizes), requests: new Set([...addresses.keys(), ...others]).size, twice };
}

/**
 * What is wrong with detections of the astronaut.
 * @param {{ detections?: { label: string, score: number }[] }} found
 */
export function judge(found) {
  const best = Math.max(0, ...(found.detections ?? []).filter(({ label }) => label === 'person').map(({ score }) => score));
  return best >= SCORE ? [] : [`the astronaut's score is ${best}, expected ${SCORE} or more: ${JSON.stringify(found)}`];
}

const sum = (numbers) => numbers.reduce((total, one) => total + one, 0);
