/**
 * Pictures that carry the time at which they were drawn, as ten blocks of colour: eight for the milliseconds of the
 * clock of this machine, and two that tell a picture that was read wrongly. A tone sounds as each second begins.
 */

/** What a picture is. */
export const PICTURE = { width: 320, height: 180, rate: 30 } as const;

/** Samples a second of the tone's one channel. */
export const SAMPLE_RATE = 48_000;

/**
 * Where the time that a picture carries begins again: what eight blocks hold, in whole seconds, since a tone is set
 * against the millisecond of its second. Some four and a half hours.
 */
const STAMP_MODULUS = Math.floor(8 ** 8 / 1000) * 1000;
const BLOCKS = 10;
const BLOCK = PICTURE.width / BLOCKS;
const BAND = 64;
const TONE_MS = 200;
const TONE_HZ = 1000;

/** Draws a picture as RGB: the blocks, and below them a bar that moves, on a colour that changes. */
export function drawPicture(unixMs: number): Uint8Array {
  const { width, height } = PICTURE;
  const picture = new Uint8Array(width * height * 3);
  const blocks = blocksOf(Math.round(unixMs) % STAMP_MODULUS);
  const barAt = Math.floor(unixMs / 10) % width;
  const shade = Math.floor(unixMs / 50) % 200;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 3;
      const block = blocks[Math.floor(x / BLOCK)]!;
      if (y < BAND) picture.set([block & 4, block & 2, block & 1].map((bit) => bit && 255), at);
      else if (Math.abs(x - barAt) < 6) picture.fill(255, at, at + 3);
      else picture.set([shade, 90, 200 - shade], at);
    }
  }
  return picture;
}

/** The eight blocks of a stamp, three bits each, and two of its checksum. */
function blocksOf(stamp: number): number[] {
  const value = stamp * 64 + checksum(stamp);
  return Array.from({ length: BLOCKS }, (_, at) => Math.floor(value / 8 ** (BLOCKS - 1 - at)) % 8);
}

function checksum(stamp: number): number {
  return (stamp * 37 + 11) % 61;
}

/** Draws so many samples of sound, 16 bits each, from a time on: silence but for the first 200 ms of each second. */
export function drawSound(fromUnixMs: number, samples: number): Uint8Array {
  const sound = new Int16Array(samples);
  for (let at = 0; at < samples; at++) {
    const ms = fromUnixMs + at * 1000 / SAMPLE_RATE;
    if (ms % 1000 >= TONE_MS) continue;
    sound[at] = 12_000 * Math.sin((ms % 1000) / 1000 * 2 * Math.PI * TONE_HZ);
  }
  return new Uint8Array(sound.buffer);
}

/**
 * JavaScript for a page: `readStamps(video, { sound })` notes each picture that the element shows, and when each tone
 * begins; `result()` tells, and `stop()` ends it.
 */
export const READ_STAMPS = `
globalThis.readStamps = (video, { sound = false } = {}) => {
  const MOD = ${STAMP_MODULUS}, HALF = MOD / 2;
  const canvas = document.createElement("canvas");
  canvas.width = ${BLOCKS};
  canvas.height = 1;
  const draw = canvas.getContext("2d", { willReadFrequently: true });
  const shown = [], tones = [];
  let wrong = 0, isStopped = false;
  const read = () => {
    const { videoWidth, videoHeight } = video;
    const size = videoWidth / ${BLOCKS};
    // The middle of each block alone: at its edges the encoder mixes it with the next.
    for (let at = 0; at < ${BLOCKS}; at++) {
      draw.drawImage(video, at * size + size / 4, videoHeight / ${PICTURE.height} * ${BAND / 4},
        size / 2, videoHeight / ${PICTURE.height} * ${BAND / 2}, at, 0, 1, 1);
    }
    const { data } = draw.getImageData(0, 0, ${BLOCKS}, 1);
    let value = 0;
    for (let at = 0; at < ${BLOCKS}; at++) {
      for (let colour = 0; colour < 3; colour++) value = value * 2 + (data[at * 4 + colour] > 127);
    }
    const stamp = Math.floor(value / 64);
    return value % 64 === (stamp * 37 + 11) % 61 ? stamp : undefined;
  };
  const onFrame = (_, { expectedDisplayTime }) => {
    if (isStopped) return;
    const stamp = read();
    const atMs = video.ownerDocument.defaultView.performance.timeOrigin + expectedDisplayTime;
    if (stamp === undefined) wrong++;
    else {
      const behindMs = (((atMs - stamp) % MOD) + MOD + HALF) % MOD - HALF;
      shown.push({ stamp, atMs, behindMs });
    }
    video.requestVideoFrameCallback(onFrame);
  };
  video.requestVideoFrameCallback(onFrame);
  let context;
  if (sound) {
    context = new AudioContext({ latencyHint: "interactive" });
    const source = video.srcObject !== null
      ? context.createMediaStreamSource(video.srcObject)
      : context.createMediaElementSource(video);
    const analyser = context.createAnalyser();
    analyser.fftSize = 256;
    source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    let isLoud = false;
    const timer = setInterval(() => {
      if (isStopped) return clearInterval(timer);
      analyser.getFloatTimeDomainData(samples);
      const loud = samples.some((sample) => Math.abs(sample) > 0.05);
      // What a video element plays is heard as late as the sink tells; a stream of tracks is read before that.
      const { baseLatency, outputLatency } = context;
      const heardInMs = video.srcObject === null ? (baseLatency + outputLatency) * 1000 : 0;
      if (loud && !isLoud) tones.push(performance.timeOrigin + performance.now() + heardInMs);
      if (loud !== isLoud) isLoud = loud;
    }, 4);
  }
  /** How far the sound is behind the picture, at each tone. */
  const offsets = () => tones.flatMap((toneMs) => {
    const at = shown.findLastIndex(({ atMs }) => atMs <= toneMs);
    if (at < 0 || toneMs - shown[at].atMs > 100) return [];
    const pictureMs = shown[at].stamp + toneMs - shown[at].atMs;
    const ofSecond = pictureMs % 1000;
    return [ofSecond > 500 ? ofSecond - 1000 : ofSecond];
  });
  return {
    result: () => ({ shown, wrong, offsetsMs: offsets(), tones: tones.length }),
    stop: () => {
      isStopped = true;
      context?.close();
    },
  };
};
undefined`;

/** What a page has read. */
export interface StampsRead {
  /** Each picture: when it was drawn, when it was to be seen, and so how far behind it was, milliseconds. */
  readonly shown: readonly {
    readonly stamp: number;
    readonly atMs: number;
    readonly behindMs: number;
  }[];
  /** Pictures whose blocks are those of no time. */
  readonly wrong: number;
  /** How far the picture was ahead of the sound as each tone began, milliseconds. */
  readonly offsetsMs: readonly number[];
  readonly tones: number;
}
