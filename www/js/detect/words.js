// Words of the Detect view. English that stands in index.html is not repeated here.
export const en = {
  status_loading: 'Getting the network ready…', status_download: 'Downloading weights: {done} of {all} MB',
  status_prepare: 'Packing weights…', status_ready: '{device}: {reason}', status_running: 'Looking…',
  status_weights: '{file}: {model}, {classes} classes, {parameters} parameters ({format}).',
  status_camera: 'Starting the camera…', no_camera: 'No camera: {why}. Allow it in the browser, or open a file.',
  no_file: 'This file is neither a picture nor weights (.pt, .safetensors): {name}',
  camera_start: 'Camera', stop: 'Stop camera', all_classes: 'all {n}', some_classes: '{k} of {n}',
  weights_option: '{model}, mAP {map}',
  photo_named: 'Photo: {name}', yaml_needed: 'A configuration alone does not detect; drop it together with its weights.',
};

export const zh = {
  detector: '检测器', empty: '把图片拖到这里、粘贴图片，或打开摄像头。',
  emptyWeights: '拖入 .pt 或 .safetensors 文件可替换网络。', drop: '松开即可打开', source: '图片来源', camera: '摄像头', flip: '切换镜头',
  upload: '打开文件', samples: '示例照片', speed: '速度', network: '网络', capture: '取图', letterbox: '缩放填充', fps: '帧/秒', latency: '延迟',
  conf: '置信度阈值', iou: '允许重叠 (IoU)', size: '网络输入', classes: '类别', find: '查找', findClass: '查找类别', all: '全选', none: '全不选',
  found: '检测结果', nothing: '没有高于置信度阈值的目标，调低阈值可看到较弱的候选。', model: '模型', parameters: '参数量', device: '设备',
  reset: '恢复自带权重',
  status_loading: '正在准备网络…', status_download: '正在下载权重：{done} / {all} MB', status_prepare: '正在整理权重…',
  status_ready: '{device}：{reason}', status_running: '检测中…', status_weights: '{file}：{model}，{classes} 类，{parameters} 个参数（{format}）。',
  status_camera: '正在打开摄像头…', no_camera: '无法使用摄像头：{why}。请在浏览器中允许，或打开文件。',
  no_file: '该文件既不是图片也不是权重 (.pt、.safetensors)：{name}',
  camera_start: '摄像头', stop: '关闭摄像头', all_classes: '全部 {n}', some_classes: '{k} / {n}',
  weights: '权重', weights_option: '{model}，mAP {map}',
  photo_named: '照片：{name}', yaml_needed: '仅有配置无法检测，请与权重一起拖入。',
  place: '运行于', place_auto: '较快者', place_ops: 'WebGPU，Burn 自带算子',
};
