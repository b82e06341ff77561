/** SRTP: protect and unprotect packets of 1200 bytes, one at a time and a picture's at once. `deno bench bench/srtp_bench.ts` */
import { buildRtpPacket, SRTP_PROFILES, SrtpReceiver, SrtpSender } from "../src/rtp/mod.ts";

const PACKETS = 12;

for (const profile of SRTP_PROFILES) {
  const master = {
    profile,
    key: new Uint8Array(profile.keyBytes),
    salt: new Uint8Array(profile.saltBytes),
  };
  const sender = new SrtpSender(master);
  let sequenceNumber = 0;
  const next = (): Uint8Array[] =>
    Array.from({ length: PACKETS }, () =>
      buildRtpPacket({
        payloadType: 96,
        sequenceNumber: sequenceNumber++ & 0xffff,
        timestamp: 0,
        ssrc: 1,
        payload: new Uint8Array(1188),
      }));
  const packets = next();

  Deno.bench(`${profile.name}: protect ${PACKETS} packets at once`, { group: "at once" }, () => {
    sender.protect(packets);
  });

  Deno.bench(`${profile.name}: protect ${PACKETS} packets, each alone`, { group: "alone" }, () => {
    for (const packet of packets) sender.protect([packet]);
  });

  const receiver = new SrtpReceiver(master);
  Deno.bench(`${profile.name}: unprotect ${PACKETS} packets`, { group: "unprotect" }, (bench) => {
    const sent = sender.protect(next());
    bench.start();
    for (const packet of sent) receiver.unprotect(packet);
    bench.end();
  });
}
