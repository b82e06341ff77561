/** Configurations of servers that are measured beside weir: what they need for the cases, and nothing else. */

/** What MediaMTX has on by default, and no case needs. */
const MEDIAMTX_OFF = ["api", "metrics", "pprof", "playback", "srt", "moq"];

/** MediaMTX: RTMP and RTSP, everybody may publish and play. */
export function mediamtxConfiguration(
  ports: { readonly port: number; readonly rtspPort: number; readonly rtpPort: number },
): string {
  return [
    "logLevel: error",
    ...[...MEDIAMTX_OFF, "hls", "webrtc"].map((name) => `${name}: no`),
    `rtmpAddress: 127.0.0.1:${ports.port}`,
    `rtspAddress: 127.0.0.1:${ports.rtspPort}`,
    "rtspTransports: [udp, tcp]",
    `rtpAddress: 127.0.0.1:${ports.rtpPort}`,
    `rtcpAddress: 127.0.0.1:${ports.rtpPort + 1}`,
    "paths: { all_others: {} }",
  ].join("\n");
}

/** MediaMTX: RTMP, HLS with little latency, and WebRTC over one port; everybody may publish and play. */
export function mediamtxHttpConfiguration(
  ports: {
    readonly port: number;
    readonly httpPort: number;
    readonly whepPort: number;
    /** Of media, UDP. */
    readonly webrtcPort: number;
  },
): string {
  return [
    "logLevel: error",
    ...[...MEDIAMTX_OFF, "rtsp"].map((name) => `${name}: no`),
    `rtmpAddress: 127.0.0.1:${ports.port}`,
    `hlsAddress: 127.0.0.1:${ports.httpPort}`,
    "hlsVariant: lowLatency",
    `webrtcAddress: 127.0.0.1:${ports.whepPort}`,
    `webrtcLocalUDPAddress: 127.0.0.1:${ports.webrtcPort}`,
    "webrtcIPsFromInterfaces: no",
    "webrtcAdditionalHosts: [127.0.0.1]",
    "paths: { all_others: {} }",
  ].join("\n");
}

/** SRS: RTMP and HTTP-FLV, with its setting for little latency. */
export function srsConfiguration(
  options: {
    readonly port: number;
    readonly httpPort: number;
    readonly apiPort: number;
    readonly folder: string;
    /** How long it gathers media before it writes to players. */
    readonly gatherMs: number;
  },
): string {
  const { port, httpPort, apiPort, folder, gatherMs } = options;
  return `
    listen 127.0.0.1:${port};
    max_connections 4000;
    daemon off;
    pid ${folder}/srs.pid;
    srs_log_tank file;
    srs_log_file ${folder}/srs.log;
    srs_log_level error;
    http_api { enabled off; listen 127.0.0.1:${apiPort}; }
    http_server { enabled on; listen 127.0.0.1:${httpPort}; dir ${folder}; }
    vhost __defaultVhost__ {
      tcp_nodelay on;
      min_latency on;
      play { mw_latency ${gatherMs}; }
      http_remux { enabled on; mount [vhost]/[app]/[stream].flv; }
    }
  `;
}
