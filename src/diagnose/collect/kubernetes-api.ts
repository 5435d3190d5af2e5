// GET requests to the API server of a kubeconfig's context: paced, bounded, never redirected. It knows no other verb.

import { setTimeout as sleep } from "node:timers/promises";
import type { KubeConfig } from "@kubernetes/client-node";
import { failureText } from "./failure-text.ts";

export interface ApiOptions {
  readonly kubeConfig: KubeConfig;
  readonly callsPerSecondMax: number;
  readonly signal?: AbortSignal | undefined;
}

/** An answer, or why there is none. `status` is undefined when no answer came at all. */
export type ApiAnswer<T> =
  | { readonly kind: "ok"; readonly value: T }
  | { readonly kind: "failed"; readonly status: number | undefined; readonly reason: string };

export interface Tail {
  readonly chunks: readonly Uint8Array[];
  /** Bytes before them that were left out; 0: all is here. */
  readonly skippedBytes: number;
}

/** A page of 500 objects has a few MB; one of large ConfigMaps or CRDs may have more. */
const JSON_BYTES_MAX = 256 * 2 ** 20;
const TIMEOUT_MS = 60_000;
const RETRIES_MAX = 3;
const RETRY_WAIT_MS_MAX = 10_000;

interface RequestParts {
  headers?: Record<string, string>;
  auth?: string;
  ca?: Buffer | string;
  cert?: Buffer | string;
  key?: Buffer | string;
  servername?: string;
  rejectUnauthorized?: boolean;
}

export class KubernetesApi {
  readonly #options: ApiOptions;
  #next = Promise.resolve();

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  get server(): string {
    return (this.#options.kubeConfig.getCurrentCluster()?.server ?? "").replace(/\/$/, "");
  }

  async json(path: string): Promise<ApiAnswer<unknown>> {
    const answer = await this.text(path, JSON_BYTES_MAX);
    if (answer.kind === "failed") return answer;
    try {
      return { kind: "ok", value: JSON.parse(answer.value) as unknown };
    } catch {
      return { kind: "failed", status: 200, reason: "the answer is no JSON" };
    }
  }

  /** At most `bytesMax`; a longer answer is a failure. */
  async text(path: string, bytesMax: number): Promise<ApiAnswer<string>> {
    const answer = await this.#get(path, {});
    if (answer.kind === "failed") return answer;
    return this.#reading(async () => {
      const decoder = new TextDecoder();
      let text = "";
      let count = 0;
      for await (const chunk of bodyOf(answer.value)) {
        count += chunk.length;
        if (count > bytesMax) throw new Error(`the answer has more than ${bytesMax} bytes`);
        text += decoder.decode(chunk, { stream: true });
      }
      return text + decoder.decode();
    });
  }

  /** The last `bytesMax` bytes. The server is asked for no more; one that sends all is read through. */
  async tail(path: string, bytesMax: number): Promise<ApiAnswer<Tail>> {
    const answer = await this.#get(path, { range: `bytes=-${bytesMax}` });
    if (answer.kind === "failed") {
      return answer.status === 416 ? { kind: "ok", value: { chunks: [], skippedBytes: 0 } } : answer;
    }
    return this.#reading(async () => {
      const chunks: Uint8Array[] = [];
      let kept = 0;
      let dropped = 0;
      for await (const chunk of bodyOf(answer.value)) {
        chunks.push(chunk);
        kept += chunk.length;
        for (let first = chunks[0]; first !== undefined && kept - first.length >= bytesMax; first = chunks[0]) {
          chunks.shift();
          kept -= first.length;
          dropped += first.length;
        }
      }
      const excess = kept - bytesMax;
      if (excess > 0 && chunks[0] !== undefined) {
        chunks[0] = chunks[0].subarray(excess);
        dropped += excess;
      }
      const range = /^bytes (\d+)-/.exec(answer.value.headers.get("content-range") ?? "");
      return { chunks, skippedBytes: range === null ? dropped : Number(range[1]) + dropped };
    });
  }

  async #get(path: string, headers: Readonly<Record<string, string>>): Promise<ApiAnswer<Response>> {
    for (let attempt = 0; ; attempt++) {
      await this.#turn();
      const answer = await this.#reading(() => this.#fetch(path, headers));
      if (answer.kind === "failed") return answer;
      const response = answer.value;
      if (response.ok) return answer;
      const reason = await reasonOf(response);
      if ((response.status !== 429 && response.status !== 503) || attempt === RETRIES_MAX) {
        return { kind: "failed", status: response.status, reason };
      }
      const askedMs = Number(response.headers.get("retry-after") ?? 1) * 1000;
      await sleep(Math.min(Number.isFinite(askedMs) ? askedMs : 1000, RETRY_WAIT_MS_MAX), undefined, this.#wait());
    }
  }

  async #fetch(path: string, headers: Readonly<Record<string, string>>): Promise<Response> {
    const { kubeConfig, signal } = this.#options;
    const parts: RequestParts = { headers: {} };
    await kubeConfig.applyToHTTPSOptions(parts as Parameters<KubeConfig["applyToHTTPSOptions"]>[0]);
    const { ca, cert, key, servername, rejectUnauthorized, auth } = parts;
    const proxy = kubeConfig.getCurrentCluster()?.proxyUrl;
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    return fetch(this.server + path, {
      method: "GET",
      headers: {
        accept: "application/json, text/plain, */*",
        ...parts.headers,
        ...(auth === undefined ? {} : { authorization: `Basic ${Buffer.from(auth).toString("base64")}` }),
        ...headers,
      },
      // The token of the kubeconfig goes to its server and to no other.
      redirect: "error",
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      ...(proxy === undefined ? {} : { proxy }),
      tls: {
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(servername === undefined ? {} : { serverName: servername }),
        ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
      },
    });
  }

  /** Calls begin at least 1/callsPerSecondMax apart. */
  async #turn(): Promise<void> {
    const mine = this.#next;
    const gapMs = 1000 / this.#options.callsPerSecondMax;
    this.#next = mine.then(() => sleep(gapMs));
    await mine;
    this.#options.signal?.throwIfAborted();
  }

  async #reading<T>(read: () => Promise<T>): Promise<ApiAnswer<T>> {
    try {
      return { kind: "ok", value: await read() };
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      return { kind: "failed", status: undefined, reason: failureText(error) };
    }
  }

  #wait(): { signal?: AbortSignal } {
    const { signal } = this.#options;
    return signal === undefined ? {} : { signal };
  }
}

async function* bodyOf(response: Response): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) yield chunk;
}

/** The message of a Status object, or the beginning of what came. */
async function reasonOf(response: Response): Promise<string> {
  const text = (await response.text().catch(() => "")).slice(0, 4000);
  try {
    const status = JSON.parse(text) as { message?: unknown };
    if (typeof status.message === "string" && status.message !== "") return status.message.slice(0, 400);
  } catch {
    // No Status object: proxies answer in plain text.
  }
  return text.split("\n")[0]?.slice(0, 200) || response.statusText || `status ${response.status}`;
}
