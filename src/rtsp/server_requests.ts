import { contentBase } from "./described_url.ts";
import { encodeRequest } from "./message.ts";
import type { RtspServerSession } from "./server_session.ts";
import { formatRtspUrl, parseRtspUrl } from "./url.ts";

/** A request of a server. */
export interface ServerRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The requests that a server makes of its client on one connection: it numbers them, and counts the answers. */
export class ServerRequests {
  readonly #write: (bytes: Uint8Array) => void;
  #asked = 0;
  #unanswered = 0;

  /** `write` puts a request behind what is to be written. */
  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  /** Asks the client about a session; does nothing where it has set no track up yet. */
  add(session: RtspServerSession, { method, headers, body }: ServerRequest): void {
    const { url } = session.tracks[0] ?? {};
    if (url === undefined) return;
    this.#unanswered++;
    this.#write(encodeRequest({
      method,
      url: formatRtspUrl(contentBase(parseRtspUrl(url))),
      headers: { CSeq: String(++this.#asked), Session: session.id, ...headers },
      ...(body === undefined ? {} : { body }),
    }));
  }

  /** Takes a response of the client; false when there is nothing that it could answer. */
  takeAnswer(): boolean {
    if (this.#unanswered === 0) return false;
    this.#unanswered--;
    return true;
  }
}
