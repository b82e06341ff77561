/**
 * The health of streams: what their publishers send, measured from the units alone, and what should be changed.
 *
 * @module
 */
export type { HealthAdvice, HealthAdviceCode, HealthMeasures } from "./advice.ts";
export * from "./stream_health.ts";
export type { TrackHealth } from "./track_health.ts";
export type { MediaUnit, TrackKind, UnitPayload, UnitRole } from "../media/mod.ts";
