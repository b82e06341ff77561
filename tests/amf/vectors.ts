/** Bytes and the values that they mean, one table for decoders, encoders, truncation and mutation. */
import {
  AmfDictionary,
  AmfEcmaArray,
  AmfExternalizable,
  AmfTypedObject,
  AmfUnsupported,
  type AmfValue,
  AmfVector,
  AmfXml,
} from "@weir/server/amf";

/** Bytes in hexadecimal, spaces as one likes, and the one value they mean. */
export interface WireVector {
  readonly name: string;
  readonly hex: string;
  readonly value: AmfValue;
  /** Set where the value has another, preferred encoding. */
  readonly decodeOnly?: true;
}

/** Bytes of a hexadecimal text. */
export function fromHex(hex: string): Uint8Array {
  return Uint8Array.fromHex(hex.replaceAll(/\s/g, ""));
}

/** The text as UTF-8 in hexadecimal. */
export function text(value: string): string {
  return new TextEncoder().encode(value).toHex();
}

const shared = { a: 1 };
const cycle: Record<string, AmfValue> = {};
cycle.self = cycle;
const one = "3ff0000000000000";
// 2005-03-18T01:58:31Z, in milliseconds as a double.
const date = "42702b3621158000";

/** AMF0: the sections are those of the AMF 0 specification. */
export const AMF0_VECTORS: readonly WireVector[] = [
  { name: "number (2.2)", hex: "00 3ff8000000000000", value: 1.5 },
  { name: "negative zero (2.2)", hex: "00 8000000000000000", value: -0 },
  { name: "infinity (2.2)", hex: "00 7ff0000000000000", value: Infinity },
  { name: "NaN (2.2)", hex: "00 7ff8000000000000", value: NaN },
  { name: "true (2.3)", hex: "01 01", value: true },
  { name: "false (2.3)", hex: "01 00", value: false },
  { name: "true as 0xff (2.3)", hex: "01 ff", value: true, decodeOnly: true },
  { name: "string (2.4)", hex: `02 0004 ${text("live")}`, value: "live" },
  { name: "empty string (2.4)", hex: "02 0000", value: "" },
  { name: "string beyond ASCII (2.4)", hex: "02 0006 c3a9e4b8ad21", value: "é中!" },
  { name: "string with a byte order mark (2.4)", hex: "02 0004 efbbbf61", value: "\ufeffa" },
  { name: "object (2.5)", hex: `03 0003 ${text("app")} 02 0001 78 000009`, value: { app: "x" } },
  { name: "empty object (2.5)", hex: "03 000009", value: {} },
  {
    name: "nested object (2.5)",
    hex: "03 0001 61 03 0001 62 05 000009 000009",
    value: { a: { b: null } },
  },
  {
    name: "duplicate keys (2.5)",
    hex: "03 0001 61 05 0001 61 0101 000009",
    value: { a: true },
    decodeOnly: true,
  },
  { name: "null (2.7)", hex: "05", value: null },
  { name: "undefined (2.8)", hex: "06", value: undefined },
  {
    name: "reference (2.9)",
    hex: `0a 00000002 03 0001 61 00 ${one} 000009 07 0001`,
    value: [shared, shared],
  },
  { name: "cyclic reference (2.9)", hex: `03 0004 ${text("self")} 07 0000 000009`, value: cycle },
  {
    name: "ECMA array (2.10)",
    hex: `08 00000001 0001 61 00 ${one} 000009`,
    value: new AmfEcmaArray({ a: 1 }),
  },
  {
    name: "ECMA array with count 0 (2.10)",
    hex: `08 00000000 0001 61 00 ${one} 000009`,
    value: new AmfEcmaArray({ a: 1 }),
    decodeOnly: true,
  },
  {
    name: "ECMA array with a huge count (2.10)",
    hex: "08 ffffffff 000009",
    value: new AmfEcmaArray({}),
    decodeOnly: true,
  },
  { name: "strict array (2.12)", hex: "0a 00000003 05 06 0101", value: [null, undefined, true] },
  { name: "empty strict array (2.12)", hex: "0a 00000000", value: [] },
  { name: "date (2.13)", hex: `0b ${date} 0000`, value: new Date(1111111111000) },
  {
    name: "date with a time zone (2.13)",
    hex: `0b ${date} ffc4`,
    value: new Date(1111111111000),
    decodeOnly: true,
  },
  { name: "date that is none (2.13)", hex: "0b 7ff8000000000000 0000", value: new Date(NaN) },
  {
    name: "long string (2.14)",
    hex: `0c 00010000 ${text("x".repeat(65536))}`,
    value: "x".repeat(65536),
  },
  { name: "short long string (2.14)", hex: "0c 00000001 78", value: "x", decodeOnly: true },
  { name: "unsupported (2.15)", hex: "0d", value: new AmfUnsupported() },
  { name: "XML document (2.17)", hex: `0f 00000004 ${text("<a/>")}`, value: new AmfXml("<a/>") },
  {
    name: "typed object (2.18)",
    hex: `10 000e ${text("org.pyamf.spam")} 0003 ${text("baz")} 02 0005 ${text("hello")} 000009`,
    value: new AmfTypedObject("org.pyamf.spam", { baz: "hello" }),
  },
  { name: "AMF3 string behind the switch (3.1)", hex: "11 06 03 61", value: "a", decodeOnly: true },
  {
    name: "AMF3 byte array behind the switch (3.1)",
    hex: "11 0c 05 0102",
    value: new Uint8Array([1, 2]),
  },
  {
    name: "AMF3 inside of an array (3.1)",
    hex: "0a 00000002 11 0c 03 07 05",
    value: [new Uint8Array([7]), null],
  },
];

