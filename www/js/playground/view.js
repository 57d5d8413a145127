// The Playground view's HTML.
/** The sides of the picture on which a network runs. */
export const SIDES = [160, 320, 416, 640];
const sizes = SIDES.map((side) => `<option${side === 320 ? ' selected' : ''}>${side}</option>`).join('');

export const HTML = `
<section class="play" aria-labelledby="play-title">
  <div class="play-head">
    <h2 id="play-title" data-i18n="play_title">Change a network, see what it costs</h2>
    <p data-i18n="play_intro">Start from a shipped configuration and change any row. Rows, parameters and GFLOPs are counted as you type, by the same code that runs the network; errors stand at their line.</p>
  </div>
  <div class="play-edit">
    <div class="play-bar">
      <label><span data-i18n="play_base">Start from</span> <select id="play-base"><option id="play-linked" value="" data-i18n="play_linked" hidden>from the link</option></select></label>
      <label><span data-i18n="play_classes">Classes</span> <input id="play-nc" type="number" min="1" max="10000" inputmode="numeric"></label>
      <label><span data-i18n="play_size">Image size</span> <input id="play-size" type="number" min="32" max="4096" step="32" value="640" inputmode="numeric"></label>
    </div>
    <p id="play-classes-note" class="note" role="status"></p>
    <div class="play-field">
      <div id="play-editor" class="play-editor"></div>
      <div class="play-says">
        <p id="play-error" class="play-error" role="alert" hidden></p>
        <p id="play-told" class="note" role="status"></p>
      </div>
    </div>
    <div class="play-bar">
      <button id="play-share" type="button" data-i18n="play_share">Copy a link</button>
      <button id="play-open" type="button" data-i18n="play_open">Open a YAML</button>
      <button id="play-save" type="button" data-i18n="play_save">Save the YAML</button>
      <button id="play-reset" class="quiet" type="button" data-i18n="play_reset">Back to the start</button>
      <input id="play-file" type="file" accept=".yaml,.yml" hidden>
    </div>
  </div>
  <div class="play-cost">
    <label class="play-versus"><span data-i18n="play_versus">Compare with</span> <select id="play-versus"></select></label>
    <dl class="play-totals">
      <div><dt data-i18n="play_parameters">Parameters</dt><dd id="play-parameters">–</dd><dd id="play-parameters-change" class="note"></dd></div>
      <div><dt>GFLOPs</dt><dd id="play-gflops">–</dd><dd id="play-gflops-change" class="note"></dd></div>
      <div><dt data-i18n="play_rows">Rows</dt><dd id="play-rows">–</dd><dd id="play-layers" class="note"></dd></div>
    </dl>
    <div class="play-bar">
      <button id="play-run" class="main" type="button" data-i18n="play_run">Run this network here</button>
      <label><select id="play-run-size" aria-label="Image size" data-i18n-label="play_size">${sizes}</select></label>
      <label><select id="play-where" aria-label="Runs on" data-i18n-label="play_where"><option value="cpu">CPU</option></select></label>
      <progress id="play-progress" max="1" value="0" hidden></progress>
    </div>
    <p id="play-ran" role="status"></p>
    <p class="play-legend note"><i class="flops"></i> <span data-i18n="play_legend_flops">the row's operations</span>
      <i class="time"></i> <span data-i18n="play_legend_time">the row's time on this device</span></p>
    <div class="play-scroll">
      <table id="play-table">
        <thead><tr>
          <th scope="col" data-i18n="play_row">Row</th>
          <th scope="col" data-i18n="play_parameters">Parameters</th>
          <th scope="col">GFLOPs</th>
          <th scope="col" data-i18n="play_time">ms</th>
          <th scope="col" data-i18n="play_bars">Operations and time</th>
        </tr></thead>
        <tbody></tbody>
      </table>
    </div>
    <p class="note" data-i18n="play_note">Bars compare a row with the dearest one. Ghost modules need fewer operations; whether they are faster here, the second bar tells. Concatenations have no time of their own: they cost none.</p>
  </div>
</section>
`;
