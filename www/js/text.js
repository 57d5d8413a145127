// The page's words in two languages. Class names stay as the weights give them.
const en = {
  status_loading: 'Getting the network ready…', status_download: 'Downloading weights: {done} of {all} MB',
  status_prepare: 'Packing weights…', status_ready: '{device}: {reason}', status_running: 'Looking…',
  status_weights: '{file}: {model}, {classes} classes, {parameters} parameters ({format}).',
  status_camera: 'Starting the camera…', no_camera: 'No camera: {why}. Allow it in the browser, or open a file.',
  no_file: 'This file is neither a picture nor weights (.pt, .safetensors): {name}',
  failed: '{why}', device_cpu: 'CPU (SIMD)', device_threads: 'CPU (SIMD, {threads} threads)', device_webgpu: 'WebGPU',
  device_ops: "WebGPU (Burn's own operations)",
  camera_start: 'Camera', stop: 'Stop camera', all_classes: 'all {n}', some_classes: '{k} of {n}',
  compare_note: '{nc} classes, {size} × {size} pixels, batch norm counted apart (not fused), as the reference prints it.',
  experiment_note: 'Trained alike ({letter} size, {nc} classes, {imgsz} px, {epochs} epochs, {seeds} seeds), mAP50: {list}.',
  measured_note: 'Times: median of 5 at {size} × {size}, {device}, random weights.', measuring: 'Measuring…', measure_again: 'Measure again',
  weights_option: '{model}, mAP {map}',
  executors_note: '{model} at {size} × {size} here: {list}.', list_comma: ', ', executor_cpu: 'CPU {ms} ms',
  executor_fused: "Burn's WebGPU backend with fused kernels {ms} ms", executor_ops: "Burn's own operations {ms} ms",
  executors_saved: 'The fused kernels save {percent} % on this device: {times} times as fast.',
  executors_lost: 'The fused kernels save nothing on this device.',
  photo_named: 'Photo: {name}', yaml_needed: 'A configuration alone does not detect; drop it together with its weights.',
};
const zh = {
  skip: '跳到图片', tagline: '在本页内检测，图片不会离开您的设备。', detector: '检测器', empty: '把图片拖到这里、粘贴图片，或打开摄像头。',
  emptyWeights: '拖入 .pt 或 .safetensors 文件可替换网络。', drop: '松开即可打开', source: '图片来源', camera: '摄像头', flip: '切换镜头',
  upload: '打开文件', samples: '示例照片', speed: '速度', network: '网络', capture: '取图', letterbox: '缩放填充', fps: '帧/秒', latency: '延迟',
  conf: '置信度阈值', iou: '允许重叠 (IoU)', size: '网络输入', classes: '类别', find: '查找', findClass: '查找类别', all: '全选', none: '全不选',
  found: '检测结果', nothing: '没有高于置信度阈值的目标，调低阈值可看到较弱的候选。', model: '模型', parameters: '参数量', device: '设备',
  reset: '恢复自带权重', compareTitle: 'Ghost 省下了多少',
  compareText: 'Ghost 模块的一半通道由另一半经廉价的逐通道卷积得到。虚线部分是普通网络原本的开销。数字由运行网络的同一份代码即时算出。',
  presets: '预设', preset5: '文章表格：5 类', preset80: 'COCO：80 类', nc: '类别数', imgsz: '图像尺寸', saved: '减少',
  status_loading: '正在准备网络…', status_download: '正在下载权重：{done} / {all} MB', status_prepare: '正在整理权重…',
  status_ready: '{device}：{reason}', status_running: '检测中…', status_weights: '{file}：{model}，{classes} 类，{parameters} 个参数（{format}）。',
  status_camera: '正在打开摄像头…', no_camera: '无法使用摄像头：{why}。请在浏览器中允许，或打开文件。',
  no_file: '该文件既不是图片也不是权重 (.pt、.safetensors)：{name}', failed: '{why}', device_cpu: 'CPU (SIMD)', device_threads: 'CPU (SIMD，{threads} 线程)', device_webgpu: 'WebGPU',
  device_ops: 'WebGPU（Burn 自带算子）',
  camera_start: '摄像头', stop: '关闭摄像头', all_classes: '全部 {n}', some_classes: '{k} / {n}',
  compare_note: '{nc} 类，{size} × {size} 像素，批归一化单独计数（未融合），与参考实现的输出一致。',
  weights: '权重', weights_option: '{model}，mAP {map}',
  measure_executors: '融合内核在本机省下多少？', place_ops: 'WebGPU，Burn 自带算子', list_comma: '，',
  executors_note: '{model} 在 {size} × {size} 下：{list}。', executor_cpu: 'CPU {ms} 毫秒',
  executor_fused: 'Burn 的 WebGPU 后端（融合内核） {ms} 毫秒', executor_ops: 'Burn 自带算子 {ms} 毫秒',
  executors_saved: '融合内核在本机省下 {percent} %，快 {times} 倍。', executors_lost: '融合内核在本机没有省下时间。',
  reason_starting: '正在启动 WebGPU', 'reason_webgpu-not-built': 'WebGPU 模块尚未构建好',
  photo_named: '照片：{name}', yaml_needed: '仅有配置无法检测，请与权重一起拖入。',
  place: '运行于', place_auto: '较快者', here: '本机', measure: '在本机测速', at: '尺寸',
  experiment_note: '同样训练（{letter} 规格，{nc} 类，{imgsz} 像素，{epochs} 轮，{seeds} 个种子），mAP50：{list}。',
  measured_note: '时间：{size} × {size} 下 5 次的中位数，{device}，随机权重。', measuring: '正在测速…', measure_again: '再次测速',
  reason_requested: '按要求选择', 'reason_no-webgpu': '此处没有 WebGPU', 'reason_software-webgpu': '此处的 WebGPU 由软件实现',
  reason_measuring: '正在测试 WebGPU 的速度', 'reason_cpu-faster': '实测比 WebGPU 快', 'reason_webgpu-faster': '实测比 CPU 快',
};
const languages = { en, zh };
let language = localStorage.getItem('ghostdet-language') ?? (navigator.language?.startsWith('zh') ? 'zh' : 'en');
if (!languages[language]) language = 'en';
const changed = new Set();
const original = new Map();

