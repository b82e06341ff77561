/** Configurations of servers that are measured beside weir: what they need for the cases, and nothing else. */

/** MediaMTX: RTMP and RTSP, everybody may publish and play. */
export function mediamtxConfiguration(
  ports: { readonly port: number; readonly rtspPort: number; readonly rtpPort: number },
): string {
  const off = ["api", "metrics", "pprof", "playback", "hls", "webrtc", "srt", "moq"];
  return [
    "logLevel: error",
    ...off.map((name) => `${name}: no`),
    `rtmpAddress: 127.0.0.1:${ports.port}`,
    `rtspAddress: 127.0.0.1:${ports.rtspPort}`,
    "rtspTransports: [udp, tcp]",
    `rtpAddress: 127.0.0.1:${ports.rtpPort}`,
    `rtcpAddress: 127.0.0.1:${ports.rtpPort + 1}`,
    "paths: { all_others: {} }",
  ].join("\n");
}

/** lal: RTMP, RTSP and HTTP-FLV, each with the newest group of pictures for those who join. */
export function lalConfiguration(
  ports: { readonly port: number; readonly rtspPort: number; readonly httpPort: number },
): string {
  const off = { enable: false };
  return JSON.stringify({
    conf_version: "v0.4.1",
    rtmp: { enable: true, addr: `127.0.0.1:${ports.port}`, gop_num: 1 },
    rtsp: { enable: true, addr: `127.0.0.1:${ports.rtspPort}`, out_wait_key_frame_flag: true },
    default_http: { http_listen_addr: `127.0.0.1:${ports.httpPort}` },
    httpflv: { enable: true, url_pattern: "/", gop_num: 1 },
    ...{ hls: off, httpts: off, relay_push: off, static_relay_pull: off, http_api: off },
    ...{ http_notify: off, pprof: off, simple_auth: {} },
    record: { enable_flv: false, enable_mpegts: false },
    log: { level: 4, filename: "", is_to_stdout: false, is_rotate_daily: false },
    debug: { log_group_interval_sec: 0 },
  });
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
