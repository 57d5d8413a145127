// Words of the Evaluate view. English that stands in view.js is not repeated here.
export const en = {
  two_loading: 'Loading {model}…', two_looking: 'Looking…', two_photo: 'Photo: {name}',
  two_found: '{left}: {k} found in {ms} ms. {right}: {n} found in {others} ms. The same in both: {same}.',
  model_offline: '{model} is not on this device yet, and you are offline. Go online, or choose another network.',
  check_reading: 'Reading the files…', check_running: '{done} of {all} pictures, {model}',
  check_done: '{images} {images|picture|pictures}, {labels} {labels|label|labels}, {model} at {size} × {size}: {seconds} s on the CPU.',
  check_stopped: 'Stopped. Nothing was counted.', check_problems: '{n} {n|problem|problems} with the files',
  check_left_out: '{name}: {message}', check_counts: '{right} right, {wrong} false, {missed} missed', check_missed: 'missed: {label}',
  check_background: 'nothing', check_shown: 'The {n} classes that are mixed up most are shown, of {all}.',
  check_photo: '{name}: {counts}', check_precision_short: 'Precision', check_recall_short: 'Recall',
  check_busy: 'The camera or a video is running. Stop it first, or this takes long.',
};

export const zh = {
  two_title: '两个网络，一张图片', two_intro: '线的左侧是一个网络的结果，右侧是另一个网络的结果。拖动这条线，或使用下方滑块。',
  two_split: '分界线的位置', two_samples: '示例照片', two_left: '左', two_right: '右', two_open: '打开图片', two_weights: '打开权重 (.pt)',
  two_conf: '置信度阈值', two_loading: '正在加载 {model}…', two_looking: '检测中…', two_photo: '照片：{name}',
  two_found: '{left}：{ms} 毫秒，找到 {k} 个。{right}：{others} 毫秒，找到 {n} 个。两者相同：{same} 个。',
  check_title: '在您的图片上效果如何？', check_intro: '拖入包含图片和标注的文件夹：YOLO 文本文件或 COCO JSON。精确率、召回率和 mAP 在此计算，与命令行一致。数据不会离开您的设备。',
  check_drop: '把文件夹拖到这里', check_folder: '选择文件夹', check_files: '选择文件', check_model: '网络', check_size: '网络输入', check_own: '默认',
  check_metric: '指标', check_stop: '停止', check_classes: '按类别', check_class: '类别', check_labels: '标注数', check_precision: '精确率', check_recall: '召回率',
  check_confusion: '混淆矩阵：行是网络的判断，列是实际类别', check_worst: '图片，最差的在前',
  check_marks: '✓ 正确，✗ 误报，虚线为已标注的目标；未被找到的标有“漏检”。分数高于 0.25，重叠 0.5。', check_more: '更多图片',
  model_offline: '{model} 尚未保存到设备，而您已离线。请联网，或选择其他网络。',
  check_reading: '正在读取文件…', check_running: '{done} / {all} 张图片，{model}',
  check_done: '{images} 张图片，{labels} 个标注，{model}，{size} × {size}：CPU 用时 {seconds} 秒。',
  check_stopped: '已停止，没有结果。', check_problems: '文件中有 {n} 个问题', check_left_out: '{name}：{message}',
  check_counts: '正确 {right}，误报 {wrong}，漏检 {missed}', check_missed: '漏检：{label}', check_background: '无',
  check_shown: '显示最易混淆的 {n} 类，共 {all} 类。', check_photo: '{name}：{counts}', check_precision_short: '精确率', check_recall_short: '召回率',
  check_busy: '摄像头或视频正在运行。请先停止，否则会很慢。',
};
