/**
 * RTP and RTCP (RFC 3550): packets, what a receiver and a sender of them remember, the time of tracks,
 * and payload formats that make access units of packets and packets of access units.
 *
 * Packets are protected by SRTP (RFC 3711) with {@linkcode SrtpSender} and {@linkcode SrtpReceiver}.
 *
 * Nothing here touches a socket or a clock: bytes and times come in, packets and times go out.
 *
 * @example From packets in any order to access units, and back to packets
 * ```ts
 * import {
 *   createDepacketizer,
 *   createPacketizer,
 *   parseRtpPacket,
 *   RtpReceiver,
 *   RtpSender,
 * } from "@weir/server/rtp";
 *
 * const format = { encodingName: "H264", clockRate: 90000 };
 * const packetizer = createPacketizer(format)!;
 * const sender = new RtpSender({ ssrc: 1, payloadType: 96, clockRate: 90000, sequenceNumber: 7 });
 * const picture = new Uint8Array(5000);
 * picture.set([0x65, 0x88]); // the header of an IDR slice, which begins at macroblock 0
 * const datagrams = packetizer.packetize({ timestamp: 0, parts: [picture] })
 *   .map((payload) => sender.build(payload));
 *
 * const receiver = new RtpReceiver({ clockRate: 90000 });
 * const depacketizer = createDepacketizer(format)!;
 * for (const datagram of datagrams) {
 *   for (const packet of receiver.push(parseRtpPacket(datagram), 0)) {
 *     for (const unit of depacketizer.push(packet)) console.log(unit.parts[0]?.length); // 5000
 *   }
 * }
 * ```
 *
 * @module
 */
export * from "./timestamp.ts";
export * from "./errors.ts";
export * from "./ntp.ts";
export * from "./packet.ts";
export * from "./receiver.ts";
export * from "./rtcp.ts";
export * from "./rtcp_build.ts";
export * from "./rtcp_feedback.ts";
export * from "./sender.ts";
export * from "./serial.ts";
export * from "./srtp/mod.ts";
export * from "./track_aligner.ts";
export * from "./payload/mod.ts";
