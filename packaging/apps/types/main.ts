// Uses the package as an app in TypeScript does: it has to compile without a complaint.
import { Detector, GhostdetError, compare, measure, ready, summarize } from 'ghostdet';
import type { DetectOptions, Detection, Frame, Info, LoadOptions, Result } from 'ghostdet';
import type { GhostDetectorElement } from 'ghostdet/element';
import { Detector as FromOneFile } from 'ghostdet/inline';
import { useDetector } from 'ghostdet/react';
import { Detector as Slim } from 'ghostdet/slim';
import { Detector as OnThreads } from 'ghostdet/threads';
import { serve } from 'ghostdet/worker';

const options: LoadOptions = {
  device: 'auto',
  size: 320,
  signal: AbortSignal.timeout(10_000),
  onProgress: ({ stage, loaded, total }) => console.log(stage, loaded / total),
};

export async function main(photo: HTMLImageElement, video: HTMLVideoElement): Promise<string[]> {
  const detector: Detector = await Detector.load(options);
  const info: Info = detector.info;
  const wanted: DetectOptions = { conf: 0.4, classes: ['person', 2] };
  const { detections, speed }: Result = await detector.detect(photo, wanted);
  const widest = detections.reduce((most: number, { box }: Detection) => Math.max(most, box.width), 0);
  for await (const frame of detector.stream(video, wanted)) {
    const { fps, latency }: Frame = frame;
    console.log(fps, latency, widest, speed.total, info.device.kind);
  }
  detector.dispose();
  await ready();
  const { models } = compare(['yolov5s', 'yolov5s-ghost']);
  const [{ milliseconds }] = await measure(['yolov5s']);
  console.log(milliseconds, summarize('nc: 80').gflops);
  return models.map(({ model }) => model);
}

export function advice(error: unknown): string {
  return error instanceof GhostdetError ? error.code : 'other';
}

export const entries: (typeof Detector)[] = [FromOneFile, Slim, OnThreads];

export function inAWorker(): void {
  serve();
}

export function inReact(): string {
  const { detector, status } = useDetector({ size: 320 });
  return detector ? detector.info.model : status;
}

export function listen(element: GhostDetectorElement): void {
  element.addEventListener('detections', ({ detail }) => console.log(detail.detections.length));
}
