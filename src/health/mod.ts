/**
 * The health of streams: what their publishers send, measured from the units alone, and what should be changed.
 *
 * @example A publisher of which nothing has come
 * ```ts
 * import { StreamHealth } from "@weir/server/health";
 *
 * console.log(new StreamHealth().report(0).bitrate); // 0
 * ```
 *
 * @module
 */
export type { HealthAdvice, HealthAdviceCode, HealthMeasures } from "./advice.ts";
export * from "./stream_health.ts";
export type { TrackHealth } from "./track_health.ts";
export type { MediaUnit, TrackKind, UnitPayload, UnitRole } from "../media/mod.ts";
