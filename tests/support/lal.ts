/** The server lal, which tests build with Go and benchmarks start. */

/** Where it listens, at 127.0.0.1. */
export interface LalPorts {
  readonly port: number;
  readonly rtspPort: number;
  readonly httpPort: number;
  /** Of its API, which is off without. */
  readonly apiPort?: number;
}

/** A server of RTMP on this machine that lal exchanges all streams with. */
export interface LalRelay {
  readonly pushTo?: string;
  readonly pullFrom?: string;
}

/** Its configuration: RTMP, RTSP and HTTP-FLV, each with the newest group of pictures for those who join. */
export function lalConfiguration(ports: LalPorts, { pushTo, pullFrom }: LalRelay = {}): string {
  const off = { enable: false };
  return JSON.stringify({
    conf_version: "v0.4.1",
    rtmp: { enable: true, addr: `127.0.0.1:${ports.port}`, gop_num: 1 },
    rtsp: { enable: true, addr: `127.0.0.1:${ports.rtspPort}`, out_wait_key_frame_flag: true },
    default_http: { http_listen_addr: `127.0.0.1:${ports.httpPort}` },
    httpflv: { enable: true, url_pattern: "/", gop_num: 1 },
    relay_push: { enable: pushTo !== undefined, addr_list: [pushTo ?? ""] },
    static_relay_pull: { enable: pullFrom !== undefined, addr: pullFrom ?? "" },
    http_api: ports.apiPort === undefined
      ? off
      : { enable: true, addr: `127.0.0.1:${ports.apiPort}` },
    ...{ hls: off, httpts: off, http_notify: off, pprof: off, simple_auth: {} },
    record: { enable_flv: false, enable_mpegts: false },
    log: { level: 4, filename: "", is_to_stdout: false, is_rotate_daily: false },
    debug: { log_group_interval_sec: 0 },
  });
}