/** A sentence in the page's language, `{name}` filled in. */
export function t(key, values = {}) {
  const sentence = languages[language][key] ?? en[key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}

/** A device as `info.device` describes it. */
export function deviceName({ kind, threads, executor = '' }) {
  if (executor === 'burn-ops') return t('device_ops');
  return kind === 'cpu' && threads > 1 ? t('device_threads', { threads }) : t(`device_${kind}`);
}

/** Why a device was chosen, in the page's language where it has the words. */
export function reasonText({ reason, reasonCode }) {
  return languages[language][`reason_${reasonCode}`] ?? reason;
}

/** A whole number with the language's separators. */
export const count = (value) => Number(value).toLocaleString(language === 'zh' ? 'zh-CN' : 'en-US');

/** Calls back whenever the language changes. */
export const onLanguage = (callback) => changed.add(callback);

/** Writes the page in its language; English stands in the HTML. */
export function translate() {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  const put = (attribute, write, read) => {
    for (const node of document.querySelectorAll(`[${attribute}]`)) {
      const key = node.getAttribute(attribute);
      if (!original.has(key)) original.set(key, read(node));
      write(node, language === 'en' ? original.get(key) : (languages[language][key] ?? original.get(key)));
    }
  };
  put('data-i18n', (node, text) => (node.textContent = text), (node) => node.textContent);
  put('data-i18n-label', (node, text) => node.setAttribute('aria-label', text), (node) => node.getAttribute('aria-label'));
  put('data-i18n-placeholder', (node, text) => (node.placeholder = text), (node) => node.placeholder);
  const button = document.getElementById('language');
  button.textContent = language === 'zh' ? 'English' : '中文';
  button.lang = language === 'zh' ? 'en' : 'zh';
  for (const callback of changed) callback();
}

document.getElementById('language').addEventListener('click', () => {
  language = language === 'zh' ? 'en' : 'zh';
  localStorage.setItem('ghostdet-language', language);
  translate();
});
