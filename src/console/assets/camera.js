// Publishes the camera of this browser by WHIP.
import { ask, credentials, encoded, make, throwUnlessOk } from "./page.js";
import { whenEnded } from "./player.js";

/** A button that begins and ends it. */
export function cameraButton(name) {
  const status = make("span", { role: "status" });
  let camera;
  const button = make("button", {
    type: "button",
    click: async () => {
      button.disabled = true;
      try {
        if (camera === undefined) {
          camera = await publishCamera(name, () => leave("The connection has ended"));
          button.textContent = "Stop";
          status.textContent = "publishing";
        } else leave("");
      } catch (error) {
        leave(error.name === "NotFoundError" ? "This browser has no camera" : error.message);
      }
      button.disabled = false;
    },
  }, "Publish this camera");
  function leave(text) {
    camera?.stop();
    camera = undefined;
    button.textContent = "Publish this camera";
    status.textContent = text;
  }
  return make("div", { class: "row" }, button, status);
}

/** Publishes until `stop` is called. */
async function publishCamera(name, onEnd) {
  if (navigator.mediaDevices === undefined) {
    throw new Error("Browsers give cameras to pages of HTTPS and of this machine alone");
  }
  const media = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
  const connection = new RTCPeerConnection();
  let session;
  const stop = () => {
    connection.onconnectionstatechange = null;
    connection.close();
    for (const track of media.getTracks()) track.stop();
    // The stream then ends at once, and is not waited for.
    if (session !== undefined) fetch(session, { method: "DELETE" }).catch(() => {});
  };
  connection.onconnectionstatechange = () => {
    if (connection.connectionState === "failed") onEnd();
  };
  try {
    for (const track of media.getTracks()) {
      connection.addTransceiver(track, { direction: "sendonly", streams: [media] });
    }
    await connection.setLocalDescription();
    const answer = await ask(`${encoded(name)}/whip${location.search}`, {
      method: "POST",
      headers: { "content-type": "application/sdp", ...credentials() },
      body: connection.localDescription.sdp,
    });
    await throwUnlessOk(answer);
    session = answer.headers.get("location");
    await connection.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    whenEnded(connection, onEnd);
    return { stop };
  } catch (error) {
    stop();
    throw error;
  }
}
