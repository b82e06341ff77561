/** The action of a server session for a command. */
export type CommandHandler =
  | "createStream"
  | "publish"
  | "play"
  | "closeStream"
  | "deleteStream"
  | "fcPublish"
  | "fcUnpublish"
  | "fcSubscribe"
  | "acknowledged"
  | "streamLength"
  | "pause"
  | "seek"
  | "receiveAudio"
  | "receiveVideo"
  | "nothing";

/** The handlers of commands that are for the NetStream whose message stream they come on. */
export const STREAM_HANDLERS: ReadonlySet<CommandHandler> = new Set([
  "publish",
  "play",
  "closeStream",
  "pause",
  "seek",
  "receiveAudio",
  "receiveVideo",
]);

/** Which handler a command has; a null prototype, since the peer chooses the name. */
const COMMANDS: Readonly<Record<string, CommandHandler>> = Object.assign(Object.create(null), {
  createStream: "createStream",
  initStream: "acknowledged",
  publish: "publish",
  play: "play",
  closeStream: "closeStream",
  deleteStream: "deleteStream",
  releaseStream: "acknowledged",
  FCPublish: "fcPublish",
  FCUnpublish: "fcUnpublish",
  FCSubscribe: "fcSubscribe",
  FCUnsubscribe: "acknowledged",
  _checkbw: "acknowledged",
  checkBandwidth: "acknowledged",
  onBWDone: "nothing",
  getStreamLength: "streamLength",
  pause: "pause",
  pauseRaw: "pause",
  seek: "seek",
  receiveAudio: "receiveAudio",
  receiveVideo: "receiveVideo",
});

/** The handler of a command; `undefined` where it is not known. */
export function commandHandler(name: string): CommandHandler | undefined {
  return COMMANDS[name];
}