/** AMF3: the sections are those of the AMF 3 specification of January 2013. */
export const AMF3_VECTORS: readonly WireVector[] = [
  { name: "undefined (3.2)", hex: "00", value: undefined },
  { name: "null (3.3)", hex: "01", value: null },
  { name: "false (3.4)", hex: "02", value: false },
  { name: "true (3.5)", hex: "03", value: true },
  { name: "integer 0 (3.6)", hex: "04 00", value: 0 },
  { name: "integer 0x7f (1.3.1)", hex: "04 7f", value: 0x7f },
  { name: "integer 0x80 (1.3.1)", hex: "04 8100", value: 0x80 },
  { name: "integer 0x3fff (1.3.1)", hex: "04 ff7f", value: 0x3fff },
  { name: "integer 0x4000 (1.3.1)", hex: "04 818000", value: 0x4000 },
  { name: "integer 0x1fffff (1.3.1)", hex: "04 ffff7f", value: 0x1fffff },
  { name: "integer 0x200000 (1.3.1)", hex: "04 80c08000", value: 0x200000 },
  { name: "integer 0x0fffffff (3.6)", hex: "04 bfffffff", value: 0x0fffffff },
  { name: "integer -1 (3.6)", hex: "04 ffffffff", value: -1 },
  { name: "integer -0x10000000 (3.6)", hex: "04 c0808000", value: -0x10000000 },
  { name: "integer past 29 bits is a double (3.6)", hex: "05 41b0000000000000", value: 0x10000000 },
  {
    name: "integer below 29 bits is a double (3.6)",
    hex: "05 c1b0000001000000",
    value: -0x10000001,
  },
  { name: "double (3.7)", hex: "05 3ff8000000000000", value: 1.5 },
  { name: "negative zero (3.7)", hex: "05 8000000000000000", value: -0 },
  { name: "double that is whole (3.7)", hex: `05 ${one}`, value: 1, decodeOnly: true },
  { name: "string (3.8)", hex: "06 07 666f6f", value: "foo" },
  { name: "empty string (3.8)", hex: "06 01", value: "" },
  {
    name: "string references (1.3.2)",
    hex: "09 09 01 06 03 61 06 01 06 03 62 06 02",
    value: ["a", "", "b", "b"],
  },
  {
    name: "XML document (3.9)",
    hex: `07 09 ${text("<a/>")}`,
    value: new AmfXml("<a/>", "document"),
  },
  { name: "date (3.10)", hex: `08 01 ${date}`, value: new Date(1111111111000) },
  { name: "dense array (3.11)", hex: "09 07 01 0400 0401 0402", value: [0, 1, 2] },
  { name: "empty array (3.11)", hex: "09 01 01", value: [] },
  {
    name: "associative array (3.11)",
    hex: "09 01 03 61 0401 03 62 0402 01",
    value: new AmfEcmaArray({ a: 1, b: 2 }),
  },
  {
    name: "mixed array (3.11)",
    hex: "09 05 03 61 01 01 0400 0401",
    value: new AmfEcmaArray({ a: null }, [0, 1]),
  },
  { name: "anonymous dynamic object (3.12)", hex: "0a 0b 01 07 666f6f 0405 01", value: { foo: 5 } },
  {
    name: "sealed object of a class (3.12)",
    hex: "0a 23 07 666f6f 03 61 03 62 0401 0402",
    value: new AmfTypedObject("foo", { a: 1, b: 2 }, { sealed: ["a", "b"], dynamic: false }),
  },
  {
    name: "sealed and dynamic object (3.12)",
    hex: "0a 1b 07 666f6f 03 61 0401 03 62 0402 01",
    value: new AmfTypedObject("foo", { a: 1, b: 2 }, { sealed: ["a"] }),
  },
  {
    name: "anonymous sealed object (3.12)",
    hex: "0a 13 01 03 61 0401",
    value: new AmfTypedObject("", { a: 1 }, { sealed: ["a"], dynamic: false }),
  },
  {
    name: "trait reference (3.12)",
    hex: "09 05 01 0a 13 01 03 61 0401 0a 01 0402",
    value: [
      new AmfTypedObject("", { a: 1 }, { sealed: ["a"], dynamic: false }),
      new AmfTypedObject("", { a: 2 }, { sealed: ["a"], dynamic: false }),
    ],
  },
  {
    name: "object reference (3.12)",
    hex: "09 05 01 0a 0b 01 03 61 0401 01 0a 02",
    value: [shared, shared],
  },
  { name: "cyclic reference (3.12)", hex: `0a 0b 01 09 ${text("self")} 0a 00 01`, value: cycle },
  {
    name: "ArrayCollection (3.12)",
    hex: `0a 07 43 ${text("flex.messaging.io.ArrayCollection")} 09 03 01 0401`,
    value: new AmfExternalizable("flex.messaging.io.ArrayCollection", [1]),
  },
  { name: "XML (3.13)", hex: `0b 09 ${text("<a/>")}`, value: new AmfXml("<a/>", "e4x") },
  { name: "ByteArray (3.14)", hex: "0c 07 00ff80", value: new Uint8Array([0, 255, 128]) },
  {
    name: "vector of int (3.15)",
    hex: "0d 05 00 00000001 ffffffff",
    value: new AmfVector("int", [1, -1]),
  },
  {
    name: "fixed vector of uint (3.15)",
    hex: "0e 03 01 ffffffff",
    value: new AmfVector("uint", [4294967295], { fixed: true }),
  },
  { name: "vector of double (3.15)", hex: `0f 03 00 ${one}`, value: new AmfVector("double", [1]) },
  {
    name: "vector of objects (3.15)",
    hex: "10 03 00 07 666f6f 0a 03 00",
    value: new AmfVector("object", [new AmfTypedObject("foo", {}, { dynamic: false })], {
      className: "foo",
    }),
  },
  {
    name: "vector of anything (3.15)",
    hex: "10 05 00 03 2a 01 03",
    value: new AmfVector("object", [null, true]),
  },
  {
    name: "dictionary (3.16)",
    hex: "11 05 00 06 03 61 0401 0402 03",
    value: new AmfDictionary(new Map<AmfValue, AmfValue>([["a", 1], [2, true]])),
  },
  {
    name: "dictionary with weak keys (3.16)",
    hex: "11 01 01",
    value: new AmfDictionary(new Map(), true),
  },
];

