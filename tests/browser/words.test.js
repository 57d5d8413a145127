// The words of all views are in one table: no key may mean two things, and every English key has its Chinese.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';

const folder = new URL('../../www/js/', import.meta.url);
const files = readdirSync(folder, { recursive: true }).map((name) => String(name).replaceAll('\\', '/')).filter((name) => /(^|\/)words\.js$/.test(name));

test('no key has two meanings', async () => {
  assert.ok(files.length >= 5, files.join());
  for (const language of ['en', 'zh']) {
    const all = new Map();
    for (const file of files) {
      const words = (await import(new URL(file, folder).href))[language];
      for (const [key, text] of Object.entries(words)) {
        const before = all.get(key);
        assert.ok(before === undefined || before.text === text, `${language} ${key}: ${before?.text} (${before?.file}), ${text} (${file})`);
        all.set(key, { text, file });
      }
    }
  }
});

test('what is said in English is said in Chinese', async () => {
  for (const file of files) {
    const { en, zh } = await import(new URL(file, folder).href);
    for (const [key, text] of Object.entries(en)) {
      const names = (words) => [...String(words).matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort().join();
      // Names alone need no translation.
      if (!(key in zh)) assert.match(text, /^\{\w+\}$/, `${file}: ${key}`);
      else assert.equal(names(zh[key]), names(text), `${file}: ${key}`);
    }
  }
});
