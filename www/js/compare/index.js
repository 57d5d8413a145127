// The Compare view: what Ghost modules save, counted and measured.
import * as executors from './executors.js';
import * as panel from './panel.js';
import * as words from './words.js';

const HTML = `
<section class="compare" aria-labelledby="compare-title">
  <div class="intro">
    <h2 id="compare-title" data-i18n="compareTitle">What the ghosts save</h2>
    <p data-i18n="compareText">A Ghost module makes half of its channels by a cheap depthwise step from the other half. The dashed part of a bar is what the plain network would have cost. Counted here, now, by the same code that runs the network.</p>
    <div class="presets" role="group" aria-label="Presets" data-i18n-label="presets">
      <button id="preset-5" type="button" data-i18n="preset5" aria-pressed="true">The article's table: 5 classes</button>
      <button id="preset-80" type="button" data-i18n="preset80" aria-pressed="false">COCO: 80 classes</button>
    </div>
    <div class="numbers">
      <label><span data-i18n="nc">Classes</span> <input id="nc" type="number" min="1" max="10000" value="5" inputmode="numeric"></label>
      <label><span data-i18n="imgsz">Image size</span> <input id="imgsz" type="number" min="32" max="4096" step="32" value="640" inputmode="numeric"></label>
    </div>
    <p id="compare-error" class="error" role="alert" hidden></p>
  </div>
  <div class="figures">
    <div id="bars" class="bars" aria-hidden="true"></div>
    <div class="scroll">
      <table id="compare-table">
        <thead><tr>
          <th scope="col" data-i18n="model">Model</th>
          <th scope="col" data-i18n="parameters">Parameters</th>
          <th scope="col" data-i18n="saved">Saved</th>
          <th scope="col">GFLOPs</th>
          <th scope="col" data-i18n="saved">Saved</th>
          <th scope="col" data-i18n="here">Here</th>
          <th scope="col" data-i18n="saved">Saved</th>
        </tr></thead>
        <tbody></tbody>
      </table>
    </div>
    <div class="measure">
      <button id="measure" type="button" data-i18n="measure">Measure on this device</button>
      <label><span data-i18n="at">at</span> <select id="measure-size"><option>320</option><option>416</option><option>640</option></select></label>
      <progress id="measure-progress" max="1" value="0" hidden></progress>
    </div>
    <p class="note" id="compare-note"></p>
    <div class="measure" id="executors" hidden>
      <button id="measure-executors" type="button" data-i18n="measure_executors">What do the fused kernels save on this device?</button>
    </div>
    <p class="note" id="executors-note" role="status"></p>
  </div>
</section>
`;

/**
 * @param {HTMLElement} root
 * @param {import('../app.js').App} app
 */
export function start(root, app) {
  app.addWords(words);
  root.innerHTML = HTML;
  app.translate(root);
  executors.start();
  return panel.start(app.device);
}
