import type { HttpOutput, StreamHandler } from "../http_output.ts";
import type { StreamVisit } from "../http_visit.ts";
import { faultAnswer } from "../json_answer.ts";
import type { WebRtcLoader } from "./webrtc_loader.ts";
import type { WebRtcSessions } from "./webrtc_session.ts";
import { type HttpAnswer, WholeAnswer } from "../whole_answer.ts";

/**
 * `/live/cam/whep` plays by WebRTC (draft-ietf-wish-whep), `/live/cam/whip` publishes (RFC 9725): an offer is posted there,
 * and the answer names the URL of the session, which takes PATCH and DELETE.
 */
export function webRtcRows(loader: WebRtcLoader | undefined): HttpOutput[] {
  const sessions: WebRtcSessions = new Map();
  const row = (protocol: "whep" | "whip"): Omit<HttpOutput, "crossOrigin"> => {
    const withSession = (
      act: (visit: StreamVisit, id: string) => HttpAnswer | Promise<HttpAnswer>,
    ): StreamHandler =>
    (visit) => act(visit, visit.suffix[1] ?? "");
    return {
      protocol,
      suffix: protocol === "whep" ? /\/whep(?:\/(\w+))?$/ : /\/whip(?:\/(\w+))?$/,
      methods: {
        POST: withSession(async (visit, id) => {
          if (loader === undefined) return faultAnswer(OFF);
          if (id !== "") return faultAnswer(NOT_HERE);
          const { webrtc, begin } = await loader.load();
          return await begin[protocol](visit, { webrtc, sessions });
        }),
        PATCH: withSession((visit, id) => {
          const session = sessions.get(id);
          const isIt = session?.is(visit.name, protocol) === true;
          return isIt ? session.patch(visit) : faultAnswer(NO_SESSION);
        }),
        DELETE: withSession((visit, id) => {
          const session = sessions.get(id);
          if (session?.is(visit.name, protocol) !== true) return faultAnswer(NO_SESSION);
          session.finish(ENDED);
          return new WholeAnswer(null, { status: 200 });
        }),
      },
    };
  };
  return [
    { ...row("whep"), crossOrigin: ["POST", "PATCH", "DELETE"] },
    row("whip"),
  ];
}

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

const NOT_HERE = {
  status: 405,
  code: "method",
  reason: "Offers are posted to the stream's own URL",
};

const NO_SESSION = { status: 404, code: "session", reason: "There is no such session" };
