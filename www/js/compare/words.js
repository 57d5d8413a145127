// Words of the Compare view.
export const en = {
  compare_note: '{nc} classes, {size} × {size} pixels, batch norm counted apart (not fused), as the reference prints it.',
  experiment_note: 'Trained alike ({letter} size, {nc} classes, {imgsz} px, {epochs} epochs, {seeds} seeds), mAP50: {list}.',
  measured_note: 'Times: median of 5 at {size} × {size}, {device}, random weights.',
  executors_note: '{model} at {size} × {size} here: {list}.', executor_cpu: 'CPU {ms} ms',
  executor_fused: "Burn's WebGPU backend with fused kernels {ms} ms", executor_ops: "Burn's own operations {ms} ms",
  executors_saved: 'The fused kernels save {percent} % on this device: {times} times as fast.',
  executors_lost: 'The fused kernels save nothing on this device.',
};

export const zh = {
  compareTitle: 'Ghost 省下了多少',
  compareText: 'Ghost 模块的一半通道由另一半经廉价的逐通道卷积得到。虚线部分是普通网络原本的开销。数字由运行网络的同一份代码即时算出。',
  presets: '预设', preset5: '文章表格：5 类', preset80: 'COCO：80 类', nc: '类别数', imgsz: '图像尺寸', saved: '减少',
  model: '模型', parameters: '参数量', here: '本机', measure: '在本机测速', at: '尺寸',
  compare_note: '{nc} 类，{size} × {size} 像素，批归一化单独计数（未融合），与参考实现的输出一致。',
  experiment_note: '同样训练（{letter} 规格，{nc} 类，{imgsz} 像素，{epochs} 轮，{seeds} 个种子），mAP50：{list}。',
  measured_note: '时间：{size} × {size} 下 5 次的中位数，{device}，随机权重。',
  measure_executors: '融合内核在本机省下多少？',
  executors_note: '{model} 在 {size} × {size} 下：{list}。', executor_cpu: 'CPU {ms} 毫秒',
  executor_fused: 'Burn 的 WebGPU 后端（融合内核） {ms} 毫秒', executor_ops: 'Burn 自带算子 {ms} 毫秒',
  executors_saved: '融合内核在本机省下 {percent} %，快 {times} 倍。', executors_lost: '融合内核在本机没有省下时间。',
};
