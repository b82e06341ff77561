import type { ServerLog } from "../log/mod.ts";
import { isLocalAddress } from "./address_bounds.ts";
import { FALLBACK_VIA } from "../hub/mod.ts";
import type { Answer, ConnectionEnd, NotGranted, Redirection, Refusal } from "./answer.ts";
import {
  type AccessAction,
  credentialsInQuery,
  type ShownCredentials,
  type StreamAction,
} from "./authentication.ts";
import type { Arrival, Ask, Introduction, PublishAsk } from "./ask.ts";
import type { Desk } from "./desk.ts";
import { GuestLeavers } from "./guest_leavers.ts";
import type { Guesses } from "./guess_guard.ts";
import type { RefusedInfo } from "./refused_info.ts";
import type { HookResult } from "./hooks.ts";
import type { ConnectionInfo, StreamRequest } from "./stream_request.ts";
import { PEER_PARAMETER, type Peers } from "./peers.ts";
import { PlayTicket } from "./play_ticket.ts";
import { PublishTicket, type TicketWiring } from "./publish_ticket.ts";
import { faultOfName, NOBODY, type Proof, type Verdict, verdictOf } from "./verdict.ts";

/** Tickets that a connection may have and not use; one that asks for more loses the oldest of them. */
const MOST_UNUSED = 64;

/** Most connections have one ticket, and begin with none. */
const NO_TICKETS: readonly never[] = [];

/** Characters of the name of a client's software that a log line has. */
const MOST_AGENT = 80;

/** A connection at the desk, from its first byte to its end. */
export class Guest {
  /** Its number, unique in this server. */
  readonly id: number;
  /** The protocol that it speaks. */
  readonly protocol: string;
  /** Its address, without a port; empty for the server's own. */
  readonly remoteAddress: string;
  /** Set by the door: ends the connection, and tells the client why. */
  onKick: ((why: string) => void) | undefined;
  readonly #desk: Desk;
  readonly #log: ServerLog;
  /** The server's own publishers and players: nobody has to let them in. */
  readonly #isOwn: boolean;
  /** It is one request of HTTP: nobody is told of each of those. */
  readonly #isRequest: boolean;
  readonly #onRelease: () => void;
  #unused: readonly (PlayTicket | PublishTicket)[] = NO_TICKETS;
  /** Questions that wait for their answers. */
  readonly #leavers = new GuestLeavers();
  #info: ConnectionInfo | undefined;
  #entering: Promise<NotGranted | undefined> | undefined;
  #wrong = 0;
  #hasEntered = false;
  #hasLeft = false;

  /** Made by {@linkcode Gate.arrive} and {@linkcode Gate.own}. */
  constructor(
    desk: Desk,
    arrival: Arrival & {
      readonly id: number;
      readonly isOwn: boolean;
      readonly onRelease: () => void;
    },
  ) {
    this.#desk = desk;
    this.id = arrival.id;
    this.protocol = arrival.protocol;
    this.remoteAddress = arrival.remoteAddress;
    this.#isOwn = arrival.isOwn;
    this.#isRequest = arrival.isRequest ?? false;
    this.#onRelease = arrival.onRelease;
    this.#log = arrival.isOwn ? desk.log : desk.peers.of(arrival.remoteAddress);
  }

  /** The description of it that hooks get; `undefined` before it has entered. */
  get info(): ConnectionInfo | undefined {
    return this.#info;
  }

