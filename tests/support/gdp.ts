/** What GStreamer's `gdppay` writes: buffers with their times (GStreamer Data Protocol 1.0). */

/** One buffer. */
export interface GdpBuffer {
  /** Presentation time, milliseconds. */
  readonly ptsMs: number;
  readonly data: Uint8Array;
}

const HEADER_BYTES = 62;
const BUFFER = 1;

/** The buffers of a recording, as far as it is whole; events and caps are passed over. */
export function* gdpBuffers(bytes: Uint8Array): Generator<GdpBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const end = at + HEADER_BYTES + view.getUint32(at + 6);
    if (end > bytes.length) return;
    if (view.getUint16(at + 4) === BUFFER) {
      const ptsMs = Number(view.getBigUint64(at + 10)) / 1e6;
      yield { ptsMs, data: bytes.subarray(at + HEADER_BYTES, end) };
    }
    at = end;
  }
}
