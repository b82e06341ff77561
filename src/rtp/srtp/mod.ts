export * from "./mikey.ts";
export * from "./sdes.ts";
export {
  MAX_SRTP_SOURCES,
  SrtpReceiver,
  type SrtpReceiverOptions,
  type SrtpReceiverStats,
} from "./srtp_receiver.ts";
export { type SrtpJob, SrtpSender } from "./srtp_sender.ts";
export type { SrtpMasterKey } from "./srtp_keys.ts";
export * from "./srtp_profile.ts";
