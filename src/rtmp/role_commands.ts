import type { AmfObject, AmfValue } from "../amf/mod.ts";
import type { CommandMessage } from "./command_message.ts";
import { RtmpError } from "./errors.ts";
import { isRole, type NetStream, type NetStreams } from "./net_streams.ts";
import { type ServerAnswers, status } from "./server_answers.ts";
import type { ServerDeadlines } from "./server_deadlines.ts";
import type { PlayEvent, PublishEvent, RtmpServerEvent } from "./server_event.ts";
import type { Refusal } from "./server_session_options.ts";
import { resolveStreamPath, type StreamPath } from "./stream_path.ts";

/** The parts of a session that its roles use. */
export interface RoleCommandsParts {
  readonly streams: NetStreams;
  readonly answers: ServerAnswers;
  readonly deadlines: ServerDeadlines;
  /** The time of what is looked at now, milliseconds. */
  readonly now: () => number;
}

/** What makes a NetStream publish or play, and what ends that: by the client's wish, and by the owner's. */
export class RoleCommands {
  /** Where the client has connected to, without what it said of who it is. */
  place: { readonly app: string; readonly tcUrl: string } = { app: "", tcUrl: "" };
  readonly #streams: NetStreams;
  readonly #answers: ServerAnswers;
  readonly #deadlines: ServerDeadlines;
  readonly #now: () => number;
  #sawFcPublish = false;

  /** No NetStream has a role yet. */
  constructor({ streams, answers, deadlines, now }: RoleCommandsParts) {
    this.#streams = streams;
    this.#answers = answers;
    this.#deadlines = deadlines;
    this.#now = now;
  }

