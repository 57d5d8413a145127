/** For TypeScript before 5.2, which does not know these symbols. */
declare global {
  interface SymbolConstructor {
    readonly dispose: unique symbol;
    readonly asyncDispose: unique symbol;
  }
}

/** RGBA or RGB, a byte each, row after row from the top. Alpha is left out. */
export interface Pixels { data: Uint8ClampedArray | Uint8Array; width: number; height: number }

/**
 * The picture to detect in. Relative URLs are resolved against the page (in a worker: against the worker's file). Outside of browsers (Node, Deno, Bun) only
 * {@link Pixels}: nothing there decodes picture files.
 */
export type Source =
  | HTMLImageElement | HTMLVideoElement | HTMLCanvasElement | OffscreenCanvas
  | ImageBitmap | ImageData | VideoFrame | Blob | URL | string | Pixels;

/** `download`: bytes of the weights; `total` is 0 where the server does not tell it. `prepare`: 1 of 1 when it is done. */
export interface Progress { stage: 'download' | 'prepare'; loaded: number; total: number }

/** A compiled wasm module, its bytes, a `Response` with them, or its URL. */
export type Wasm = WebAssembly.Module | ArrayBuffer | ArrayBufferView | Response | Promise<Response> | URL | string;

export interface LoadOptions {
  /**
   * An address, a Blob or File, or bytes: `.safetensors` or `.pt`. Left out: the weights that came with the package,
   * `yolov5n-ghost-backbone` (2.8 MB). Only those have a name; of others give the address.
   */
  model?: string | URL | Blob | ArrayBuffer | ArrayBufferView;
  /** The SHA-256 (64 hexadecimal digits) that the file at the address `model` must have. It is kept in Cache Storage under it. */
  sha256?: string;
  /** `false`: weights are neither taken from Cache Storage nor kept there. */
  cache?: boolean;
  /** The configuration, for weights that don't hold one. */
  yaml?: string;
  /**
   * `auto` (default) begins on the CPU and moves to WebGPU if that proves faster; it never waits for a GPU. `webgpu` is an error of
   * code `device` where there is none (within ten seconds). `webgpu/burn-ops` runs Burn's own operations in place of the fused shaders.
   *
   * `cpu` computes in int16 where that is faster (x86) and in floats elsewhere (see `info.device.precision`). Scores differ
   * by a few thousandths at most. `cpu/float` and `cpu/int16` select one. (`cpu/fixed` is the old name of `cpu/int16` and
   * still accepted.)
   */
  device?: 'auto' | 'webgpu' | 'webgpu/burn-ops' | 'cpu' | 'cpu/float' | 'cpu/int16' | 'cpu/fixed';
  /** Side of the network's input, in pixels, a whole number from 32 to 4096; the weights' own if left out. */
  size?: number;
  /** Told how far the download is, in bytes, and when the network is ready. */
  onProgress?(progress: Progress): void;
  /** Stops loading: an error of code `aborted`, whose `cause` is the signal's reason. */
  signal?: AbortSignal;
  /** Fetches weights and pictures instead of the global `fetch`. */
  fetch?: typeof fetch;
  /**
   * Threads of the CPU's part, 1 if left out; `auto`: up to 4. More than one needs `import … from 'ghostdet/threads'`, and memory
   * that threads share, which browsers grant to pages whose server sends `Cross-Origin-Opener-Policy: same-origin` and
   * `Cross-Origin-Embedder-Policy: require-corp`; elsewhere it is 1 (`info.device.threads` tells).
   */
  threads?: number | 'auto';
  /**
   * `true` (default): a worker of its own, or the page itself where there can be none (`info.worker` tells). `false`: the page, which
   * is blocked while the network runs. Or a worker of yours that imports `ghostdet/worker`, or the address of one.
   */
  worker?: boolean | Worker | URL | string;
  /**
   * `true` (default): the network runs once on an empty picture, because the first run takes longer: on the CPU after `load`, unless a
   * picture comes at once; on the GPU before `load` is through.
   */
  warmup?: boolean;
  /** The CPU's module instead of the package's own (`ghostdet/pkg/cpu.bin`, for browsers with relaxed SIMD); needed with `ghostdet/slim`. */
  wasm?: Wasm;
  /** The module for WebGPU instead of the package's own (`ghostdet/pkg/burn.bin`). */
  burn?: WebAssembly.Module | URL | string;
}