  /** Whether the connection is over. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** Takes in what the client says of itself, and asks about it once; a second call has the first's answer. */
  async enter(introduction: Introduction = {}): Promise<Answer<ConnectionInfo>> {
    const { hooks } = this.#desk;
    // Known from now on, so that its end is told too if it comes before the answer.
    this.#info ??= {
      id: this.id,
      protocol: this.protocol,
      remoteAddress: this.remoteAddress,
      app: this.#shownApp(introduction.app ?? ""),
      userAgent: introduction.userAgent ?? "",
    };
    const info = this.#info;
    const mayEnter = introduction.elsewhere === undefined || this.#isPeerApp(introduction.app);
    const leaving = mayEnter ? undefined : this.#awayAs(introduction);
    if (leaving !== undefined) {
      return this.#refuse(leaving, { action: "connect", ask: { name: "" } });
    }
    if (!this.#isOwn && hooks.onConnect !== undefined) {
      this.#entering ??= this.#turnsAway(() => hooks.onConnect?.(info), introduction)
        .then((away) => away && this.#refuse(away, { action: "connect", ask: { name: "" } }));
      const away = await this.#entering;
      if (away !== undefined) return away;
    }
    if (this.#hasLeft) return HAS_GONE;
    if (!this.#hasEntered && !this.#isOwn) {
      this.#hasEntered = true;
      const isRequest = this.#isRequest || introduction.isRequest === true;
      if (introduction.isRequest !== true) this.#logArrival(info);
      if (!isRequest) this.#desk.tell(({ onEntered }) => onEntered?.(info));
    }
    return { granted: info };
  }

  #logArrival({ id, protocol, remoteAddress, app, userAgent }: ConnectionInfo): void {
    this.#log.info(`${protocol} connected`, {
      connection: id,
      peer: remoteAddress,
      // What is behind it may be a secret.
      ...(app === "" ? {} : { app: app.split("?", 1)[0] }),
      ...(userAgent === "" ? {} : { agent: userAgent.slice(0, MOST_AGENT) }),
    });
  }

  /**
   * Asks whether the client may play. Once a player: the ticket stays good until it is ended, or the connection
   * leaves and it was never started.
   */
  async play(ask: Ask): Promise<Answer<PlayTicket>> {
    const permitted = await this.#permitted("play", ask);
    const away = "granted" in permitted ? this.#overPlayers(permitted.granted) : permitted;
    if (away !== undefined) return this.#refuse(away, { action: "play", ask });
    const { granted } = permitted as Granted;
    return await this.#reviewed(this.#ticket(new PlayTicket(this.#desk, granted)), granted);
  }

  /**
   * Asks whether the client may publish. The name is taken by the ticket's `start`; where names are shared with other
   * hubs it is claimed from them here, or with `isLater` by the ticket's `claim`.
   */
  async publish(ask: PublishAsk): Promise<Answer<PublishTicket>> {
    const permitted = await this.#permitted("publish", ask);
    const away = "granted" in permitted ? this.#overPublishers(permitted.granted) : permitted;
    if (away !== undefined) return this.#refuse(away, { action: "publish", ask });
    const { granted } = permitted as Granted;
    const identity = ask.identity ?? this.#identityOf(granted);
    const { isFallback = false, isLater = false } = ask;
    const via = isFallback ? FALLBACK_VIA : ask.via;
    const ticket = new PublishTicket(this.#desk, { ...granted, identity, via, isFallback });
    const answer = await this.#reviewed(this.#ticket(ticket), granted);
    if (isLater || !("granted" in answer)) return answer;
    const refused = await ticket.claim();
    if (refused === undefined) return answer;
    endUnused(ticket, GONE);
    return refused;
  }

  /**
   * Asks who the client is and whether it might do something, and nothing more; resolves with the user that it proved
   * to be. For requests of who was let in before, on another connection, say; and for those to the API, whose name is
   * empty: nobody may use it who has not proved to be somebody.
   */
  async prove(action: AccessAction, ask: Ask): Promise<Answer<string | undefined>> {
    if (this.#isOwn) return { granted: undefined };
    const judged = await this.#judge(action, { request: this.#request(ask), ask });
    if (!("granted" in judged)) return this.#refuse(judged, { action, ask });
    const { user } = judged.granted;
    if (action !== "api" || user !== undefined) return { granted: user };
    const away = this.#desk.hooks.authenticate === undefined
      ? { refused: "denied", why: "Nobody may use the API, as there are no users" } as const
      : { challenge: "The API needs a user" };
    return this.#refuse(away, { action, ask });
  }

  /**
   * Asks whether the client may talk to who publishes a stream. Where nobody has to prove anything, nobody may: to be
   * heard in somebody's house is more than to look into it.
   */
  async talk(ask: Ask): Promise<Answer<TalkLeave>> {
    if (this.#isOwn) return { granted: NOBODY };
    const judged = this.#desk.hooks.authenticate === undefined
      ? { refused: "denied", why: "Nobody may talk, as nothing says who may" } as const
      : await this.#judge("talk", { request: this.#request(ask), ask });
    if (!("granted" in judged)) return this.#refuse(judged, { action: "talk", ask });
    return judged;
  }

  /**
   * Whether a client that has shown nothing yet, and wants to do something under a name that is not known yet,
   * has to show credentials: for protocols that ask for them at connect alone. The name stands for what is known;
   * a query that shows credentials is judged with what the client asks for next.
   */
  async mustProve(action: StreamAction, ask: Pick<Ask, "name" | "query">): Promise<boolean> {
    const { authenticate } = this.#desk.hooks;
    if (this.#isOwn || this.#hasLeft || authenticate === undefined) return false;
    const request = {
      ...this.#request(ask),
      action,
      credentials: { kind: "none" },
      isAhead: true,
    } as const;
    if (credentialsInQuery(request.query).kind !== "none") return false;
    if (request.query.has(PEER_PARAMETER) && this.#desk.nodes !== undefined) return false;
    const asked = await this.#desk.caller.ask(
      async () => verdictOf(await authenticate(request)),
      this.#leavers,
    );
    return "answer" in asked && "challenge" in asked.answer.verdict;
  }

  /** Ends the connection, and has its client told why; the server's own have none. */
  kick(why: string): void {
    this.onKick?.(why);
  }

  /**
   * The connection is over, though its last words may be on their way; the hooks are told, once. What it was
   * allowed and has not begun ends with it; what it has begun is ended by its door, since an RTSP session may
   * outlive its connection.
   */
  leave(end: ConnectionEnd): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    for (const ticket of this.#unused) {
      if (ticket.info.state !== "live") endUnused(ticket, end);
    }
    this.#unused = NO_TICKETS;
    this.#leavers.leave();
    const info = this.#info;
    if (info === undefined || this.#isOwn) return;
    this.#desk.tell(({ onDisconnect }) => onDisconnect?.(info, end));
  }

  /** Its socket is closed too: it counts no longer. */
  release(): void {
    this.#onRelease();
  }

  /** Who was judged while the rules changed is judged by those of now. */
  async #reviewed<T extends PlayTicket | PublishTicket>(
    answer: Answer<T>,
    { rulesAge = this.#desk.rulesAge }: TicketWiring,
  ): Promise<Answer<T>> {
    if (!("granted" in answer) || rulesAge === this.#desk.rulesAge) return answer;
    return await answer.granted.review() ? answer : NO_LONGER;
  }

  #ticket<T extends PlayTicket | PublishTicket>(ticket: T): Answer<T> {
    // The answer may have taken its time: nobody would end the ticket of a connection that has gone.
    if (this.#hasLeft) {
      endUnused(ticket, GONE);
      return HAS_GONE;
    }
    const states = this.#unused.map((other) => ({ other, state: other.info.state }));
    const unused = states.filter(({ state }) => state !== "live" && state !== "ended");
    const oldest = unused.length < MOST_UNUSED
      ? undefined
      : unused.find(({ state }) => state === "granted")?.other;
    this.#unused = unused.map(({ other }) => other).filter((other) => other !== oldest)
      .concat(ticket);
    if (oldest !== undefined) endUnused(oldest, UNUSED);
    return { granted: ticket };
  }

  /** Asks a hook that may turn the client away, unless the client has gone meanwhile: nobody is asked about such. */
  async #turnsAway(
    ask: () => HookResult,
    { locate = unchanged }: { readonly locate?: (redirect: string) => string },
  ): Promise<NotGranted | undefined> {
    if (this.#hasLeft) return HAS_GONE;
    return await this.#desk.caller.turnsAway(ask, { locate, leavers: this.#leavers });
  }

  async #permitted(action: StreamAction, ask: Ask): Promise<Answer<TicketWiring>> {
    const asked = this.#request(ask);
    const wiring = {
      request: asked,
      askedName: ask.name,
      isOwn: this.#isOwn,
      expiresInMs: undefined,
      elsewhere: ask.elsewhere,
      log: this.#log,
      kickGuest: (why: string) => this.kick(why),
    };
    // Neither hooks nor the log are to see what is no name.
    const fault = faultOfName(ask.name);
    if (fault !== undefined) return fault;
    if (this.#isOwn) return { granted: { ...wiring, user: undefined } };
    const token = asked.query.get(PEER_PARAMETER);
    if (token !== null && action === "play" && this.#desk.nodes !== undefined) {
      return await this.#permittedPeer(wiring, { token, nodes: this.#desk.nodes });
    }
    const leaving = this.#awayAs(ask);
    if (leaving !== undefined) return leaving;
    const { rulesAge } = this.#desk;
    const judged = await this.#judge(action, { request: asked, ask });
    if (!("granted" in judged)) return judged;
    const { user, expiresInMs, name = ask.name, isOpen, grounds } = judged.granted;
    const request = { ...asked, name, ...(user === undefined ? {} : { user }) };
    const { hooks } = this.#desk;
    const hook = action === "publish" ? hooks.onPublish : hooks.onPlay;
    if (hook !== undefined) {
      const away = await this.#turnsAway(() => hook(request), ask);
      if (away !== undefined) return away;
    }
    return { granted: { ...wiring, request, user, expiresInMs, isOpen, grounds, rulesAge } };
  }

  /** Another machine of the cluster shows what it is: hooks and users are for its own players, whom it asks itself. */
  async #permittedPeer(
    wiring: Omit<TicketWiring, "user">,
    { token, nodes }: { readonly token: string; readonly nodes: Peers },
  ): Promise<Answer<TicketWiring>> {
    const pass = await nodes.admit(token, wiring.request.name);
    if ("granted" in pass) {
      const peer = pass.granted;
      return { granted: { ...wiring, user: `node ${peer.node}`, peer } };
    }
    if ("refused" in pass && pass.refused === "denied") this.#desk.counts.wrongCredentials++;
    return pass;
  }

  /** How a client is turned away where nobody new is let in. */
  #awayAs({ elsewhere }: Pick<Ask, "elsewhere">): Refusal | Redirection | undefined {
    const { leaving } = this.#desk;
    if (leaving === undefined || this.#isOwn) return undefined;
    const base = elsewhere && leaving.baseOf(elsewhere.scheme);
    return base === undefined ? LEAVING : { redirect: elsewhere!.urlAt(base), isSame: true };
  }

  /** Whether it connects as another machine of the cluster, whose streams go on; what it shows is judged as it plays. */
  #isPeerApp(app = ""): boolean {
    const { nodes } = this.#desk;
    return nodes !== undefined && app.includes(`${PEER_PARAMETER}=`);
  }

  /** How a player is turned away, where its stream has as many as it may. */
  #overPlayers({ request: { name }, isOwn, peer }: TicketWiring): Refusal | undefined {
    const { limits, termsOf } = this.#desk;
    const most = termsOf(name).maxPlayers ?? limits.maxPlayersPerStream;
    // How many streams other machines fetch is bounded apart.
    if (isOwn || peer !== undefined || most === Infinity) return undefined;
    let players = 0;
    for (const ticket of this.#desk.tickets()) {
      const { action, stream } = ticket.info;
      const isPeer = ticket instanceof PlayTicket && ticket.peer !== undefined;
      if (action === "play" && stream === name && !ticket.isOwn && !isPeer) players++;
    }
    if (players < most) return undefined;
    return { refused: "full", why: `The stream ${name} has ${most} players, as many as it may` };
  }

  /** The same of a publisher, whose user publishes as much as it may; who comes back takes no second place. */
  #overPublishers({ request: { name }, user }: TicketWiring): Refusal | undefined {
    const most = this.#desk.limits.maxPublishersPerUser;
    if (user === undefined || most === Infinity) return undefined;
    const streams = new Set<string>();
    for (const { info } of this.#desk.tickets()) {
      if (info.action === "publish" && info.user === user) streams.add(info.stream);
    }
    streams.delete(name);
    if (streams.size < most) return undefined;
    return { refused: "full", why: `The user publishes ${most} streams, as many as it may` };
  }

  /** Resolves with what the client has proved, or how it is turned away. */
  async #judge(
    action: AccessAction,
    { request, ask }: { readonly request: StreamRequest; readonly ask: Ask },
  ): Promise<Answer<Proof>> {
    const { authenticate } = this.#desk.hooks;
    if (authenticate === undefined) return { granted: { ...NOBODY, isOpen: true } };
    const shown = ask.credentials ?? NOTHING_SHOWN;
    const credentials = shown.kind === "none" ? credentialsInQuery(request.query) : shown;
    const asking = (): Promise<Asked> =>
      this.#desk.caller.ask(
        async () => verdictOf(await authenticate({ ...request, action, credentials })),
        this.#leavers,
      );
    if (credentials.kind !== "none") {
      return await this.#judgeShown(this.#desk.guesses, { credentials, asking });
    }
    // Where somebody guesses secret names, each name waits for its turn.
    const { nameGuesses } = this.#desk;
    if (action === "publish" && await nameGuesses.suspects(this.remoteAddress)) {
      return await this.#judgeShown(nameGuesses, { credentials, asking });
    }
    if (this.#hasLeft) return HAS_GONE;
    const asked = await asking();
    if (!("answer" in asked)) return asked;
    const { verdict, isGuess } = asked.answer;
    if (isGuess !== true) return verdict;
    nameGuesses.note(this.remoteAddress);
    return this.#wrongCredentials(verdict);
  }

  /** Has credentials judged when it is the turn of the client's address. */
  async #judgeShown(
    guesses: Guesses,
    { credentials, asking }: {
      readonly credentials: ShownCredentials;
      readonly asking: () => Promise<Asked>;
    },
  ): Promise<Answer<Proof>> {
    const { hookMs } = this.#desk;
    const judged = await guesses.turn(this.remoteAddress, {
      waitMs: hookMs,
      leavers: this.#leavers,
    });
    let isRight = false;
    try {
      if (this.#hasLeft) {
        // Nobody has judged them.
        isRight = true;
        return HAS_GONE;
      }
      if (judged === undefined) {
        return { refused: "full", why: "Too many credentials of this address wait to be judged" };
      }
      // It was asked together with the last guess that was allowed.
      if (this.#wrong > 0 && this.#wrong >= this.#desk.limits.maxWrongCredentials) {
        isRight = true;
        return this.#shutOut("Wrong credentials");
      }
      const asked = await asking();
      const { verdict, isGuess = credentials.kind !== "none" } = "answer" in asked
        ? asked.answer
        : { verdict: asked };
      // All else may be how a program says that they are wrong, to throw too.
      isRight = !isGuess || "granted" in verdict ||
        (credentials.kind === "digest" && credentials.isStale?.() === true);
      return isRight || !("answer" in asked) ? verdict : this.#wrongCredentials(verdict);
    } finally {
      judged?.(isRight);
    }
  }

  #wrongCredentials<T>(verdict: Answer<T>): Answer<T> {
    const { counts, limits } = this.#desk;
    counts.wrongCredentials++;
    this.#wrong++;
    if (this.#wrong < limits.maxWrongCredentials) return verdict;
    return this.#shutOut("refused" in verdict ? verdict.why : "Wrong credentials");
  }

  #shutOut(why: string): Refusal {
    const message = `The client has shown wrong credentials ${this.#wrong} times`;
    const close = { clean: false, reason: "wrong-credentials", message };
    return { refused: "denied", why, close };
  }

  /**
   * Who a publisher is for the conflict policy: the user that was proved. An address counts only where nobody has to
   * prove anything, and only one that a stranger cannot share.
   */
  #identityOf({ user, isOpen }: TicketWiring): string | undefined {
    if (user !== undefined) return `user ${user}`;
    const mayCount = isOpen === true && isLocalAddress(this.remoteAddress);
    return mayCount ? `address ${this.remoteAddress}` : undefined;
  }

  /** Some clients put all of their URL into the app, and so a secret name. */
  #shownApp(app: string): string {
    const path = app.split("?", 1)[0]!;
    if (this.#desk.hooks.isSecretName?.(path) !== true) return app;
    return path.slice(0, Math.max(0, path.lastIndexOf("/")));
  }

  #request({ name, query }: Pick<Ask, "name" | "query">): StreamRequest {
    const connection = this.#info ?? {
      id: this.id,
      protocol: this.protocol,
      remoteAddress: this.remoteAddress,
      app: "",
      userAgent: "",
    };
    return { connection, name, query: query ?? new URLSearchParams() };
  }

  /** Counts who is turned away, and tells those who listen; the answer says whether the name is a secret. */
  #refuse(
    answer: NotGranted,
    { action, ask }: { readonly action: RefusedInfo["action"]; readonly ask: Ask },
  ): NotGranted {
    this.#count(answer);
    if (answer === HAS_GONE || this.#hasLeft || "redirect" in answer) return answer;
    // A key that is right is as secret where its stream cannot be had as where it can.
    const away = this.#desk.hooks.isSecretName?.(ask.name) === true
      ? { ...answer, hidesName: true }
      : answer;
    const { connection, query } = this.#request(ask);
    const hasShown = (ask.credentials ?? NOTHING_SHOWN).kind !== "none" ||
      credentialsInQuery(query).kind !== "none";
    if ("challenge" in away && !hasShown) return away;
    const name = away.hidesName || ("refused" in away && away.refused === "invalid")
      ? ""
      : ask.name;
    this.#desk.tell(({ onRefused }) =>
      onRefused?.({
        connection,
        action,
        name,
        ...("refused" in away
          ? { refused: away.refused, why: away.why }
          : { refused: "wrong-credentials", why: away.challenge }),
      })
    );
    return away;
  }

  #count(away: NotGranted): NotGranted {
    const { counts } = this.#desk;
    // A client that has gone was not refused.
    if (away === HAS_GONE || this.#hasLeft) return away;
    if ("challenge" in away) counts.challenged++;
    else if ("redirect" in away) counts.redirected++;
    else counts[away.refused]++;
    return away;
  }
}

