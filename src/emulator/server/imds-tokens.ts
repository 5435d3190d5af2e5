// Session tokens of the metadata service. A token says for which instance it is, until when, and proves that this server made
// it, so nothing is stored: clients that ask for a token before every read (the JavaScript SDK does) cost no memory.

import type { Ms } from "../../base/units.ts";

/** Seconds; the bounds that the metadata service documents for X-aws-ec2-metadata-token-ttl-seconds (read 2026-08). */
const TTL_SECONDS_MIN = 1;
const TTL_SECONDS_MAX = 21_600;

/** The TTL that the header asks for; undefined unless it is a whole number from 1 to 21600. */
export function parseTtlSeconds(header: string | null): number | undefined {
  if (header === null || !/^\d{1,5}$/.test(header)) return undefined;
  const seconds = Number(header);
  return seconds >= TTL_SECONDS_MIN && seconds <= TTL_SECONDS_MAX ? seconds : undefined;
}

export class ImdsTokens {
  readonly #key: string;

  /** Tokens of one key are no good under another. */
  constructor(key: string) {
    this.#key = key;
  }

  issue(instanceId: string, expiresAtMs: Ms): string {
    const expiry = Math.ceil(expiresAtMs).toString(36).padStart(12, "0");
    return `${expiry}${this.#proof(instanceId, expiry)}`;
  }

  /** The token is ours, for this instance, and not expired. */
  accepts(token: string, instanceId: string, nowMs: Ms): boolean {
    const expiry = token.slice(0, 12);
    if (token !== `${expiry}${this.#proof(instanceId, expiry)}`) return false;
    return nowMs < Number.parseInt(expiry, 36);
  }

  #proof(instanceId: string, expiry: string): string {
    const digest = new Bun.CryptoHasher("sha256", this.#key).update(`${instanceId} ${expiry}`).digest("base64url");
    return `${digest}==`;
  }
}