export interface DetectOptions {
  /** Least score, 0 to 1: 0.25 if left out. */
  conf?: number;
  /** Boxes of a class that overlap more than this are one, 0.45. */
  iou?: number;
  /** Only these, by number or label. */
  classes?: (number | string)[] | null;
  /** The most boxes, the best first: 300 if left out. */
  maxDetections?: number;
  /** Suppress across classes. */
  agnostic?: boolean;
  /** Stops: an error of code `aborted`. A stream ends. */
  signal?: AbortSignal;
  /** Longest side of the pixels taken from the source; what is larger is scaled down first. 4096 if left out. */
  largest?: number;
}

/** In pixels of the source. */
export interface Box { x: number; y: number; width: number; height: number }
/** `track`: the object's number, where objects are followed. */
export interface Detection { label: string; classId: number; score: number; box: Box; track?: number }
/** Milliseconds. */
export interface Speed { capture: number; letterbox: number; network: number; nms: number; total: number }
export interface Result { width: number; height: number; detections: Detection[]; speed: Speed; device: string }
/** `fps`: results a second; `latency`: milliseconds from taking the frame to its boxes. */
export interface Frame extends Result { fps: number; latency: number; counts?: Counts; trails?: Trail[] }

/** A picture for {@link Detector.stream}: for example a VideoFrame of a decoder. `time`: in seconds, where the image does not have its own. */
export type Picture<T extends Source = Source> = T | { image: T; time?: number };
/** What was found in a picture. A VideoFrame in `image` is closed when the loop goes on to the next one. */
export interface PictureFrame<T extends Source = Source> extends Frame { image: T; time?: number }

/** A point `[x, y]` in pixels of the source. */
export type Point = [x: number, y: number];

/** How objects are followed. Scores from 0 to 1. */
export interface TrackOptions {
  /** Detections from this score on are associated first; `conf` if left out. */
  high?: number;
  /** Detections from this score on can continue a track, 0.1. */
  low?: number;
  /** A track starts from this score on; `high` if left out. */
  start?: number;
  /** Seconds for which an object that is not seen keeps its number, 2. */
  buffer?: number;
}

/** The point of a box that has to cross: its centre (if left out), or the middle of its lower edge. */
export type Anchor = 'center' | 'bottom';

/**
 * A line at which objects are counted. Stand at `start` and look towards `end`: crossing from your left to your right counts as `in`.
 * For a line drawn from left to right, objects that move down count as `in`. Counts are kept by name, also when the line is moved.
 */
export interface Line { name?: string; start: Point; end: Point; anchor?: Anchor }
/** A polygon in which objects are counted, by its corners. */
export interface Zone { name?: string; points: Point[]; anchor?: Anchor }

export interface TrackingOptions {
  /** Numbers objects, the same number for the same object. Lines, zones and trails do so, too. With `agnostic` an object may change its class. */
  track?: boolean | TrackOptions;
  /** At most 100 lines and zones; they may change with every frame. */
  lines?: Line[];
  zones?: Zone[];
  /** The ways that objects came: `true` for the last 50 points, or how many, at most 1000. */
  trails?: boolean | number;
}
/** `time`: of the picture, in seconds. Left out: a video's own; else a thirtieth of a second after the last. If it goes back, tracks begin anew. */
export interface TrackedDetectOptions extends DetectOptions, TrackingOptions { time?: number }
export interface StreamOptions extends DetectOptions, TrackingOptions {}

/** `in` and `out`: how often an object crossed. */
export interface LineCount { in: number; out: number }
/** `inside`: how many objects are in the zone now, with those that are hidden for a moment. */
export interface ZoneCount extends LineCount { inside: number }
/** In the order of the options; lines and zones without a name are `line 1`, `zone 1`, … */
export interface Counts {
  lines: (LineCount & { name: string; classes: Record<string, LineCount> })[];
  zones: (ZoneCount & { name: string; classes: Record<string, ZoneCount> })[];
}
/** The last centres of an object, oldest first. `seen`: it was found in the last frame. */
export interface Trail { track: number; label: string; classId: number; seen: boolean; points: Point[] }

/** Only objects that were found in two frames running (in the first frame of all, at once) have a number and are listed. */
export interface Tracked { detections: (Detection & { track: number })[]; counts: Counts; trails?: Trail[] }
export interface TrackedResult extends Result, Tracked { detections: (Detection & { track: number })[] }

/** Follows objects through pictures that are given one by one, in order. */
export interface Tracker {
  /** As {@link Detector.detect}, but for the next picture. */
  detect(source: Source, options?: TrackedDetectOptions): Promise<TrackedResult>;
  /** Frees the tracks and their counts. */
  dispose(): void;
}

