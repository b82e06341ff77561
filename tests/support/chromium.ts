/**
 * Debian's Chromium without a window, driven by its own protocol: the tests' permissions are too narrow for Playwright,
 * which looks into `/proc`.
 */
import { RunningProcess } from "./process.ts";

const ARGUMENTS = [
  "--headless=new",
  // Tests run as root, in containers.
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--autoplay-policy=no-user-gesture-required",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
  // Tests may use this machine's own addresses alone; and it shows them as they are.
  "--allow-loopback-in-peer-connection",
  "--disable-features=WebRtcHideLocalIpsWithMdns",
  "--remote-debugging-port=0",
];

/** What the browser answers, or tells. */
interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** A browser with a camera and a microphone that are made up. */
export class Chromium implements AsyncDisposable {
  readonly #process: RunningProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (message: Message) => void>();
  readonly #watchers = new Set<(message: Message) => void>();
  #nextId = 1;

  private constructor(process: RunningProcess, profile: string, socket: WebSocket) {
    this.#process = process;
    this.#profile = profile;
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const message: Message = JSON.parse(data);
      if (message.id === undefined) { for (const watcher of this.#watchers) watcher(message); }
      else this.#waiting.get(message.id)?.(message);
    };
    socket.onclose = () => {
      for (const answer of this.#waiting.values()) answer({ error: { message: "It has ended" } });
    };
  }

  /** Starts one; it is ended after two minutes in any case. */
  static async start(args: readonly string[] = []): Promise<Chromium> {
    const profile = await Deno.makeTempDir();
    const process = new RunningProcess(
      "chromium",
      [...ARGUMENTS, ...args, `--user-data-dir=${profile}`, "about:blank"],
      { limitMs: 120_000 },
    );
    const [, url] = await process.line(/^DevTools listening on (ws:\/\/\S+)/);
    const socket = new WebSocket(url!);
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error(process.lines.join("\n")));
    });
    return new Chromium(process, profile, socket);
  }

  /** Opens a page at a URL. */
  async page(url: string): Promise<Page> {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, String(sessionId));
    await page.open(url);
    return page;
  }

  /** Asks the browser, or a page of it, to do something; resolves with what it answers. */
  async send(
    method: string,
    params: Record<string, unknown> = {},
    options: { readonly sessionId?: string } = {},
  ): Promise<Record<string, unknown>> {
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#waiting.set(id, resolve);
    this.#socket.send(JSON.stringify({ id, method, params, ...options }));
    const { result, error } = await promise;
    this.#waiting.delete(id);
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result!;
  }

  /** Resolves when a page tells of an event. */
  event(method: string, sessionId: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const watcher = (message: Message): void => {
      if (message.method !== method || message.sessionId !== sessionId) return;
      this.#watchers.delete(watcher);
      resolve();
    };
    this.#watchers.add(watcher);
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#socket.onclose = () => resolve();
    });
    this.#socket.close();
    await this.#process[Symbol.asyncDispose]();
    await closed;
    // Its children may still write there.
    await Deno.remove(this.#profile, { recursive: true }).catch(() => {});
  }
}

/** A page of a browser. */
export class Page {
  readonly #browser: Chromium;
  readonly #sessionId: string;

  /** Made by {@linkcode Chromium.page}. */
  constructor(browser: Chromium, sessionId: string) {
    this.#browser = browser;
    this.#sessionId = sessionId;
  }

  /** Goes to a URL; resolves when all of it is loaded. */
  async open(url: string): Promise<void> {
    const { send, session } = this.#bound;
    await send("Page.enable", {}, session);
    const loaded = this.#browser.event("Page.loadEventFired", this.#sessionId);
    const { errorText } = await send("Page.navigate", { url }, session);
    if (errorText !== undefined) throw new Error(`${url}: ${errorText}`);
    await loaded;
  }

  /** Asks the browser to do something with it. */
  async send(
    method: string,
    params: Record<string, unknown> = {},
  ): Promise<Record<string, unknown>> {
    return await this.#browser.send(method, params, { sessionId: this.#sessionId });
  }

  /** Closes it. */
  async close(): Promise<void> {
    const { send, session } = this.#bound;
    await send("Page.close", {}, session);
  }

  /** Runs JavaScript in the page; resolves with its value, of a promise with what that resolves to. */
  async evaluate<T>(expression: string): Promise<T> {
    const { send, session } = this.#bound;
    const { result, exceptionDetails } = await send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
      userGesture: true,
    }, session);
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { readonly value: T }).value;
  }

  /** Resolves when an expression is true in the page; rejects after half a minute. */
  async becomes(expression: string): Promise<void> {
    const found = await this.evaluate<boolean>(`new Promise((resolve) => {
      const limit = setTimeout(() => resolve(false), 30000);
      const look = () => {
        if (!(${expression})) return setTimeout(look, 50);
        clearTimeout(limit);
        resolve(true);
      };
      look();
    })`);
    if (!found) throw new Error(`It did not become true in the page: ${expression}`);
  }

  get #bound() {
    return {
      send: this.#browser.send.bind(this.#browser),
      session: { sessionId: this.#sessionId },
    };
  }
}
