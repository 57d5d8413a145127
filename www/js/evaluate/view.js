// The Evaluate view's HTML.
const sides = [160, 224, 320, 416, 512, 640].map((side) => `<option>${side}</option>`).join('');

export const HTML = `
<section class="two" aria-labelledby="two-title">
  <div class="eval-head">
    <h2 id="two-title" data-i18n="two_title">Two networks, one picture</h2>
    <p data-i18n="two_intro">Left of the line is what one network finds, right of it what the other does. Drag the line, or use the slider below.</p>
  </div>
  <div class="two-show">
    <div id="two-stage" class="two-stage">
      <img id="two-photo" alt="">
      <canvas id="two-left" aria-hidden="true"></canvas>
      <canvas id="two-right" aria-hidden="true"></canvas>
      <span id="two-name-left" class="two-name" aria-hidden="true"></span>
      <span id="two-name-right" class="two-name end" aria-hidden="true"></span>
      <i id="two-line" class="two-line" aria-hidden="true"></i>
    </div>
    <input id="two-split" type="range" min="0" max="100" value="50" aria-label="Where the line is" data-i18n-label="two_split">
    <div id="two-samples" class="eval-samples" role="group" aria-label="Sample photos" data-i18n-label="two_samples"></div>
  </div>
  <div class="two-controls">
    <div class="eval-bar">
      <label><span data-i18n="two_left">Left</span> <select id="two-model-left"></select></label>
      <label><span data-i18n="two_right">Right</span> <select id="two-model-right"></select></label>
    </div>
    <div class="eval-bar">
      <button id="two-open" type="button" data-i18n="two_open">Open a picture</button>
      <button id="two-weights" type="button" data-i18n="two_weights">Open weights (.pt)</button>
      <input id="two-file" type="file" accept="image/*" hidden>
      <input id="two-weights-file" type="file" accept=".pt,.pth,.safetensors" multiple hidden>
    </div>
    <label class="eval-slider" for="two-conf"><span data-i18n="two_conf">Confidence threshold</span> <output id="two-conf-value" for="two-conf">0.25</output></label>
    <input id="two-conf" type="range" min="0.01" max="0.95" step="0.01" value="0.25">
    <p id="two-status" role="status"></p>
    <p id="two-problem" class="eval-problem" role="alert" hidden></p>
  </div>
</section>

<section class="check" aria-labelledby="check-title">
  <div class="eval-head">
    <h2 id="check-title" data-i18n="check_title">How good is it on your pictures?</h2>
    <p data-i18n="check_intro">Drop a folder with pictures and their labels: YOLO text files, or a COCO JSON. Precision, recall and mAP are counted here, as the command line counts them. Nothing leaves this device.</p>
  </div>
  <div id="check-drop" class="check-drop">
    <p data-i18n="check_drop">Drop a folder here</p>
    <div class="eval-bar">
      <button id="check-folder" class="main" type="button" data-i18n="check_folder">Choose a folder</button>
      <button id="check-files" type="button" data-i18n="check_files">Choose files</button>
      <input id="check-folder-input" type="file" webkitdirectory multiple hidden>
      <input id="check-files-input" type="file" multiple hidden>
    </div>
    <div class="eval-bar">
      <label><span data-i18n="check_model">Network</span> <select id="check-model"></select></label>
      <label><span data-i18n="check_size">Network input</span> <select id="check-size"><option value="" data-i18n="check_own">its own</option>${sides}</select></label>
      <label><span data-i18n="check_metric">Metric</span> <select id="check-metric"><option value="yolo">YOLOv5</option><option value="coco">COCO</option></select></label>
    </div>
  </div>
  <div class="eval-bar">
    <progress id="check-progress" max="1" value="0" hidden></progress>
    <button id="check-stop" type="button" hidden data-i18n="check_stop">Stop</button>
  </div>
  <p id="check-status" role="status"></p>
  <p id="check-problem" class="eval-problem" role="alert" hidden></p>
  <div id="check-report" hidden>
    <dl id="check-totals" class="check-totals"></dl>
    <details id="check-warnings" hidden><summary></summary><ul></ul></details>
    <div class="check-tables">
      <div class="eval-scroll">
        <table id="check-classes">
          <caption data-i18n="check_classes">By class</caption>
          <thead><tr>
            <th scope="col" data-i18n="check_class">Class</th><th scope="col" data-i18n="check_labels">Labels</th>
            <th scope="col" data-i18n="check_precision">Precision</th><th scope="col" data-i18n="check_recall">Recall</th>
            <th scope="col">mAP50</th><th scope="col">mAP50-95</th>
          </tr></thead>
          <tbody></tbody>
        </table>
      </div>
      <div class="eval-scroll">
        <table id="check-confusion">
          <caption data-i18n="check_confusion">Taken for what: rows say what the network found, columns what was there</caption>
          <thead></thead><tbody></tbody>
        </table>
        <p id="check-confusion-note" class="note"></p>
      </div>
    </div>
    <h3 data-i18n="check_worst">Pictures, the worst first</h3>
    <p class="note" data-i18n="check_marks">✓ right, ✗ false alarm, dashed: an object that is labelled; with “missed” where nothing found it. Scores over 0.25, overlap 0.5.</p>
    <ul id="check-pictures" class="check-pictures"></ul>
    <button id="check-more" type="button" hidden data-i18n="check_more">More pictures</button>
  </div>
</section>
`;
