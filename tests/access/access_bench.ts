/** An `Access` in simulated time, asked as the gate asks it. */
import { assert } from "@std/assert";
import { Access, type AccessOptions } from "../../src/access/mod.ts";
import type {
  AccessAction,
  AuthenticationAnswer,
  AuthenticationRequest,
  ShownCredentials,
} from "../../src/gate/mod.ts";
import type { Fetch } from "../../src/transport/mod.ts";
import { LogBook } from "../support/test_server.ts";

export const NOTHING: ShownCredentials = { kind: "none" };

export interface Question {
  readonly action?: AccessAction;
  readonly name?: string;
  readonly query?: string;
  readonly credentials?: ShownCredentials;
  readonly from?: string;
  readonly protocol?: string;
  readonly isAhead?: boolean;
}

export class AccessBench {
  readonly access: Access;
  readonly log = new LogBook();
  nowMs = Date.UTC(2030, 0, 1);

  constructor(options: AccessOptions, { fetch }: { readonly fetch?: Fetch } = {}) {
    this.access = new Access(options, {
      log: this.log,
      now: () => this.nowMs,
      ...(fetch === undefined ? {} : { fetch }),
    });
  }

  /** What is answered, but for its grounds. */
  async ask(question: Question = {}): Promise<AuthenticationAnswer> {
    const answer = await this.access.authenticate(request(question));
    if (!("allow" in answer)) return answer;
    const { grounds: _, ...rest } = answer;
    return rest;
  }

  /** Lets somebody in, and returns what says, later, whether it may stay. */
  async admit(question: Question): Promise<() => Promise<boolean>> {
    const asked = request(question);
    const answer = await this.access.authenticate(asked);
    assert("allow" in answer, Deno.inspect(answer));
    const { allow, name = asked.name, grounds } = answer;
    const { action } = asked;
    assert(action === "play" || action === "publish");
    return async () =>
      await this.access.mayStay({
        ...asked,
        name,
        action,
        // Workers send it to another thread.
        grounds: structuredClone(grounds),
        ...(allow === "anonymous" ? {} : { user: allow.user }),
      }) === undefined;
  }

  /** What is answered, in a few words: who it is, or how it is turned away. */
  async words(question: Question = {}): Promise<string> {
    return inWords(await this.ask(question));
  }
}

export function request(question: Question): AuthenticationRequest {
  const { action = "play", name = "live/cam", query = "", credentials = NOTHING } = question;
  const { from = "203.0.113.9", protocol = "rtmp", isAhead } = question;
  return {
    connection: { id: 7, protocol, remoteAddress: from, app: "live", userAgent: "" },
    name,
    query: new URLSearchParams(query),
    action,
    credentials,
    ...(isAhead === undefined ? {} : { isAhead }),
  };
}

export function inWords(answer: AuthenticationAnswer): string {
  if ("refuse" in answer) return `refused: ${answer.refuse}`;
  if ("challenge" in answer) return `asked: ${answer.challenge}`;
  return answer.allow === "anonymous" ? "anonymous" : answer.allow.user;
}

export function password(username: string, password: string): ShownCredentials {
  return { kind: "password", username, password };
}

export function token(token: string): ShownCredentials {
  return { kind: "token", token };
}
