/** One line that breaks one rule. */
export interface Mutant {
  /** What the mutant does. */
  readonly name: string;
  /** The file that it changes, from the project's root. */
  readonly file: string;
  /** The text that is replaced; it is in the file once. */
  readonly before: string;
  /** What it becomes. */
  readonly after: string;
  /** The rule that this breaks. */
  readonly rule: string;
  /** The tests that should notice. */
  readonly tests: readonly string[];
  /** Why no test can notice, where that is so. */
  readonly survives?: string;
}

/** Mutants of one file: each its name, the text before and after, and the rule. */
function of(
  file: string,
  tests: readonly string[],
  rows: readonly (readonly [
    name: string,
    before: string,
    after: string,
    rule: string,
    survives?: string,
  ])[],
): Mutant[] {
  return rows.map(([name, before, after, rule, survives]) => ({
    name,
    file,
    before,
    after,
    rule,
    tests,
    ...(survives === undefined ? {} : { survives }),
  }));
}

const HUB = ["tests/hub"];
const OUTBOX = ["tests/transport/outbox_test.ts", "tests/transport/outbox_model_test.ts"];

/** The mutants that `mutate.ts` tries. */
export const MUTANTS: readonly Mutant[] = [
  ...of("src/hub/wire_log.ts", HUB, [
    [
      "readers share a view that begins elsewhere",
      "last.start === start && ",
      "",
      "a reader gets the bytes at its place",
    ],
    [
      "readers share a view that ends elsewhere",
      " && last.bytes.length === end - start",
      "",
      "a reader gets all that there is, and no more",
    ],
    [
      "readers share a view of another segment",
      "last?.segment === segment && last.start",
      "last?.start",
      "a reader gets the bytes of its segment",
    ],
    [
      "who has left stays among those who wait",
      "    if (at >= 0) this.#waiting.splice(at, 1);",
      "",
      "who has left is let go of",
      "it is woken and does nothing; what it holds is freed at the next flush",
    ],
    [
      "an old start is dropped",
      "if (behind <= maxGopBytes) return;",
      "",
      "a start beyond the lag bound stays while its group may be kept",
    ],
    [
      "a group of any length is kept",
      "if (behind <= maxGopBytes) return;",
      "return;",
      "a group longer than may be kept is dropped",
    ],
    [
      "messages stay counted that a format took back",
      "this.messages = messages;",
      "",
      "a format that throws leaves no message counted",
    ],
    [
      "the head stays where a format threw",
      "this.head = segment.base + segment.used;",
      "",
      "a format that throws leaves the head where it was",
    ],
    [
      "entries stay that a format took back",
      "segment.entries.length = index;",
      "",
      "a format that throws leaves no message in its log",
    ],
    [
      "segments stay that a format took back",
      "this.#segments = this.#segments.filter(({ id }) => id <= segment.id);",
      "",
      "a format that throws leaves no segment that it opened",
    ],
    [
      "an empty segment stays that a format opened",
      "if (index === 0) this.#segments.pop();",
      "",
      "no segment is without messages",
    ],
    [
      "shedding keeps a start in a dropped segment",
      "if (this.#newestStart !== undefined && !this.has(this.#newestStart.segment)) {",
      "if (this.#newestStart === null) {",
      "there is no start where the log holds nothing any more",
    ],
    [
      "shedding forgets a start that is kept",
      "if (this.#newestStart !== undefined && !this.has(this.#newestStart.segment)) {",
      "if (this.#newestStart !== undefined) {",
      "a start in the newest segment outlives shedding",
    ],
    [
      "shedding keeps a segment more",
      "this.#segments.splice(0, this.#segments.length - 1);",
      "this.#segments.splice(0, this.#segments.length - 2);",
      "shedding keeps nothing but the newest segment",
    ],
    [
      "entries cost nothing",
      "return used + entries.length * ENTRY_COST_BYTES + headerBytes;",
      "return used + headerBytes;",
      "many small messages are bounded by what they cost",
    ],
    [
      "old segments stay whatever their age",
      "|| this.headArrivedMs - newest.arrivedMs > maxLagMs;",
      ";",
      "what is older than any reader may lag is dropped",
    ],
    [
      "the start of another publisher stays",
      "  forgetStart(): void {\n    this.#newestStart = undefined;",
      "  forgetStart(): void {",
      "nobody starts with what another publisher left",
    ],
    [
      "who waits for a start is told of each",
      "      this.#seeking.clear();",
      "",
      "who waits begins with the start that ended the wait",
    ],
    [
      "a start is found however far back in time",
      "this.headArrivedMs - arrivedMs <= maxLagMs;",
      "true;",
      "who was woken late starts within its bounds in time",
    ],
    [
      "a start is found however many bytes back",
      "this.head - positionOf(place) <= maxLagBytes",
      "true",
      "who was woken late starts within its bounds in bytes",
    ],
    [
      "headers are not counted",
      "    segment.headerBytes += headerBytes;",
      "",
      "headers that messages hold are counted",
    ],
    [
      "headers do not make a log old",
      "this.#cost += length + ENTRY_COST_BYTES + headerBytes;",
      "this.#cost += length + ENTRY_COST_BYTES;",
      "headers that change with each frame are bounded as bytes are",
    ],
    [
      "a segment holds any number of headers",
      "used + length > bytes.length || headerBytes >= SEGMENT_BYTES",
      "used + length > bytes.length",
      "shedding lets go of all but few headers",
    ],
    [
      "headers stay counted that a format took back",
      "    segment.headerBytes = headerBytes;",
      "",
      "a format that throws leaves nothing counted",
    ],
    [
      "each reader has its own preamble",
      "if (this.#preamble?.headers !== headers || this.#preamble.timeUs !== timeUs) {",
      "if (this.#preamble?.headers !== null) {",
      "readers that start at one place share what they begin with",
    ],
    [
      "all readers have the first preamble",
      "if (this.#preamble?.headers !== headers || this.#preamble.timeUs !== timeUs) {",
      "if (this.#preamble === undefined) {",
      "a preamble is of the headers in force",
    ],
    [
      "the preambles of readers are not counted",
      "for (const { preamble } of this.#cursors) preambles.add(preamble.buffer);",
      "",
      "what readers begin with is counted",
    ],
    [
      "a large message gets a small segment",
      "new Uint8Array(Math.max(size, atLeast))",
      "new Uint8Array(size)",
      "a message is whole in one segment",
    ],
  ]),
  ...of("src/hub/wake_rounds.ts", HUB, [
    [
      "a wake-up that throws keeps the others asleep",
      "sleeper.wake();\n  } catch (error) {\n    onError(error);",
      "sleeper.wake();\n  } catch (error) {\n    throw error;",
      "what one reader throws harms no other",
    ],
    [
      "all are woken in one round",
      "if (this.#room === 0) {",
      "if (false) {",
      "no round has more than Deno begins in it",
    ],
    [
      "those who come behind others are woken before them",
      "!this.#isWaking && this.#queue.length === 0",
      "!this.#isWaking",
      "readers are woken in their order",
      "where others wait for a round there is no room in this one",
    ],
    [
      "a round that is under way is asked for again",
      "if (!this.#isRoundDue) this.#nextRound!",
      "this.#nextRound!",
      "one round is asked for at a time",
    ],
  ]),
  ...of("src/hub/wire_cursor.ts", HUB, [
    [
      "who has left is woken in the same flush",
      "    this.#isClosed = true;\n    this.#onWake = undefined;",
      "    this.#isClosed = true;",
      "who has left is not woken",
    ],
    [
      "who waits twice is woken twice",
      "    if (this.#onWake === undefined) this.#log.wait(this);",
      "    this.#log.wait(this);",
      "a reader waits once, however often it says so",
      "the second wake-up finds nobody to call, and so does nothing",
    ],
    [
      "who has left may wait",
      "    if (this.#isClosed) return;",
      "",
      "who has left is not woken",
    ],
    [
      "messages of a segment are looked for where those of the one before were",
      "      this.#hint = 0;",
      "",
      "the message that a reader is in is found, in whichever segment",
    ],
    [
      "the extra lag in bytes that a start allows is lost",
      "this.lagBytes > maxLagBytes + this.#startLagBytes",
      "this.lagBytes > maxLagBytes",
      "who starts far back may catch up, by bytes",
    ],
    [
      "the extra lag in time that a start allows is lost",
      "this.lagMs > maxLagMs + this.#startLagMs",
      "this.lagMs > maxLagMs",
      "who starts far back may catch up, by time",
    ],
    [
      "the extra lag in bytes stays for ever",
      "      this.#startLagBytes = 0;",
      "",
      "who has caught up has the bounds of all, by bytes",
    ],
    [
      "the extra lag in time stays for ever",
      "      this.#startLagMs = 0;",
      "",
      "who has caught up has the bounds of all, by time",
    ],
    [
      "a write in a hurry takes what follows the message",
      "const isLast = onlyMessage ||",
      "const isLast = false ||",
      "others wait for the message alone",
    ],
    [
      "a reader in the middle of a message reads on past its bounds",
      '(this.#state.is === "leaving" || this.#isLagging())',
      'this.#state.is === "leaving"',
      "a reader that lags finishes its message and then skips",
    ],
    [
      "a restart waits for more than the message",
      '(this.#state.is === "leaving" || this.#isLagging())',
      "this.#isLagging()",
      "a restart finishes its message and no more",
    ],
    [
      "a reader goes on in a segment that was dropped",
      "return !this.#log.has(this.#segment!) ||",
      "return",
      "what the log has dropped is not read on in",
    ],
    [
      "a skip is counted where nothing is missed",
      "if (!this.#isAtNewestStart()) this.skips++;",
      "this.skips++;",
      "only what is missed is a skip",
    ],
    [
      "a preamble is not a message",
      "if (this.#preamble.length > 0) return false;",
      "",
      "nothing is put into a preamble",
    ],
    [
      "a preamble that was written in part is forgotten",
      "this.#preamble = isOver ? NOTHING : this.#preamble.subarray(count);",
      "this.#preamble = NOTHING;",
      "a partial write of a preamble is gone on with",
    ],
    [
      "headers are told at each start",
      "if (this.#headers !== entry.headers) this.#preamble",
      "this.#preamble",
      "headers that the reader has are not told again",
    ],
    [
      "headers are never told again",
      "if (this.#headers !== entry.headers) this.#preamble",
      "if (this.#headers === undefined) this.#preamble",
      "headers that changed in what was skipped are told",
    ],
    [
      "a skip may go back",
      "return newest !== undefined && positionOf(newest) >= from ? newest : undefined;",
      "return newest;",
      "a reader never goes back",
    ],
    [
      "a look ahead during a write moves the reader",
      "    if (this.#isWriting) return undefined;\n    const runs",
      "    const runs",
      "a look ahead harms no write",
    ],
    [
      "a still picture goes on",
      'if (isStill) this.#state = { is: "still", end: place.end };',
      "if (isStill) this.#state = RUNNING;",
      "the key-frame policy shows one picture",
    ],
    [
      "a restart is forgotten",
      'if (this.#state.is !== "seeking") this.#state = LEAVING;',
      "",
      "a restart goes on at the newest start",
    ],
    [
      "a reader reads on past its stop",
      "Math.min(stillEnd, this.#last ?? Infinity) - base",
      "stillEnd - base",
      "nothing is given beyond the stop",
    ],
    [
      "the start that ended a wait is forgotten",
      "    this.#state.found = place;\n    this.#state.withoutPicture = false;",
      "\n    this.#state.withoutPicture = false;",
      "who waits begins with the start that ended the wait",
    ],
    [
      "a preamble that was taken is not counted",
      "    this.bytes += preamble.length;",
      "",
      "all bytes that leave are counted",
    ],
  ]),
  ...of("src/hub/kept_group.ts", HUB, [
    [
      "units before the first start are kept",
      "else if (this.#units.length === 0) return;",
      "",
      "a group begins with a start",
    ],
    [
      "a start keeps what was before it",
      "if (kept.startPoint) this.clear();",
      "if (kept.startPoint && this.#units.length === 0) this.clear();",
      "a start drops all before it",
    ],
    [
      "a group that is too large is kept",
      "if (this.#bytes > this.maxBytes) this.clear();",
      "if (this.#bytes < 0) this.clear();",
      "a group that is too large is not kept",
    ],
    [
      "units cost nothing but their bytes",
      "this.#bytes += unitBytes(kept.unit) + UNIT_COST_BYTES + headerBytes;",
      "this.#bytes += unitBytes(kept.unit) + headerBytes;",
      "the number of units is bounded",
    ],
    [
      "a group does not count its headers",
      "this.#bytes += unitBytes(kept.unit) + UNIT_COST_BYTES + headerBytes;",
      "this.#bytes += unitBytes(kept.unit) + UNIT_COST_BYTES;",
      "headers that a group holds are counted",
    ],
    [
      "the buffers of a former group stay counted",
      "    this.#heldBytes = 0;",
      "",
      "what was dropped is not counted",
    ],
  ]),
  ...of("src/hub/unit_queue.ts", HUB, [
    [
      "a queue knows no bound in bytes",
      "if (this.#bytes - this.#kept.bytes + cost > maxLagBytes) return true;",
      "",
      "no more bytes wait than may",
    ],
    [
      "a queue knows no bound in time",
      "if (first !== undefined) return timeMs - first > maxLagMs;",
      "",
      "no more time waits than may",
    ],
    [
      "what is kept for newcomers is bound",
      "if (isKept || this.#waiting.length === 0) return false;",
      "if (this.#waiting.length === 0) return false;",
      "what is kept may be more than may wait",
    ],
    [
      "a queue goes on with what needs what was dropped",
      "    if (!next.startPoint && !skipping.wait.isOverAt(next.unit)) return false;\n",
      "",
      "after a gap comes a start",
    ],
    [
      "a start that waits is dropped",
      "const at = next.startPoint ? -1 : this.#startWithin(next);",
      "const at = -1;",
      "a reader goes on at the newest start within its bounds",
    ],
    [
      "headers are not given again",
      "for (const header of this.#headersFor(next)) this.#add(header);",
      "",
      "headers that changed in a gap are given before the start",
    ],
    [
      "headers are given at each start",
      "if (units.every((unit) => this.#taken.with(unit) === this.#taken)) return [];",
      "",
      "headers that the reader has are not given again",
    ],
    [
      "units are taken in after the end",
      "if (this.#isEnded) return;",
      "",
      "nothing comes behind the end",
    ],
    [
      "who waits is not woken",
      "    this.#add(waiting);\n    this.#wake();",
      "    this.#add(waiting);",
      "who waits is woken when something comes",
    ],
  ]),
  ...of("src/hub/hub.ts", HUB, [
    [
      "names that are waited for keep publishers out",
      "if (this.#published.size < maxStreams) return;",
      "if (this.#streams.size <= maxStreams) return;",
      "names that are waited for are counted apart",
    ],
    [
      "any number of names is waited for",
      "this.#streams.size - this.#published.size >= maxWaitedNames",
      "this.#streams.size < 0",
      "names that are waited for are bounded",
    ],
    [
      "any name can be published",
      "if (existing === undefined) checkStreamName(name);",
      "",
      "a bad name has no publisher",
    ],
  ]),
  ...of("src/hub/stream.ts", HUB, [
    [
      "a publisher that was sent away is not told",
      'this.#call(() => publication.ended("kicked", words));',
      "",
      "a publisher is told why it was ended",
    ],
    [
      "a refused publisher leaves its stream behind",
      "      this.#releaseIfIdle();\n      throw error;",
      "      throw error;",
      "who was refused leaves nothing",
    ],
    [
      "observers do not hear of an end without readers",
      "if (wasLingering) this.#tellEnded();",
      "",
      "each start has its end",
    ],
    [
      "silence gives no name away",
      "current.silentMs >= this.#settings.silentMs",
      "current.silentMs < 0",
      "a silent publisher can be replaced",
    ],
  ]),
  ...of("src/hub/fan_out.ts", HUB, [
    [
      "another publisher starts with what the one before has left",
      "    this.#group.clear();\n    this.#tracks =",
      "    this.#tracks =",
      "nobody starts with what another publisher left",
    ],
  ]),
  ...of("src/hub/stream_stage.ts", HUB, [
    [
      "a publisher puts the fallback out before its key frame",
      "if (!isStart && (onAir?.isFallback === true || waiting?.isBroken === true)) return;",
      "",
      "a publisher is seen from its key frame on",
    ],
    [
      "who comes back from silence has no headers",
      "if (!isSameHeader(header, unit)) publication.show(header);",
      "",
      "headers are given again where something else was seen",
    ],
    [
      "nothing bounds what is held back",
      "if (this.#bytes > maxDelayBytes) this.#shorten(maxDelayBytes);",
      "",
      "over the bound the oldest go out early",
    ],
    [
      "what is held back of who was sent away goes out",
      "held.filter((one) => one.publication !== publication)",
      "held.filter(() => true)",
      "nobody sees what was held of who was sent away",
    ],
    [
      "silence is looked for once",
      "if (this.#silence === undefined) this.watchSilence();",
      "",
      "silence is looked for as long as there is a publisher",
    ],
  ]),
  ...of("src/transport/outbox.ts", OUTBOX, [
    [
      "a removed feed goes on past the message it is in",
      "|| !this.#feeds.includes(this.#current);",
      ";",
      "a removed feed gives no more than the rest of its message",
    ],
    [
      "answers wait until a feed has given all",
      "this.#control.length > 0 ||",
      "",
      "answers wait for a message, no longer",
    ],
    [
      "a feed in a message is forgotten after a partial write",
      "this.#current = source.atBoundary ? undefined : source;",
      "this.#current = undefined;",
      "nothing is put into the middle of a message",
    ],
    [
      "an answer that was written in part is forgotten",
      "if (rest !== undefined && rest.length > 0) this.#control[0] = rest;",
      "if (rest === undefined) this.#control[0] = rest!;",
      "a partial write of an answer is gone on with",
    ],
    [
      "a message that others wait behind is held for want of room",
      "const room = onlyMessage || this.mediaRoom === undefined ? Infinity : this.mediaRoom();",
      "const room = this.mediaRoom === undefined ? Infinity : this.mediaRoom();",
      "a message that others wait behind is finished whatever the room",
    ],
    [
      "media is written beyond its room",
      "return bytes.length <= room ? bytes : bytes.subarray(0, room);",
      "return bytes;",
      "no more media is written than there is room for",
    ],
    [
      "the first feed always goes first",
      "this.#feeds[this.#turn++ % this.#feeds.length]!",
      "this.#feeds[tried % this.#feeds.length]!",
      "feeds take turns",
    ],
    [
      "answers that were written stay counted",
      "      this.#controlBytes -= count;",
      "",
      "only what waits is counted",
    ],
    [
      "who waits for room is not told",
      "if (this.#controlBytes < MAX_WAITING_BYTES) this.#onRoom?.();",
      "",
      "who waits for room is told when there is",
    ],
    [
      "a feed that is finished stays",
      "      this.remove(feed);\n      onDone();",
      "      onDone();",
      "a finished feed is done with once",
    ],
    [
      "a held feed counts as done",
      "if (!this.#isHeld) this.#rest();",
      "this.#rest();",
      "media that waits for room is not done with",
    ],
    [
      "a failed write is reported after the end",
      "    if (this.#ended) return;\n    this.end();",
      "    this.end();",
      "after the end nothing is reported",
    ],
    [
      "a failed write does not end the rest",
      "    this.end();\n    this.onError?.(error);",
      "    this.onError?.(error);",
      "after a failed write nothing more is written",
    ],
    [
      "a write that makes progress counts as stalled",
      "if (this.#writes !== this.#writesSeen) {",
      "if (this.#writesSeen === 0) {",
      "only a write without progress is stalled",
    ],
    [
      "who asks second whether all is written is told, the first is not",
      "this.#drained ??= Promise.withResolvers();",
      "this.#drained = Promise.withResolvers();",
      "all who ask are told when it has drained",
    ],
    [
      "who asks later is told of an earlier drain",
      "    this.#drained = undefined;",
      "",
      "who asks is told of what waits now",
    ],
  ]),
  ...of("src/client/message_feed.ts", ["tests/client/message_feed_test.ts"], [
    [
      "a message is begun where only the one under way was wanted",
      "|| (onlyMessage && this.atBoundary)",
      "",
      "what the session says overtakes messages that were not begun",
    ],
    [
      "what was sent of a message is sent again",
      "first.subarray(this.#sentOfFirst)",
      "first",
      "a partial write is gone on with",
    ],
    [
      "who waits for room is not let go",
      "if (this.#waitingBytes <= MOST_WAITING_BYTES) this.#makeRoom();",
      "",
      "who publishes goes on when there is room",
    ],
    [
      "a message is cut where the room ends",
      "Math.max(bytes, first.length - this.#sentOfFirst)",
      "bytes",
      "the message that fills the room is sent whole",
    ],
    [
      "nothing is held for want of room",
      "if (first === undefined) return Infinity;",
      "",
      "where nothing waits nothing is held",
    ],
  ]),
];
