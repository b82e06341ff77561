import type { Permission } from "./permission_claim.ts";

/** What a token is worth. */
export type TokenVerdict =
  /** It is good. */
  | {
    readonly kind: "right";
    /** Whom it is about; `undefined` where it does not say. */
    readonly user: string | undefined;
    /** What it allows. */
    readonly permissions: readonly Permission[];
    /** When it ends, in milliseconds from now; `undefined` where it does not. */
    readonly expiresInMs: number | undefined;
  }
  /** It is not; `why` may be told to its client. */
  | { readonly kind: "wrong"; readonly why: string };

/** What judges tokens. */
export interface TokenVerifier {
  /**
   * Judges a token.
   *
   * @throws if that cannot be done, as the keys cannot be had
   */
  verify(token: string): Promise<TokenVerdict>;
}
