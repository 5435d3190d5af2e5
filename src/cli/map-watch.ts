// Watching subnets: the same sources read again and again, the readings of each subnet kept for the forecast, and the last map
// served as Prometheus metrics. A reading that fails changes no number: it is counted and told.

import type { Facts } from "../diagnose/facts/model.ts";
import { buildMap, type MapOptions } from "../diagnose/map/build-map.ts";
import { addReading, hoursToZero, type Reading } from "../diagnose/map/forecast.ts";
import { type MapDocument, mapDocument } from "../diagnose/render/map-document.ts";
import { mapPrometheus } from "../diagnose/render/map-prometheus.ts";
import type { Clock } from "../ports/clock.ts";

interface SubnetReadings {
  readonly addresses: readonly Reading[];
  readonly prefixes: readonly Reading[];
}

/** Maps of successive facts, each with the forecast that the readings so far allow. */
export class MapHistory {
  readonly #options: MapOptions;
  readonly #readings = new Map<string, SubnetReadings>();

  constructor(options: MapOptions) {
    this.#options = options;
  }

  /** `wallMs` is the time of the facts. */
  add(facts: Facts, wallMs: number): MapDocument {
    const result = buildMap(facts, this.#options);
    for (const { subnet, availableReported, availableCounted, freePrefixCount } of result.subnets) {
      const before = this.#readings.get(subnet.id) ?? { addresses: [], prefixes: [] };
      this.#readings.set(subnet.id, {
        addresses: addReading(before.addresses, { ms: wallMs, value: availableReported ?? availableCounted }),
        // As counted: describe calls are of slightly different moments, and bounds that come and go are no slope.
        prefixes: addReading(before.prefixes, { ms: wallMs, value: freePrefixCount }),
      });
    }
    return mapDocument(result, facts, (id) => {
      const readings = this.#readings.get(id);
      // A single reading is no watch: nothing is said of its slope, not even that nothing is left.
      if (readings === undefined || readings.addresses.length < 2) return { addresses: undefined, prefixes: undefined };
      return { addresses: hoursToZero(readings.addresses), prefixes: hoursToZero(readings.prefixes) };
    });
  }
}

export interface WatchOptions {
  readonly intervalMs: number;
  readonly map: MapOptions;
  readonly read: () => Promise<Facts>;
  readonly clock: Clock;
  readonly onMap: (document: MapDocument) => void;
  readonly onFailure: (error: unknown) => void;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

export interface MapWatch {
  /** The last map as Prometheus text; undefined before the first reading. */
  metrics(): string | undefined;
  /** Settles when the signal has come, with the last map. Rejects if the first reading fails. */
  readonly done: Promise<MapDocument | undefined>;
}

export function watchMap(options: WatchOptions): MapWatch {
  const history = new MapHistory(options.map);
  let last: MapDocument | undefined;
  let lastReadMs = 0;
  let readCount = 0;
  let failedReadCount = 0;
  const readOnce = async (): Promise<void> => {
    readCount++;
    try {
      last = history.add(await options.read(), options.clock.wallMs());
      lastReadMs = options.clock.wallMs();
    } catch (error) {
      if (last === undefined) throw error;
      failedReadCount++;
      options.onFailure(error);
      return;
    }
    options.onMap(last);
  };
  const run = async (): Promise<MapDocument | undefined> => {
    while (!options.signal.aborted) {
      const startMs = options.clock.nowMs();
      await readOnce();
      await sleepUntil(startMs + options.intervalMs, options);
    }
    return last;
  };
  return {
    metrics: () => (last === undefined ? undefined : mapPrometheus(last, { lastReadMs, readCount, failedReadCount })),
    done: run(),
  };
}

function sleepUntil(atMs: number, { clock, signal }: WatchOptions): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const wake = (): void => {
      cancel();
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const cancel = clock.at(atMs, wake);
    signal.addEventListener("abort", wake);
  });
}

/** Serves `/metrics` until it is stopped. Throws what listening throws. */
export function serveMetrics(
  listen: { readonly host: string; readonly port: number },
  metrics: () => string | undefined,
): { readonly url: string; stop(): void } {
  const server = Bun.serve({
    hostname: listen.host,
    port: listen.port,
    fetch(request) {
      if (new URL(request.url).pathname !== "/metrics") return new Response("see /metrics\n", { status: 404 });
      if (request.method !== "GET" && request.method !== "HEAD") return new Response("GET alone\n", { status: 405 });
      const text = metrics();
      if (text === undefined) return new Response("the subnets are being read\n", { status: 503 });
      return new Response(text, { headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" } });
    },
  });
  return { url: new URL("/metrics", server.url).href, stop: () => void server.stop(true) };
}
