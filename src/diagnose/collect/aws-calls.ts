// Read-only calls to AWS: paged, no more than so many a second, and a refused one is named instead of thrown.

import type { Clock } from "../../ports/clock.ts";
import type { UnreadFile } from "../facts/model.ts";

export interface CallName {
  /** As IAM writes it: `ec2:DescribeSubnets`. Facts name it as their source. */
  readonly action: string;
  /** The same by hand. */
  readonly command: string;
}

export interface PagedAnswer {
  readonly [list: string]: unknown;
}

/** More pages than any account has; an endless chain of tokens ends here. */
const PAGE_COUNT_MAX = 2_000;

const DENIED =
  /^(?:UnauthorizedOperation|AccessDenied|AccessDeniedException|Client\.UnauthorizedOperation|NotAuthorized)$/;
/** With these no other call will fare better. */
const HOPELESS =
  /^(?:CredentialsProviderError|TokenProviderError|ExpiredToken|ExpiredTokenException|RequestExpired|InvalidClientTokenId|UnrecognizedClientException|AuthFailure|SignatureDoesNotMatch|InvalidSignatureException)$/;

/** No call can succeed: without credentials, or with expired ones. */
export class NoAccess extends Error {}

export class AwsCalls {
  readonly unread: UnreadFile[] = [];
  readonly #clock: Clock;
  readonly #gapMs: number;
  readonly #signal: AbortSignal | undefined;
  #nextAtMs = Number.NEGATIVE_INFINITY;
  #callCount = 0;

  constructor(options: {
    readonly clock: Clock;
    readonly callsPerSecond: number;
    readonly signal?: AbortSignal | undefined;
  }) {
    this.#clock = options.clock;
    this.#gapMs = 1000 / options.callsPerSecond;
    this.#signal = options.signal;
  }

  get callCount(): number {
    return this.#callCount;
  }

  /** The answer, or undefined when the call failed, which is then in `unread`. Throws `NoAccess`. */
  async one<T>(name: CallName, send: (signal: AbortSignal | undefined) => Promise<T>): Promise<T | undefined> {
    await this.#turn();
    this.#callCount++;
    try {
      return await send(this.#signal);
    } catch (error) {
      this.#signal?.throwIfAborted();
      this.#failed(name, error);
      return undefined;
    }
  }

  /**
   * The items of all pages, and whether none is missing: a page that fails ends the list, and what came before counts.
   */
  async pages<P, T>(
    name: CallName,
    send: (nextToken: string | undefined, signal: AbortSignal | undefined) => Promise<P>,
    read: (page: P) => { readonly items: readonly T[]; readonly nextToken: string | undefined },
  ): Promise<{ readonly items: readonly T[]; readonly isWhole: boolean }> {
    const items: T[] = [];
    let nextToken: string | undefined;
    for (let count = 0; count < PAGE_COUNT_MAX; count++) {
      const token = nextToken;
      const page = await this.one(name, (signal) => send(token, signal));
      if (page === undefined) return { items, isWhole: false };
      const found = read(page);
      for (const item of found.items) items.push(item);
      nextToken = found.nextToken;
      if (nextToken === undefined || nextToken === "") return { items, isWhole: true };
    }
    this.unread.push({ file: name.action, reason: `gave more than ${PAGE_COUNT_MAX} pages: the rest is not read` });
    return { items, isWhole: false };
  }

  #failed(name: CallName, error: unknown): void {
    const code = codeOf(error);
    const message = error instanceof Error ? error.message : String(error);
    if (HOPELESS.test(code)) throw new NoAccess(`${code}: ${message}`);
    const before = this.unread.find(({ file }) => file === name.action);
    // One entry an action: reservations are asked for subnet by subnet.
    if (before !== undefined && DENIED.test(code)) return;
    this.unread.push(
      DENIED.test(code)
        ? {
            file: name.action,
            reason: `denied (${code}): these credentials may not call ${name.action}`,
            next: `allow ${name.action}, or have somebody who may run: ${name.command}`,
          }
        : { file: name.action, reason: `failed: ${code}: ${message}`, next: `try by hand: ${name.command}` },
    );
  }

  /** Waits for this call's place in the row. */
  async #turn(): Promise<void> {
    this.#signal?.throwIfAborted();
    const nowMs = this.#clock.nowMs();
    const atMs = Math.max(nowMs, this.#nextAtMs);
    this.#nextAtMs = atMs + this.#gapMs;
    if (atMs > nowMs) await new Promise<void>((resolve) => this.#clock.at(atMs, resolve));
  }
}

function codeOf(error: unknown): string {
  const { Code, name } = error as { readonly Code?: unknown; readonly name?: unknown };
  if (typeof Code === "string" && Code !== "") return Code;
  return typeof name === "string" && name !== "" ? name : "Error";
}
