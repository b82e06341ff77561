/** States of a session (RFC 2326, A.2, with a ready state for each direction). */
export type RtspState = "initial" | "ready-to-play" | "playing" | "ready-to-record" | "recording";

/** Methods that this library carries out as a server. */
export type RtspMethod =
  | "OPTIONS"
  | "DESCRIBE"
  | "ANNOUNCE"
  | "SETUP"
  | "PLAY"
  | "PAUSE"
  | "RECORD"
  | "TEARDOWN"
  | "GET_PARAMETER"
  | "SET_PARAMETER";

/** All methods, in the order that `Public` lists them. */
export const RTSP_METHODS: readonly RtspMethod[] = [
  "OPTIONS",
  "DESCRIBE",
  "ANNOUNCE",
  "SETUP",
  "PLAY",
  "PAUSE",
  "RECORD",
  "TEARDOWN",
  "GET_PARAMETER",
  "SET_PARAMETER",
];

/** Methods that no state forbids and that change none. */
const STATELESS: readonly RtspMethod[] = ["OPTIONS", "DESCRIBE", "GET_PARAMETER", "SET_PARAMETER"];

/** Which methods each state allows, and the state they lead to. */
export const RTSP_TRANSITIONS: Readonly<
  Record<RtspState, Readonly<Partial<Record<RtspMethod, RtspState>>>>
> = {
  initial: {
    ANNOUNCE: "ready-to-record",
    SETUP: "ready-to-play",
    TEARDOWN: "initial",
  },
  "ready-to-play": {
    SETUP: "ready-to-play",
    PLAY: "playing",
    PAUSE: "ready-to-play",
    TEARDOWN: "initial",
  },
  playing: {
    PLAY: "playing",
    PAUSE: "ready-to-play",
    TEARDOWN: "initial",
  },
  "ready-to-record": {
    SETUP: "ready-to-record",
    RECORD: "recording",
    PAUSE: "ready-to-record",
    TEARDOWN: "initial",
  },
  recording: {
    RECORD: "recording",
    PAUSE: "ready-to-record",
    TEARDOWN: "initial",
  },
};

/** Methods that `state` allows, in the order that `Allow` lists them. */
export function allowedMethods(state: RtspState): RtspMethod[] {
  return RTSP_METHODS.filter((method) =>
    STATELESS.includes(method) || method in RTSP_TRANSITIONS[state]
  );
}
