/** What a page does with WHEP and WHIP, and what it sees of it. */
import type { Page } from "./chromium.ts";

/** What a player in a page has seen. */
export interface Watched {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Seconds played, of the element. */
  readonly currentTime: number;
  readonly width: number;
  readonly framesDecoded: number;
  readonly keyFramesDecoded: number;
  readonly audioPackets: number;
  readonly packetsLost: number;
  readonly nacks: number;
  readonly retransmitted: number;
}

/** Plays `url` by WHEP until so many frames were decoded; `init` runs before, with `pc`. */
export async function watch(
  page: Page,
  url: string,
  options: { readonly frames: number; readonly audio?: boolean; readonly keepOpen?: boolean },
): Promise<Watched> {
  const { frames, audio = true, keepOpen = false } = options;
  return await page.evaluate(`(async () => {
    const pc = globalThis.player = new RTCPeerConnection();
    pc.addTransceiver("video", { direction: "recvonly" });
    if (${audio}) pc.addTransceiver("audio", { direction: "recvonly" });
    const video = document.createElement("video");
    video.muted = video.autoplay = true;
    const media = video.srcObject = new MediaStream();
    document.body.append(video);
    pc.ontrack = ({ track }) => media.addTrack(track);
    await pc.setLocalDescription(await pc.createOffer());
    const answer = await fetch(${JSON.stringify(url)}, {
      method: "POST",
      headers: { "content-type": "application/sdp" },
      body: pc.localDescription.sdp,
    });
    const headers = Object.fromEntries(answer.headers);
    const text = await answer.text();
    if (answer.status !== 201) return { status: answer.status, headers, text };
    await pc.setRemoteDescription({ type: "answer", sdp: text });
    for (;;) {
      const all = [...(await pc.getStats()).values()].filter(({ type }) => type === "inbound-rtp");
      const picture = all.find(({ kind }) => kind === "video") ?? {};
      const sound = all.find(({ kind }) => kind === "audio") ?? {};
      if ((picture.framesDecoded ?? 0) >= ${frames} && video.currentTime > 0) {
        if (!${keepOpen}) {
          const session = new URL(headers.location, ${JSON.stringify(url)});
          await fetch(session, { method: "DELETE" });
          pc.close();
        }
        return {
          status: answer.status,
          headers,
          currentTime: video.currentTime,
          width: video.videoWidth,
          framesDecoded: picture.framesDecoded,
          keyFramesDecoded: picture.keyFramesDecoded,
          audioPackets: sound.packetsReceived ?? 0,
          packetsLost: picture.packetsLost,
          nacks: picture.nackCount,
          retransmitted: picture.retransmittedPacketsReceived ?? 0,
        };
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })()`);
}

/** Publishes the camera and the microphone of a page to `url` by WHIP; resolves when the session is connected. */
export async function publish(
  page: Page,
  url: string,
  options: { readonly audio?: boolean; readonly codec?: string } = {},
): Promise<{ readonly status: number; readonly session: string }> {
  const { audio = true, codec } = options;
  return await page.evaluate(`(async () => {
    const pc = globalThis.publisher = new RTCPeerConnection();
    const camera = await navigator.mediaDevices.getUserMedia({
      video: { width: 640, height: 360, frameRate: 20 },
      audio: ${audio},
    });
    for (const track of camera.getTracks()) {
      const sender = pc.addTransceiver(track, { direction: "sendonly", streams: [camera] });
      const codec = ${JSON.stringify(codec ?? null)};
      if (track.kind === "video" && codec !== null) {
        const { codecs } = RTCRtpSender.getCapabilities("video");
        sender.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === "video/" + codec));
      }
    }
    await pc.setLocalDescription(await pc.createOffer());
    const answer = await fetch(${JSON.stringify(url)}, {
      method: "POST",
      headers: { "content-type": "application/sdp" },
      body: pc.localDescription.sdp,
    });
    if (answer.status !== 201) return { status: answer.status, session: await answer.text() };
    await pc.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    while (pc.connectionState !== "connected") {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return {
      status: answer.status,
      session: new URL(answer.headers.get("location"), ${JSON.stringify(url)}).href,
    };
  })()`);
}