const NOTHING_SHOWN: ShownCredentials = { kind: "none" };

const GONE: ConnectionEnd = {
  clean: true,
  reason: "closed",
  message: "The connection has ended meanwhile",
};

const HAS_GONE: Refusal = { refused: "absent", why: GONE.message };

const LEAVING: Refusal = {
  refused: "leaving",
  why: "The server takes nobody new, as it is about to go",
};

const UNUSED: ConnectionEnd = {
  clean: true,
  reason: "unused",
  message: "The connection has asked for more than it uses",
};

/** The leave to talk. */
export interface TalkLeave {
  /** The user that the client has proved to be. */
  readonly user: string | undefined;
  /** How long it holds, milliseconds; `undefined` for as long as it likes. */
  readonly expiresInMs: number | undefined;
  /** What it rests on, as the `authenticate` hook has said. */
  readonly grounds?: unknown;
}

type Granted = { readonly granted: TicketWiring };

/** The outcome of a question to the `authenticate` hook. */
type Asked = { readonly answer: Verdict } | Refusal;

function endUnused(ticket: PlayTicket | PublishTicket, end: ConnectionEnd): void {
  if (ticket instanceof PublishTicket) ticket.end(end);
  else ticket.end();
}

function unchanged(redirect: string): string {
  return redirect;
}

const NO_LONGER: Refusal = { refused: "denied", why: "Not allowed any more" };
