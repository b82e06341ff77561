import type { CommandMessage } from "./command_message.ts";
import type { NetStreams } from "./net_streams.ts";
import type { ServerAnswers } from "./server_answers.ts";
import type { RtmpServerEvent } from "./server_event.ts";

/** What a client asks of a NetStream that plays: a pause, another position, no audio or no video. */
export class PlayerCommands {
  readonly #streams: NetStreams;
  readonly #answers: ServerAnswers;

  /** Answers by `answers`. */
  constructor(streams: NetStreams, answers: ServerAnswers) {
    this.#streams = streams;
    this.#answers = answers;
  }

  /** Pauses or goes on (7.2.2.9). */
  pause(command: CommandMessage, events: RtmpServerEvent[]): void {
    if (!this.#isPlaying(command)) return;
    const { streamId } = command;
    const paused = command.args[0] === true;
    const code = paused ? "NetStream.Pause.Notify" : "NetStream.Unpause.Notify";
    this.#answers.status(streamId, "status", code, paused ? "Paused." : "Unpaused.");
    events.push({ type: "pause", streamId, paused });
  }

  /** Seeks (7.2.2.8). */
  seek(command: CommandMessage): void {
    if (this.#isPlaying(command)) this.#answers.sought(command.streamId);
  }

  /** Switches a kind of media off or on (7.2.2.4, 7.2.2.5). */
  receiveKind(
    kind: "audio" | "video",
    command: CommandMessage,
    events: RtmpServerEvent[],
  ): void {
    const { streamId, transactionId } = command;
    const enabled = command.args[0] !== false;
    const stream = this.#streams.get(streamId);
    // Before a play it holds for that, as Flash Player's documentation of NetStream has it.
    const isBefore = stream?.state === "idle" || stream?.state === "play-pending";
    if (!isBefore && !this.#isPlaying(command)) return;
    stream!.receives[kind] = enabled;
    if (isBefore) {
      this.#answers.result(transactionId);
      return;
    }
    // 7.2.2.4 and 7.2.2.5: what is switched on is answered as a seek is, what is switched off is not.
    if (enabled) this.#answers.sought(streamId);
    events.push({ type: "receive", streamId, kind, enabled });
  }

  /** Whether the NetStream of a command plays; who waits for an answer is told that it does not. */
  #isPlaying({ name, streamId, transactionId }: CommandMessage): boolean {
    if (this.#streams.get(streamId)?.state === "playing") return true;
    const description = `${name} is for a stream that plays, and ${streamId} does not.`;
    this.#answers.callFailed(transactionId, description);
    return false;
  }
}
