import { RequestFault } from "./request_head.ts";

/** The longest line before a chunk, with extensions that nobody needs, and the longest trailer. */
const MOST_LINE_BYTES = 4096;

/** What a {@linkcode BodyDecoder} makes of some bytes. */
export interface BodyPieces {
  /** What of them is the body's: views of them. */
  readonly pieces: readonly Uint8Array[];
  /** What comes behind the body, once that is over. */
  readonly rest: Uint8Array | undefined;
}

/** Finds the end of a request's body: after so many bytes, or where its chunks say so (RFC 9112, 7.1). */
export class BodyDecoder {
  /** Bytes that are missing of the body, or of the chunk. */
  #missing: number;
  readonly #isChunked: boolean;
  /** The line that is being read, before a chunk, behind it, or of the trailer. */
  #line = "";
  #state: "size" | "data" | "data-end" | "trailer" = "size";
  #trailerBytes = 0;

  /** Of a body of `length` bytes, or one in chunks. */
  constructor(length: number | "chunked") {
    this.#isChunked = length === "chunked";
    this.#missing = length === "chunked" ? 0 : length;
  }

  /**
   * Takes the next bytes; not to be called again when it has returned a rest.
   *
   * @throws {RequestFault} when the chunks are none
   */
  push(bytes: Uint8Array): BodyPieces {
    if (this.#isChunked) return this.#pushChunks(bytes);
    const piece = bytes.subarray(0, this.#missing);
    this.#missing -= piece.length;
    return {
      pieces: piece.length > 0 ? [piece] : [],
      rest: this.#missing === 0 ? bytes.subarray(piece.length) : undefined,
    };
  }

  #pushChunks(bytes: Uint8Array): BodyPieces {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      if (this.#state === "data") {
        const piece = bytes.subarray(at, at + this.#missing);
        pieces.push(piece);
        at += piece.length;
        this.#missing -= piece.length;
        if (this.#missing === 0) this.#state = "data-end";
        continue;
      }
      const byte = bytes[at++]!;
      if (byte !== LF) {
        this.#line += String.fromCharCode(byte);
        if (this.#line.length > MOST_LINE_BYTES) throw wrong();
        continue;
      }
      if (!this.#line.endsWith("\r")) throw wrong();
      const line = this.#line.slice(0, -1);
      this.#line = "";
      if (this.#endLine(line)) return { pieces, rest: bytes.subarray(at) };
    }
    return { pieces, rest: undefined };
  }

  /** A line is whole; whether it is the last of the body. */
  #endLine(line: string): boolean {
    if (this.#state === "data-end") {
      if (line !== "") throw wrong();
      this.#state = "size";
    } else if (this.#state === "trailer") {
      this.#trailerBytes += line.length;
      if (this.#trailerBytes > MOST_LINE_BYTES) throw wrong();
      return line === "";
    } else {
      const [, size] = /^([\da-f]{1,12})[ \t]*(?:;.*)?$/i.exec(line) ?? [];
      if (size === undefined) throw wrong();
      this.#missing = parseInt(size, 16);
      this.#state = this.#missing === 0 ? "trailer" : "data";
    }
    return false;
  }
}

const LF = 10;

function wrong(): RequestFault {
  return new RequestFault(400, "The chunks of the body are none");
}
