// Words of the whole page. English that stands in index.html is not repeated here.
export const en = {
  view_failed: 'This part of the page did not load ({why}). Go online and open it again.',
  failed: '{why}', device_cpu: 'CPU (SIMD)', device_threads: 'CPU (SIMD, {threads} threads)', device_webgpu: 'WebGPU',
  device_ops: "WebGPU (Burn's own operations)", list_comma: ', ', measuring: 'Measuring…', measure_again: 'Measure again',
  no_file: "{name} can't be opened. Open pictures, weights (.pt, .safetensors) or, in Detect, videos.",
  no_picture: "The browser can't decode this picture: {name}. Save it as JPEG or PNG and open that.",
  no_weights: "{name} can't be used as weights: {why}. Open a YOLOv5 network as .pt or .safetensors.",
  offline: 'You are offline, and this is not on the device yet. Go online once; afterwards the page works without a network.',
  key_camera: 'Start or stop the camera', 'key_open-save': 'Save', key_upload: 'Open files', key_play: 'Play or pause a video', key_back: 'One frame back',
  key_on: 'One frame on', key_zoom: 'Enlarge, shrink, whole picture (focus on the picture)', key_boxes: 'From box to box (focus on picture or list)',
  key_move: 'Move the enlarged picture', key_none: 'No box, close', key_help: 'This list',
};

export const zh = {
  skip: '跳到内容', tagline: '在本页内检测，图片不会离开您的设备。', views: '页面',
  view_detect: '检测', view_compare: '比较', view_playground: '配置', view_evaluate: '评估',
  view_failed: '这部分页面未能加载（{why}）。请联网后重新打开。',
  failed: '{why}', device_cpu: 'CPU (SIMD)', device_threads: 'CPU (SIMD，{threads} 线程)', device_webgpu: 'WebGPU',
  device_ops: 'WebGPU（Burn 自带算子）', list_comma: '，', measuring: '正在测速…', measure_again: '再次测速',
  reason_starting: '正在启动 WebGPU', 'reason_webgpu-not-built': 'WebGPU 模块尚未构建好',
  reason_requested: '按要求选择', 'reason_no-webgpu': '此处没有 WebGPU', 'reason_software-webgpu': '此处的 WebGPU 由软件实现',
  reason_measuring: '正在测试 WebGPU 的速度', 'reason_cpu-faster': '实测比 WebGPU 快', 'reason_webgpu-faster': '实测比 CPU 快',
  no_file: '无法打开 {name}。可打开图片、权重 (.pt、.safetensors)，在“检测”中还可打开视频。',
  no_picture: '浏览器无法解码这张图片：{name}。请另存为 JPEG 或 PNG 再打开。',
  no_weights: '{name} 无法用作权重：{why}。请打开 .pt 或 .safetensors 格式的 YOLOv5 网络。',
  offline: '您已离线，设备上还没有这部分内容。请联网一次，之后即可离线使用。',
  update: '本页有新版本。', update_now: '使用新版本', update_later: '以后再说',
  close: '关闭', keys: '键盘', keys_on: '单个按键在整个页面有效',
  key_camera: '打开或关闭摄像头', 'key_open-save': '保存', key_upload: '打开文件', key_play: '播放或暂停视频', key_back: '后退一帧', key_on: '前进一帧',
  key_zoom: '放大、缩小、全图（焦点在图片上）', key_boxes: '逐个选择检测框（焦点在图片或列表上）', key_move: '移动放大的图片', key_none: '取消选择、关闭', key_help: '本列表',
  'reason_webgpu-failed': 'WebGPU 出错，已改用 CPU',
};
