import { SERVER_BOUNDS, WORKER_PROGRAM } from "../../server/mod.ts";
import { number } from "../leaf_types.ts";
import { type LeafType, setting } from "../setting.ts";
import { wrong } from "../setting_fault.ts";

const COUNT = number(SERVER_BOUNDS["workers"]!);

/** A number of workers, or as many as there are cores. */
const WORKER_COUNT: LeafType<number | "auto"> = {
  kind: "leaf",
  allowed: `${COUNT.allowed}, or auto`,
  json: { anyOf: [COUNT.json, { const: "auto" }] },
  read(value) {
    if (value === "auto") return value;
    try {
      return COUNT.read(value);
    } catch {
      throw wrong(value, WORKER_COUNT);
    }
  },
  show: String,
};

/** How many threads serve. */
export const WORKERS = setting<number | "auto">({
  key: "workers",
  type: WORKER_COUNT,
  default: 1,
  help: "threads that serve, each with a core of its own; auto is one a core",
  doc:
    "Clients are shared out among the workers, and a stream is fetched once by each that has players of " +
    "it. Each has UDP ports of its own: behind those that are given come those of the further ones (`rtp.port` " +
    "two each, `webrtc.port` as many as `webrtc.ports` says). More than one needs `--unstable-net`, and where the program is a local file `--allow-read` of its " +
    "folder.",
  flag: { name: "workers", placeholder: "N|auto" },
  option: "workers",
  needs: (count) =>
    count === 1 || WORKER_PROGRAM === undefined ? [] : [{ name: "read", path: WORKER_PROGRAM }],
  change: "restart",
});
