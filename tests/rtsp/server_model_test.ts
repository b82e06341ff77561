import { assert, assertEquals } from "@std/assert";
import fc from "../support/fast_check.ts";
import { RTSP_METHODS, RtspDecoder, type RtspMethod, type RtspState } from "../../src/rtsp/mod.ts";
import { ANNOUNCED, Peer, registry, TCP, udp, URL } from "./server_peer.ts";

const type = { "Content-Type": "application/sdp" };

/** The table once more, from RFC 2326, A.2, so that a slip in the other one shows. */
const MODEL: Record<RtspState, string> = {
  initial: "ANNOUNCE>ready-to-record SETUP>ready-to-play TEARDOWN>initial",
  "ready-to-play": "SETUP>ready-to-play PLAY>playing PAUSE>ready-to-play TEARDOWN>initial",
  playing: "PLAY>playing PAUSE>ready-to-play TEARDOWN>initial",
  "ready-to-record":
    "SETUP>ready-to-record RECORD>recording PAUSE>ready-to-record TEARDOWN>initial",
  recording: "RECORD>recording PAUSE>ready-to-record TEARDOWN>initial",
};

function target(state: RtspState, method: RtspMethod): RtspState | undefined {
  const entry = MODEL[state].split(" ").find((one) => one.startsWith(`${method}>`));
  return entry?.split(">")[1] as RtspState | undefined;
}

/** What a session is expected to be after what was answered with 200. */
interface Model {
  state: RtspState;
  tracks: number;
}

Deno.test("any walk over the methods keeps to the table of transitions (CVE-2021-38380, mediamtx#5253)", () => {
  const method = fc.constantFrom(...RTSP_METHODS);
  fc.assert(
    fc.property(fc.array(method, { minLength: 1, maxLength: 25 }), fc.boolean(), (methods, tcp) => {
      const peer = new Peer();
      const model: Model = { state: "initial", tracks: 0 };
      let session: Record<string, string> = {};
      for (const one of methods) {
        const before = model.state;
        const { url, headers } = request(one, model, tcp);
        const body = one === "ANNOUNCE" ? ANNOUNCED : undefined;
        const response = peer.request(one, url, { ...headers, ...session }, body);
        assertEquals(response.status, expected(one, model, session), `${one} in ${before}`);
        if (response.status === 200) follow(one, model);
        const id = response.headers.get("Session")?.split(";")[0];
        if (id !== undefined) session = { Session: id };
        if (one === "TEARDOWN" && response.status === 200) session = {};
        const [known] = peer.sessions;
        assertEquals(known?.state ?? "initial", model.state);
        assertEquals(known?.tracks.length ?? 0, model.tracks);
      }
    }),
    { seed: 21, numRuns: 400 },
  );
});

function request(method: RtspMethod, model: Model, tcp: boolean) {
  const record = model.state === "ready-to-record" || model.state === "recording";
  const transport = (tcp ? TCP : udp(5000 + 2 * model.tracks)) + (record ? ";mode=record" : "");
  if (method === "SETUP") {
    const name = record ? "streamid" : "trackID";
    return { url: `${URL}/${name}=${model.tracks}`, headers: { Transport: transport } };
  }
  return { url: URL, headers: method === "ANNOUNCE" ? type : {} };
}

/** What the table and the checklist say, without the code that is tested. */
function expected(method: RtspMethod, model: Model, session: Record<string, string>): number {
  if (["OPTIONS", "DESCRIBE", "GET_PARAMETER", "SET_PARAMETER"].includes(method)) return 200;
  const inSession = session["Session"] !== undefined;
  if (!inSession && method !== "ANNOUNCE" && method !== "SETUP") return 454;
  if (target(model.state, method) === undefined) return 455;
  if (method === "RECORD" && model.tracks < 2) return 400;
  // The announcement has two media: a third is not found.
  if (method === "SETUP" && model.state === "ready-to-record" && model.tracks >= 2) return 404;
  return 200;
}

function follow(method: RtspMethod, model: Model): void {
  model.state = target(model.state, method) ?? model.state;
  if (method === "SETUP") model.tracks++;
  if (method === "TEARDOWN") model.tracks = 0;
}

Deno.test("any lines of bytes yield responses or a closed connection, never an exception", () => {
  const urls = [URL, `${URL}/trackID=0`, "*", "", "rtsp://", "rtsp://h:8554/trackID=99999999", "?"];
  const values = [
    TCP,
    `${TCP};mode=record`,
    udp(5000),
    "RTP/AVP;multicast",
    "npt=0-",
    "",
    "\u00e9",
    "Digest x",
    "application/sdp",
    "1",
  ];
  const names = ["CSeq", "Session", "Transport", "Range", "Content-Type", "Accept", "Require", "X"];
  const message = fc.record({
    method: fc.constantFrom(...RTSP_METHODS, "X", ""),
    url: fc.constantFrom(...urls),
    headers: fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...values))),
    body: fc.constantFrom("", ANNOUNCED, "v=0\r\n"),
    own: fc.boolean(),
    frame: fc.option(fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 5 }))),
    cut: fc.option(fc.nat(200), { freq: 9 }),
  });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 12 }), (messages) => {
      const peer = new Peer({ sessions: registry() });
      const decoder = new RtspDecoder();
      for (const { method, url, headers, body, own, frame, cut } of messages) {
        const id = [...peer.sessions][0]?.id;
        const lines = [`${method} ${url} RTSP/1.0`, "CSeq: 1"];
        if (own && id !== undefined) lines.push(`Session: ${id}`);
        lines.push(...headers.map(([name, value]) => `${name}: ${value}`));
        if (body !== "") lines.push(`Content-Length: ${body.length}`);
        const bytes = new TextEncoder().encode([...lines, "", body].join("\r\n"));
        const sent = cut === null ? bytes : bytes.subarray(0, cut);
        const decoded = decoder.push(sent);
        if (frame !== null) {
          decoded.push({ kind: "frame", channel: frame[0], payload: frame[1] });
        }
        for (const response of peer.receive(decoded)) {
          assert(response.status >= 200 && response.status < 600);
        }
        for (const { state, tracks } of peer.sessions) {
          if (state === "playing" || state === "recording") assert(tracks.length > 0);
        }
      }
      peer.connection.end();
      peer.sessions.tick(1e9);
      assertEquals(peer.sessions.size, 0);
    }),
    { seed: 22, numRuns: 800 },
  );
});

Deno.test("two connections that share sessions keep them apart, whatever they send", () => {
  const step = fc.tuple(fc.boolean(), fc.constantFrom(...RTSP_METHODS), fc.boolean());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const sessions = registry();
      const peers = [new Peer({ sessions }), new Peer({ sessions, address: "127.0.0.2" })] as const;
      for (const [second, method, foreign] of steps) {
        const peer = peers[second ? 1 : 0];
        const own = [...sessions].find(({ address }) =>
          (address === peer.connection.address) !== foreign
        );
        const headers: Record<string, string> = own === undefined ? {} : { Session: own.id };
        const state = own?.state;
        const url = method === "SETUP" ? `${URL}/trackID=0` : URL;
        const all = { Transport: TCP, ...type, ...headers };
        const body = method === "ANNOUNCE" ? ANNOUNCED : undefined;
        if (peer.connection.closeReason !== undefined) continue;
        const { status } = peer.request(method, url, all, body);
        if (foreign && own !== undefined) {
          assertEquals(status, 400, method);
          assertEquals(own.state, state);
          assertEquals(own.closed, false);
        }
      }
    }),
    { seed: 23, numRuns: 300 },
  );
});