/** The connect command of FFmpeg 5.1, as it came over RTMP. */
export const FFMPEG_CONNECT =
  "020007636f6e6e656374003ff00000000000000300036170700200046c69766500047479706502000a6e6f6e70726976" +
  "6174650008666c617368566572020024464d4c452f332e302028636f6d70617469626c653b204c61766635392e32372e" +
  "313030290005746355726c02001b72746d703a2f2f3132372e302e302e313a31393335302f6c697665000009";

/** The onMetaData that FFmpeg 5.1 writes for H.264 and AAC. */
export const FFMPEG_METADATA =
  "02000a6f6e4d65746144617461080000000b0005776964746800409400000000000000066865696768740040868000000" +
  "00000000d766964656f646174617261746500000000000000000000096672616d657261746500403e000000000000000c" +
  "766964656f636f646563696400401c000000000000000d617564696f6461746172617465004050d88000000000000f617" +
  "564696f73616d706c65726174650040e5888000000000000f617564696f73616d706c6573697a65004030000000000000" +
  "000673746572656f0100000c617564696f636f64656369640040240000000000000007656e636f64657202000d4c61766" +
  "635392e32372e313030000009";

/** The values of {@linkcode FFMPEG_METADATA}. */
export const FFMPEG_METADATA_PROPERTIES = {
  width: 1280,
  height: 720,
  videodatarate: 0,
  framerate: 30,
  videocodecid: 7,
  audiodatarate: 67.3828125,
  audiosamplerate: 44100,
  audiosamplesize: 16,
  stereo: false,
  audiocodecid: 10,
  encoder: "Lavf59.27.100",
};
