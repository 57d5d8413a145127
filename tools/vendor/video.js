// Reads and writes video files with Mediabunny, bundled to www/vendor/video.js by build.js: third-party code is not committed.
import {
  BlobSource, CanvasSource, EncodedAudioPacketSource, EncodedPacketSink, getFirstEncodableVideoCodec, Input, MATROSKA, MP4, Mp4OutputFormat,
  Output, QTFF, QUALITY_HIGH, StreamTarget, VideoSampleSink, WEBM, WebMOutputFormat,
} from 'mediabunny';

const FORMATS = {
  mp4: { Format: Mp4OutputFormat, codecs: ['avc', 'vp9', 'av1'] },
  webm: { Format: WebMOutputFormat, codecs: ['vp9', 'vp8', 'av1'] },
};

/** A sample as a VideoFrame that stands upright, with square pixels. */
function upright(sample, canvas) {
  const { displayWidth: width, displayHeight: height } = sample;
  const plain = !sample.rotation && !sample.flip && width === sample.codedWidth && height === sample.codedHeight;
  if (plain) return sample.toVideoFrame();
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  sample.draw(canvas.getContext('2d'), 0, 0, width, height);
  const { microsecondTimestamp: timestamp, microsecondDuration: duration } = sample;
  return new VideoFrame(canvas, { timestamp, duration: duration || undefined });
}

/** A video file that is read piece by piece, never as a whole. */
class Video {
  #input;
  #track;
  #sound;

  constructor(input, track, sound, about) {
    this.#input = input;
    this.#track = track;
    this.#sound = sound;
    /** As in `avc1.640028`, or the container's own name of it. @type {string} */
    this.codec = about.codec;
    /** Whether this browser decodes it. @type {boolean} */
    this.decodable = about.decodable;
    /** The sound's codec, or null without sound. @type {string | null} */
    this.sound = about.sound;
  }

  /** All frames with their times, in order. Whoever takes one closes it. @returns {AsyncGenerator<VideoFrame, void>} */
  async *frames() {
    const canvas = new OffscreenCanvas(1, 1);
    for await (const sample of new VideoSampleSink(this.#track).samples()) {
      // Frames before the beginning are there to decode later ones.
      const frame = sample.timestamp < 0 && sample.timestamp + sample.duration <= 0 ? null : upright(sample, canvas);
      sample.close();
      if (frame) yield frame;
    }
  }

  /** The sound's packets, and what decoders are told. */
  packets() {
    return { packets: new EncodedPacketSink(this.#sound).packets(), config: this.#sound.getDecoderConfig() };
  }

  close() {
    this.#input.dispose();
  }
}

/** Opens a video file (MP4, MOV, WebM, Matroska); null if it is none of these, or without pictures. */
export async function openVideo(/** @type {Blob} */ file) {
  const input = new Input({ source: new BlobSource(file, { handleUnhandledError: () => {} }), formats: [MP4, QTFF, WEBM, MATROSKA] });
  try {
    const track = (await input.canRead()) ? await input.getPrimaryVideoTrack() : null;
    if (track) {
      const sound = await input.getPrimaryAudioTrack();
      const codec = (await track.getCodecParameterString()) ?? String(await track.getInternalCodecId());
      return new Video(input, track, sound, { codec, decodable: await track.canDecode(), sound: (await sound?.getCodec()) ?? null });
    }
  } catch (error) {
    input.dispose();
    throw error;
  }
  input.dispose();
  return null;
}

/** Collects what is written as a Blob, which browsers keep on the disk when it is large. */
function collector() {
  let blob = new Blob();
  const writable = new WritableStream({
    write({ data, position }) {
      const end = position + data.byteLength;
      blob = new Blob([blob.slice(0, position), data, ...(end < blob.size ? [blob.slice(end)] : [])]);
    },
  });
  return { writable, blob: (type) => new Blob([blob], { type }) };
}

/** The codec in which this browser writes such a video, or null. */
export function codecFor(/** @type {'mp4' | 'webm'} */ format, /** @type {number} */ width, /** @type {number} */ height) {
  return getFirstEncodableVideoCodec(FORMATS[format].codecs, { width, height, quality: QUALITY_HIGH });
}

/** Whether a format can hold a sound's codec. */
export const holds = (/** @type {'mp4' | 'webm'} */ format, /** @type {string} */ sound) => new FORMATS[format].Format().getSupportedAudioCodecs().includes(sound);

/**
 * Begins a video file whose frames come from a canvas. The sound of `video` is copied, where the format can hold it.
 * @param {HTMLCanvasElement | OffscreenCanvas} canvas of the video's size
 * @param {{ format: 'mp4' | 'webm', video?: Video }} options
 */
export async function createVideo(canvas, { format, video }) {
  const codec = await codecFor(format, canvas.width, canvas.height);
  if (!codec) throw new Error(`this browser encodes no ${format} of ${canvas.width} x ${canvas.height} pixels`);
  const into = collector();
  const target = new StreamTarget(into.writable, { chunked: true });
  const output = new Output({ format: new FORMATS[format].Format(), target });
  const pictures = new CanvasSource(canvas, { codec, quality: QUALITY_HIGH, keyFrameInterval: 2 });
  output.addVideoTrack(pictures);
  const sounds = video?.sound && holds(format, video.sound) ? new EncodedAudioPacketSource(video.sound) : null;
  if (sounds) output.addAudioTrack(sounds);
  await output.start();
  const { packets, config } = sounds ? video.packets() : {};
  const meta = sounds && { decoderConfig: await config };
  let waiting = sounds ? (await packets.next()).value : undefined;
  /** Copies the sound that is heard until `time`. */
  const soundUntil = async (time) => {
    for (; waiting && waiting.timestamp <= time; waiting = (await packets.next()).value) {
      if (waiting.timestamp >= 0) await sounds.add(waiting, meta);
    }
  };
  return {
    codec,
    /** Adds what the canvas shows. In seconds. */
    async add(/** @type {number} */ time, /** @type {number} */ duration) {
      await pictures.add(time, duration);
      await soundUntil(time);
    },
    /** @returns {Promise<Blob>} */
    async finish() {
      await soundUntil(Infinity);
      await output.finalize();
      return into.blob(format === 'mp4' ? 'video/mp4' : 'video/webm');
    },
    async cancel() {
      await packets?.return();
      await output.cancel();
    },
  };
}
