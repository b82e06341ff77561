import type { HttpOutput } from "../http_output.ts";
import type { StreamVisit } from "../http_visit.ts";
import { faultAnswer } from "../json_answer.ts";
import type { WebRtcLoader } from "./webrtc_loader.ts";
import type { WebRtcSession, WebRtcSessions } from "./webrtc_session.ts";
import { type HttpAnswer, WholeAnswer } from "../whole_answer.ts";

/**
 * `/live/cam/whep` plays by WebRTC (draft-ietf-wish-whep), `/live/cam/whip` publishes (RFC 9725): an offer is posted there,
 * and the answer names the URL of the session, which takes PATCH and DELETE. GET has nothing to show at either (4.1).
 */
export function webRtcRows(loader: WebRtcLoader | undefined): HttpOutput[] {
  const sessions: WebRtcSessions = new Map();
  const rows = (protocol: "whep" | "whip"): readonly HttpOutput[] => {
    const withSession = (
      act: (session: WebRtcSession, visit: StreamVisit) => HttpAnswer | Promise<HttpAnswer>,
    ) =>
    (visit: StreamVisit) => {
      const session = sessions.get(visit.suffix[1]!);
      return session?.is(visit.name, protocol) === true
        ? act(session, visit)
        : faultAnswer(NO_SESSION);
    };
    return [
      {
        protocol,
        suffix: protocol === "whep" ? /\/whep$/ : /\/whip$/,
        told: { "accept-post": "application/sdp" },
        methods: {
          POST: async (visit) => {
            if (loader === undefined) return faultAnswer(OFF);
            const { webrtc, begin } = await loader.load();
            return await begin[protocol](visit, { webrtc, sessions });
          },
          GET: () => loader === undefined ? faultAnswer(OFF) : NOTHING_TO_SHOW[protocol],
        },
      },
      {
        protocol,
        suffix: protocol === "whep" ? /\/whep\/(\w+)$/ : /\/whip\/(\w+)$/,
        told: { "accept-patch": "application/trickle-ice-sdpfrag" },
        methods: {
          PATCH: withSession((session, visit) => session.patch(visit)),
          DELETE: withSession((session) => {
            session.finish(ENDED);
            return new WholeAnswer(null, { status: 200 });
          }),
          GET: withSession(() => NOTHING_TO_SHOW.whip),
        },
      },
    ];
  };
  return [
    ...rows("whep").map((row) => ({ ...row, crossOrigin: ["POST", "PATCH", "DELETE"] })),
    ...rows("whip"),
  ];
}

/** By its type players see that they have found an endpoint of WHEP (draft-ietf-wish-whep-04, 4.2). */
const NOTHING_TO_SHOW = {
  whep: new WholeAnswer("", {
    headers: { "content-type": "application/sdp", "cache-control": "no-store" },
  }),
  whip: new WholeAnswer(null, { status: 204, headers: { "cache-control": "no-store" } }),
} as const;

const ENDED = {
  clean: true,
  reason: "closed",
  message: "The client has ended its session",
} as const;

const OFF = {
  status: 404,
  code: "off",
  reason: "WebRTC is off: this server has no UDP port for it",
};

const NO_SESSION = { status: 404, code: "session", reason: "There is no such session" };
