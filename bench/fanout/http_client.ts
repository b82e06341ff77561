/** Requests of HTTP as cheap as they can be: many viewers share a process, and are not what is measured. */

/** An answer. Its body is good until the next request over the same connection. */
export interface HttpAnswer {
  readonly status: number;
  /** Where it was found, behind all redirections: path and query. */
  readonly path: string;
  readonly body: Uint8Array;
  /** Bytes on the wire. */
  readonly bytes: number;
}

/** What a viewer has been told to show with each request, over all of its connections. */
export type Cookies = Map<string, string>;

const REDIRECTIONS = 5;
const FIRST_BYTES = 4096;

/** One connection to this machine that is kept, and makes one request at a time. */
export class HttpClient {
  readonly #conn: Deno.TcpConn;
  readonly #cookies: Cookies;
  #buffer: Uint8Array = new Uint8Array(FIRST_BYTES);
  /** What has come and was not taken yet is between these. */
  #start = 0;
  #end = 0;

  private constructor(conn: Deno.TcpConn, cookies: Cookies) {
    this.#conn = conn;
    this.#cookies = cookies;
  }

  /** Connects. */
  static async open(port: number, cookies: Cookies): Promise<HttpClient> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay(true);
    return new HttpClient(conn, cookies);
  }

  /** Asks for a path, and follows redirections on the same server. */
  async get(path: string): Promise<HttpAnswer> {
    let bytes = 0;
    for (let redirections = 0;; redirections++) {
      const { location, ...answer } = await this.#exchange(path);
      bytes += answer.bytes;
      if (location === undefined) return { ...answer, path, bytes };
      if (redirections === REDIRECTIONS) throw new Error(`${path} redirects for ever`);
      path = resolvedPath(location, path);
    }
  }

  close(): void {
    this.#conn.close();
  }

  async #exchange(path: string) {
    const cookies = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const cookie = cookies === "" ? "" : `cookie: ${cookies}\r\n`;
    const request = `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${cookie}\r\n`;
    const bytes = new TextEncoder().encode(request);
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
    const head = await this.#takeThrough("\r\n\r\n");
    for (const [, name, value] of head.matchAll(/^set-cookie: *([^=]+)=([^;\r]*)/gim)) {
      this.#cookies.set(name!, value!);
    }
    const status = Number(head.slice(9, 12));
    const isChunked = /^transfer-encoding: *chunked/im.test(head);
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    const body = isChunked ? await this.#takeChunks() : await this.#take(length);
    const location = status >= 300 && status < 400
      ? /^location: *(.*)\r$/im.exec(head)?.[1]
      : undefined;
    return { status, body, bytes: head.length + body.length, location };
  }

  /** The chunks of a body behind each other (RFC 9112, 7.1). */
  async #takeChunks(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for (;;) {
      const length = parseInt(await this.#takeThrough("\r\n"), 16);
      const chunk = await this.#take(length + 2);
      if (length === 0) break;
      // What is taken next may move what is in the buffer.
      chunks.push(chunk.slice(0, length));
    }
    if (chunks.length === 1) return chunks[0]!;
    const body = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const chunk of chunks) {
      body.set(chunk, at);
      at += chunk.length;
    }
    return body;
  }

  async #takeThrough(mark: string): Promise<string> {
    const last = mark.charCodeAt(mark.length - 1);
    for (let from = 0;;) {
      const at = this.#buffer.subarray(this.#start, this.#end).indexOf(last, from);
      if (at < 0) {
        from = this.#end - this.#start;
        await this.#fill(from + 1);
        continue;
      }
      from = at + 1;
      const text = latin1.decode(this.#buffer.subarray(this.#start, this.#start + from));
      if (!text.endsWith(mark)) continue;
      this.#start += from;
      return text;
    }
  }

  async #take(length: number): Promise<Uint8Array> {
    await this.#fill(length);
    const taken = this.#buffer.subarray(this.#start, this.#start + length);
    this.#start += length;
    return taken;
  }

  /** Reads until there are so many bytes. */
  async #fill(length: number): Promise<void> {
    if (this.#start + length > this.#buffer.length) {
      const rest = this.#buffer.subarray(this.#start, this.#end);
      if (length > this.#buffer.length) this.#buffer = new Uint8Array(2 * length);
      this.#buffer.set(rest);
      this.#start = 0;
      this.#end = rest.length;
    }
    while (this.#end - this.#start < length) {
      const count = await this.#conn.read(this.#buffer.subarray(this.#end));
      if (count === null) throw new Error("The server has closed the connection");
      this.#end += count;
    }
  }
}

const latin1 = new TextDecoder("latin1");

/** Path and query of a reference that stands in what was found at `path`. */
export function resolvedPath(reference: string, path: string): string {
  const { pathname, search } = new URL(reference, `http://127.0.0.1${path}`);
  return pathname + search;
}