  /** Asks for a name to publish (7.2.2.6); `undefined` where that was refused at once. */
  publish(command: CommandMessage): PublishEvent | undefined {
    const [name, publishType] = command.args;
    const fail = (description: string): undefined =>
      void this.#answers.status(
        command.streamId,
        "error",
        "NetStream.Publish.BadName",
        description,
      );
    const stream = this.#streams.forRole(command.streamId);
    if (stream === undefined) return fail(`There is no stream ${command.streamId}`);
    if (stream.state !== "idle") {
      return fail(`The stream is ${stream.state}; publish is allowed when it is idle`);
    }
    const path = this.#resolve(name, fail);
    if (path === undefined) return undefined;
    stream.state = "publish-pending";
    stream.path = path;
    return {
      type: "publish",
      streamId: stream.id,
      path,
      publishType: typeof publishType === "string" ? publishType : "live",
    };
  }

  /** Grants a publish. */
  acceptPublish(event: PublishEvent): void {
    if (!this.isWaiting(event)) return;
    const stream = this.#streams.get(event.streamId)!;
    stream.state = "publishing";
    this.#deadlines.roleBegun();
    stream.lastMediaAt = this.#now();
    this.#answers.publishing(event, { sawFcPublish: this.#sawFcPublish });
  }

  /** Asks for a stream to play (7.2.2.1). */
  play(command: CommandMessage, events: RtmpServerEvent[]): void {
    const [name, start, duration, reset] = command.args;
    const fail = (description: string): void =>
      this.#answers.status(command.streamId, "error", "NetStream.Play.Failed", description);
    const stream = this.#streams.forRole(command.streamId);
    if (stream === undefined) return fail(`There is no stream ${command.streamId}`);
    if (stream.state === "playing" || stream.state === "play-pending") {
      // A second play on a NetStream replaces the first (7.2.2.1).
      this.endRole(stream.id, events);
    }
    if (stream.state !== "idle") {
      return fail(`The stream is ${stream.state}; play is allowed when it is idle or playing`);
    }
    const path = this.#resolve(name, fail);
    if (path === undefined) return;
    stream.state = "play-pending";
    stream.path = path;
    events.push({
      type: "play",
      streamId: stream.id,
      path,
      start: typeof start === "number" ? start : -2,
      duration: typeof duration === "number" ? duration : -1,
      reset: reset !== false && reset !== 0,
    });
  }

  /** Grants a play. */
  acceptPlay(event: PlayEvent, information: AmfObject): void {
    if (!this.isWaiting(event)) return;
    const stream = this.#streams.get(event.streamId)!;
    stream.state = "playing";
    this.#deadlines.roleBegun();
    this.#answers.playing(event, information);
  }

  /** Whether a publish or play still waits for its answer, and was not withdrawn. */
  isWaiting(event: PublishEvent | PlayEvent): boolean {
    const stream = this.#streams.get(event.streamId);
    return stream?.state === `${event.type}-pending` && stream.path === event.path;
  }

  /** Refuses a publish or play. */
  reject(event: PublishEvent | PlayEvent, { code, description }: Refusal): void {
    this.#becomeIdle(this.#streams.get(event.streamId)!);
    const told = code ??
      (event.type === "publish" ? "NetStream.Publish.Denied" : "NetStream.Play.StreamNotFound");
    if (told === "NetStream.Play.StreamNotFound") this.#deadlines.streamAbsent(this.#now());
    this.#answers.status(event.streamId, "error", told, description);
  }

  /** Tells a player that a publisher has come, one that waits for its stream too. */
  notifyPublish(streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (stream?.state !== "playing" && stream?.state !== "play-pending") return;
    const name = stream.path!.key || stream.path!.name;
    const description = `${name} is now published.`;
    this.#answers.status(streamId, "status", "NetStream.Play.PublishNotify", description);
  }

  /** Tells a player that its stream has ended, and makes its NetStream idle. */
  endPlay(streamId: number, description = "The stream has ended"): void {
    const stream = this.#streams.get(streamId);
    if (stream?.state !== "playing") return;
    this.#becomeIdle(stream);
    this.#answers.playEnded(streamId, description);
  }

  /** Tells a player that it can be sent no more, and makes its NetStream idle. */
  failPlay(streamId: number, description: string): void {
    const stream = this.#streams.get(streamId);
    if (stream?.state !== "playing") return;
    this.#becomeIdle(stream);
    this.#answers.status(streamId, "error", "NetStream.Play.Failed", description);
  }

  /** Tells a publisher that its stream was taken away, and makes its NetStream idle. */
  endPublish(streamId: number, description: string): void {
    const stream = this.#streams.get(streamId);
    if (stream?.state !== "publishing") return;
    this.#becomeIdle(stream);
    this.#answers.status(streamId, "error", "NetStream.Publish.BadName", description);
  }

  /** Ends what a NetStream does, and forgets it (7.2.2.3). */
  deleteStream(command: CommandMessage, events: RtmpServerEvent[]): void {
    const [argument] = command.args;
    // GStreamer sends the stream's name, where all others send the NetStream's number.
    if (typeof argument === "string") return this.#endPublications(argument, events);
    const streamId = typeof argument === "number" ? argument : command.streamId;
    this.endRole(streamId, events);
    this.#streams.delete(streamId);
  }

  /** Announces a publish, as encoders do that were made for Flash Media Server. */
  fcPublish(command: CommandMessage): void {
    this.#sawFcPublish = true;
    this.#answers.result(command.transactionId);
  }

  /** Names the stream, not the NetStream: it ends the publication of that key. */
  fcUnpublish(command: CommandMessage, events: RtmpServerEvent[]): void {
    this.#endPublications(command.args[0], events);
    this.#answers.result(command.transactionId);
    this.#answers.command({
      name: "onFCUnpublish",
      args: [status("status", "NetStream.Unpublish.Success", "")],
    });
  }

  /** Ends what a NetStream does, on its own wish. */
  endRole(streamId: number, events: RtmpServerEvent[]): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.state === "idle") return;
    const wasPublishing = stream.state === "publishing" || stream.state === "publish-pending";
    this.#becomeIdle(stream);
    if (wasPublishing) {
      events.push({ type: "unpublish", streamId });
      const description = "The stream is no longer published.";
      this.#answers.status(streamId, "status", "NetStream.Unpublish.Success", description);
    } else events.push({ type: "stop", streamId });
  }

  #endPublications(name: AmfValue, events: RtmpServerEvent[]): void {
    const path = this.#resolve(name, () => {});
    for (const stream of this.#streams.publishing) {
      if (stream.path!.name === path?.name) this.endRole(stream.id, events);
    }
  }

  #becomeIdle(stream: NetStream): void {
    const hadRole = isRole(stream);
    stream.state = "idle";
    stream.path = undefined;
    // The end of a role gives time for the next; the end of a request that was none does not.
    if (hadRole && !this.#streams.hasRole) this.#deadlines.roleEnded(this.#now());
  }

  #resolve(name: AmfValue, fail: (description: string) => void): StreamPath | undefined {
    if (typeof name !== "string" && name !== null && name !== undefined) {
      fail(`The stream name is a ${typeof name}, not a string`);
      return undefined;
    }
    try {
      return resolveStreamPath({ ...this.place, streamKey: name ?? "" });
    } catch (error) {
      if (!(error instanceof RtmpError)) throw error;
      fail(error.message);
      return undefined;
    }
  }
}