export interface Info {
  model: string;
  labels: string[];
  parameters: number;
  gflops: number;
  imgsz: number | null;
  format: string;
  file?: string;
  /**
   * Where the network runs: in a worker of the package: `worker`; in one from a copy of that file, where the page and the
   * package are of different origins: `blob`; in the caller's own: `given`; in the page (or the program) itself: `page`.
   */
  worker: 'worker' | 'blob' | 'given' | 'page';
  /** Why, in English. */
  workerReason: string;
  /**
   * `gpu`: the adapter, if there is one; `measured`: milliseconds of the network, where `auto` compared; `tuning`: how it
   * runs on WebGPU (fp32 or halves in memory, threads, tile); `memory`: bytes of its buffers there; `remember`: what the
   * next start need not measure again; `pending`: `auto` is still measuring (see `tuned`).
   */
  device: {
    kind: 'cpu' | 'webgpu';
    /** `burn-wgpu`: Burn's WebGPU backend. `wasm`: the CPU's module. */
    backend: 'burn-wgpu' | 'wasm';
    /** `fused`: the network as one operation of fused shaders. `burn-ops`: Burn's own operations. `simd`: the CPU's kernels. */
    executor: 'fused' | 'burn-ops' | 'simd';
    adapter: string;
    /** Why it runs there, in English. */
    reason: string;
    /** The same as a stable code, for translations. */
    reasonCode:
      | 'requested' | 'no-webgpu' | 'software-webgpu' | 'starting' | 'measuring' | 'cpu-faster' | 'webgpu-faster' | 'webgpu-failed' | 'webgpu-not-built';
    gpu: string | null;
    measured: { cpu: number; webgpu: number } | null;
    tuning: string | null;
    memory: number | null;
    threads: number;
    /** The number type of dense convolutions on the CPU. */
    precision: 'float' | 'int16';
    remember: string | null;
    pending: boolean;
  };
}

