import { BitWriter } from "../bytes/mod.ts";
import { parseAc3Header } from "./ac3.ts";
import { readBits } from "./reading.ts";

/** What the configuration of AC-3 and E-AC-3 repeats of a frame's header, in the header's numbers. */
interface Ac3Codes {
  readonly fscod: number;
  readonly bsid: number;
  readonly bsmod: number;
  readonly acmod: number;
  readonly lfeon: number;
  readonly frmsizecod: number;
}

/**
 * Builds the content of the box `dac3` (AC-3) or `dec3` (E-AC-3) out of a frame (ETSI TS 102 366, F.4 and F.6):
 * these codecs have no configuration but what each frame repeats.
 *
 * @throws {MediaError} if the frame's header is cut short or has reserved values
 *
 * @example
 * ```ts
 * import { buildAc3Config } from "@weir/server/media";
 *
 * const frame = new Uint8Array([0x0b, 0x77, 0, 0, 0x14, 0x40, 0x43, 0xe0]);
 * console.log(buildAc3Config(frame).toHex()); // "101140"
 * ```
 */
export function buildAc3Config(frame: Uint8Array): Uint8Array {
  const header = parseAc3Header(frame);
  const writer = new BitWriter();
  if (header.codec === "ac3") {
    const { fscod, bsid, bsmod, acmod, lfeon, frmsizecod } = ac3Codes(frame);
    return writer.u(fscod, 2).u(bsid, 5).u(bsmod, 3).u(acmod, 3).u(lfeon, 1).u(frmsizecod >> 1, 5)
      .u(0, 5).finish();
  }
  const { fscod, bsid, acmod, lfeon } = eac3Codes(frame);
  const { frameSize, sampleRate, samplesPerFrame } = header;
  const kilobits = Math.round((frameSize * 8 * sampleRate) / samplesPerFrame / 1000);
  return writer.u(Math.min(kilobits, 0x1fff), 13).u(0, 3)
    .u(fscod, 2).u(bsid, 5).u(0, 1).u(0, 1).u(0, 3).u(acmod, 3).u(lfeon, 1).u(0, 3).u(0, 4).u(0, 1)
    .finish();
}

function ac3Codes(frame: Uint8Array): Ac3Codes {
  return readBits(frame, "An AC-3 frame", (bits) => {
    bits.skip(32); // syncword, crc1
    const fscod = bits.u(2);
    const frmsizecod = bits.u(6);
    const bsid = bits.u(5);
    const bsmod = bits.u(3);
    const acmod = bits.u(3);
    if ((acmod & 1) !== 0 && acmod !== 1) bits.skip(2); // cmixlev
    if ((acmod & 4) !== 0) bits.skip(2); // surmixlev
    if (acmod === 2) bits.skip(2); // dsurmod
    return { fscod, bsid, bsmod, acmod, lfeon: bits.u(1), frmsizecod };
  });
}

function eac3Codes(frame: Uint8Array): Pick<Ac3Codes, "fscod" | "bsid" | "acmod" | "lfeon"> {
  return readBits(frame, "An E-AC-3 frame", (bits) => {
    bits.skip(16 + 2 + 3 + 11); // syncword, strmtyp, substreamid, frmsiz
    const fscod = bits.u(2);
    bits.skip(2); // fscod2 or numblkscod
    const acmod = bits.u(3);
    const lfeon = bits.u(1);
    return { fscod, acmod, lfeon, bsid: bits.u(5) };
  });
}