export class Detector {
  private constructor();
  static load(options?: LoadOptions): Promise<Detector>;
  readonly info: Info;
  size: number;
  /** Resolves when autotuning has decided where the network runs. The first `auto` on an adapter measures in the background. */
  readonly tuned: Promise<void>;
  /** @deprecated The old name of `tuned`. */
  readonly settled: Promise<void>;
  detect(source: Source, options?: DetectOptions): Promise<Result>;
  /** All that `ghostdet val` judges in a picture (scores above 0.001), on the CPU. */
  validate(source: Source, options?: { signal?: AbortSignal }): Promise<{ width: number; height: number; detections: Detection[] }>;
  refine(options?: DetectOptions): Promise<{ detections: Detection[]; nms: number }>;
  stream(video: HTMLVideoElement, options?: StreamOptions | (() => StreamOptions)): AsyncGenerator<Frame, void>;
  /** Of pictures in an iterable none is skipped, and the next one is fetched while the network runs. */
  stream<T extends Source>(
    pictures: AsyncIterable<Picture<T>> | Iterable<Picture<T>>, options?: StreamOptions | (() => StreamOptions),
  ): AsyncGenerator<PictureFrame<T>, void>;
  /** Follows objects through pictures that are given one by one. */
  tracker(): Tracker;
  /** Runs the network once on an empty picture. `load` does it by itself, unless told otherwise. */
  warmup(): Promise<void>;
  /** Frees the network and its worker. What is under way ends in an error of code `disposed`. */
  dispose(): void;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What {@link draw} needs of a result. */
export interface Drawable { width: number; height: number; detections: (Detection & { track?: number })[]; trails?: Trail[]; counts?: Counts }

export interface DrawOptions {
  /** The picture or video frame below the boxes. The canvas takes the result's size then, unless `view` is given. */
  image?: CanvasImageSource;
  /** Where the picture's upper left corner lies on the canvas, and canvas pixels per pixel of the picture; fitted and centred if left out. */
  view?: { x: number; y: number; scale: number };
  /** Left and right exchanged, as for a camera that faces its user. */
  mirror?: boolean;
  /** Lines and zones, as given to `stream`: with their counts, if the result has them. */
  lines?: Line[];
  zones?: Zone[];
  /** The detection, by its index, that stands out. */
  highlight?: number | null;
  /** `false`: boxes only. */
  labels?: boolean;
  /** A label's text; nothing for none. The class and its score if left out. */
  label?(detection: Detection & { track?: number }): string | null;
  /** A CSS colour; one per class if left out. */
  colour?(detection: Detection & { track?: number }): string;
  /** The thickness of everything: 1 suits a canvas of a screen's size; give `devicePixelRatio` if its pixels are finer. Follows the picture's size with `image`. */
  unit?: number;
}
/** A label that found a place, in pixels of the canvas. `index`: its detection. */
export interface DrawnLabel extends Box { index: number; text: string }

/** Draws boxes and labels; no label covers another. See {@link DrawOptions}. */
export function draw(canvas: HTMLCanvasElement | OffscreenCanvas, result: Drawable, options?: DrawOptions): DrawnLabel[];

/** A result with the name of its picture; `time`: seconds into a video. */
export interface Named extends Drawable { name: string; time?: number }

/** YOLO's labels: a line per detection, `class x y width height` as parts of the picture; with `scores` the score follows. */
export function toYolo(result: Drawable, options?: { scores?: boolean }): string;
/**
 * A table, one line per detection: `file,time,class,label,score,x,y,width,height,track`; boxes in pixels. A name that a spreadsheet would
 * take for a formula (`=`, `+`, `-` or `@` first) gets an apostrophe before it.
 */
export function toCsv(results: Named[]): string;
/** A COCO file as an object; `labels`: the network's. */
export function toCoco(results: Named[], labels: string[]): { images: object[]; annotations: object[]; categories: object[] };
/** One object per picture, as the command line's `detect --json` prints them: boxes as `[x1, y1, x2, y2]` in pixels. */
export function toJson(results: Named[], about?: { model?: string; device?: string }): object[];
/** A zip file whose entries are not compressed. At most 65,535 files and 4 GB, else a RangeError. */
export function zip(files: { name: string; data: string | Uint8Array }[]): Blob;

/**
 * Goes through a video file frame by frame, by seeking; the video shows each frame when it is yielded. Times in seconds. Errors:
 * `picture` if the browser can't read the video or it has no frames, `argument` for a camera, `aborted`.
 */
export function everyFrame(
  video: HTMLVideoElement, options?: { signal?: AbortSignal; start?: number; end?: number },
): AsyncGenerator<{ time: number; index: number; duration: number }, void>;
/** How long a video file is, in seconds; recordings without a duration are looked through for it. */
export function videoDuration(video: HTMLVideoElement, signal?: AbortSignal): Promise<number>;

/** `line`: where it begins in the YAML, from 1. `gflops` are null where they can't be counted, here and below. */
export interface Row {
  index: number; line: number; from: number[]; repeats: number; parameters: number;
  module: string; arguments: string; gflops: number | null;
}
export interface Summary {
  model: string; nc: number; imgsz: number; fused: boolean; layers: number;
  parameters: number; gradients: number; gflops: number | null; gflops_exact: number | null; rows: Row[];
}
export interface Compared {
  model: string; layers: number; parameters: number; gflops: number | null; gflops_exact: number | null;
  parameters_reduction: number; gflops_reduction: number | null;
}
export interface Comparison { nc: number; imgsz: number; fused: boolean; models: Compared[] }

/** Loads the wasm module into this thread, once, before `summarize` and `compare`. `Detector.load` does without. */
export function ready(options?: { wasm?: Wasm }): Promise<void>;
export function summarize(yaml: string, options?: { nc?: number; size?: number }): Summary;
/** The version of ghostdet. */
export function version(): string;
/** The YAML of a built-in network: `yolov5`, a size (n, s, m, l, x), and nothing, `-ghost` or `-ghost-backbone`. */
export function configuration(name: string): string;
export function compare(yamls?: string[], options?: { nc?: number; size?: number }): Comparison;

export interface MeasureOptions {
  nc?: number;
  size?: number;
  /** `webgpu/TUNING`: as `info.device.tuning` of a detector says. */
  device?: 'webgpu' | 'cpu' | 'cpu/float' | 'cpu/int16' | 'cpu/fixed' | `webgpu/${string}`;
  /** As in {@link LoadOptions}. */
  threads?: number | 'auto';
  /** Runs of each that count, 5. */
  rounds?: number;
  /** Also the milliseconds of each row, on the CPU. */
  profile?: boolean;
  onProgress?(progress: { stage: 'measure'; loaded: number; total: number }): void;
  signal?: AbortSignal;
}
/**
 * `milliseconds`: the median. `rows`, with `profile`: the mean of each row; one that is part of another one's operation (a
 * concatenation) has 0.
 */
export interface Measured {
  model: string; milliseconds: number; best: number; rounds: number; rows?: { row: number; milliseconds: number }[];
}
export function measure(models?: string[], options?: MeasureOptions): Promise<Measured[]>;

/** A true object; its box in pixels of the picture. */
export interface Truth {
  classId: number;
  box: Box;
  /** Many objects as one: finding it is neither right nor wrong. */
  crowd?: boolean;
  /** The object's own area in pixels, for COCO's metric; else the box's. */
  area?: number;
}
export interface LabelledPicture {
  name?: string;
  image: Source;
  /** A function is called with the picture's size in pixels. */
  truths: Truth[] | ((width: number, height: number) => Truth[] | Promise<Truth[]>);
}
export interface LabelledSet {
  kind: 'yolo' | 'coco';
  pictures: LabelledPicture[];
  /** What is wrong with the files, a sentence each. */
  warnings: string[];
}
export interface ClassEvaluation {
  classId: number; name: string; labels: number; precision: number; recall: number; map50: number; map: number;
}
/** As `ghostdet val --json` prints it. `map`: mAP50-95. */
export interface Evaluation {
  metric: 'yolo' | 'coco';
  /** The class names, by number. */
  names: string[];
  images: number;
  labels: number;
  precision: number;
  recall: number;
  map50: number;
  map: number;
  /** The classes that occur in the labels. */
  classes: ClassEvaluation[];
  /** pycocotools' twelve numbers, with the metric `coco`. */
  stats?: number[];
  /**
   * Who was taken for whom, at scores over 0.25 and overlaps over 0.45: `[predicted, true, count]`. The number after the last
   * class is the background.
   */
  confusion: [number, number, number][];
}
/** One picture's part, at scores over 0.25 and an overlap of 0.5. */
export interface PictureEvaluation {
  /** Its place in the list that was given. */
  index: number;
  name: string;
  width: number;
  height: number;
  truths: (Truth & { found: boolean })[];
  /** `truth`: the index of the true object that it found, or -1. */
  detections: (Detection & { truth: number })[];
  right: number;
  wrong: number;
  missed: number;
  f1: number;
}
export interface EvaluationWithPictures extends Evaluation {
  /** The worst first. */
  pictures: PictureEvaluation[];
  failures: { index: number; name: string; message: string }[];
}
export interface EvaluateOptions {
  /** Whose average precision, `yolo`. */
  metric?: 'yolo' | 'coco';
  onProgress?(progress: { stage: 'evaluate'; loaded: number; total: number }): void;
  signal?: AbortSignal;
}
/** Counts precision, recall and mAP of any detections. Await {@link ready} first. */
export class Evaluator {
  constructor(labels: string[], options?: { metric?: 'yolo' | 'coco' });
  /**
   * Adds a picture; returns for each detection the index of the true object that it found at an overlap of 0.5, or -1. Classes are whole
   * numbers from 0: others are an error of code `argument`.
   */
  add(truths: Truth[], detections: Detection[]): number[];
  report(): Evaluation;
  free(): void;
}
/** Runs a detector on labelled pictures, as `ghostdet val` does. Nothing leaves the device. */
export function evaluate(detector: Detector, pictures: Iterable<LabelledPicture>, options?: EvaluateOptions): Promise<EvaluationWithPictures>;
/**
 * Pictures and their labels among files: YOLO's text files or COCO's JSON. Where `data.yaml` has `val`, only the pictures that it names are
 * taken. Of several COCO files the one with the most boxes for the pictures is taken; one without categories is read by its ids. `warnings`
 * says so, and what is wrong.
 */
export function readDataset(files: Iterable<File>, labels: string[]): Promise<LabelledSet>;

/** What went wrong, for programs. The message says it for people: what, where, what was expected, what to do. */
export type ErrorCode =
  /** An option or a value that can't be used. */
  | 'argument'
  /** No picture, or one whose pixels can't be read. */
  | 'picture'
  /** The file of weights is not understood. */
  | 'weights'
  /** The configuration (YAML) is not understood. */
  | 'config'
  /** A download failed, broke off, or brought something else; the message names the address. */
  | 'network'
  /** The browser, the page or the program lacks something that is needed. */
  | 'unsupported'
  /** WebGPU was asked for and can't be had. */
  | 'device'
  /** The network computed something that is no number. */
  | 'numeric'
  /** The caller's signal; its reason is the `cause`. */
  | 'aborted'
  /** The detector was disposed of. */
  | 'disposed'
  /** A file that could not be read. */
  | 'io' | 'data'
  /** A fault of this package. */
  | 'internal';

export class GhostdetError extends Error {
  readonly code: ErrorCode;
  /** What caused it, if that was an error or a signal. */
  readonly cause?: unknown;
  /** Where a configuration's YAML is wrong, from 1. */
  readonly line?: number;
  readonly column?: number;
}
