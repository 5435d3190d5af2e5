import { afterEach, describe, expect, test } from "bun:test";
import { ManualClock } from "../../test/contract/manual-clock.ts";
import { parseCidr, parseIpv4 } from "../base/ipv4.ts";
import { NO_FACTS } from "../diagnose/facts/merge.ts";
import type { Facts } from "../diagnose/facts/model.ts";
import type { MapDocument } from "../diagnose/render/map-document.ts";
import { serveMetrics, watchMap } from "./map-watch.ts";

const AT = { file: "subnets.json" };
const HOUR_MS = 3_600_000;

/** A /24 in which so many blocks hold one address each. */
function factsWith(brokenCount: number): Facts {
  const base = parseIpv4("10.0.0.0") ?? 0;
  const addresses = Array.from({ length: brokenCount }, (_, index) => base + 16 * (index + 1) + 5);
  return {
    ...NO_FACTS,
    subnets: [
      {
        id: "subnet-0aaa",
        cidr: parseCidr("10.0.0.0/24"),
        availableIpAddressCount: 251 - brokenCount,
        tags: new Map(),
        isLive: true,
        at: AT,
      },
    ],
    enis: [
      {
        id: "eni-0abc",
        subnetId: "subnet-0aaa",
        status: "in-use",
        description: "",
        interfaceType: "interface",
        addresses,
        prefixes: [],
        securityGroupIds: [],
        tags: new Map(),
        at: AT,
      },
    ],
  };
}

/** Readings an hour apart; a `string` is a reading that fails. Ends when they are used up. */
async function watched(readings: readonly (number | string)[]) {
  const clock = new ManualClock({ isSkipping: true });
  const stop = new AbortController();
  const maps: MapDocument[] = [];
  const failures: string[] = [];
  let next = 0;
  const watch = watchMap({
    intervalMs: HOUR_MS,
    map: {},
    clock,
    signal: stop.signal,
    onMap: (document) => maps.push(document),
    onFailure: (error) => failures.push((error as Error).message),
    read: () => {
      const reading = readings[next++];
      if (next === readings.length) stop.abort();
      return typeof reading === "number" ? Promise.resolve(factsWith(reading)) : Promise.reject(new Error(reading));
    },
  });
  return { last: await watch.done, maps, failures, metrics: watch.metrics() ?? "" };
}

describe("watching", () => {
  test("forecasts from the third reading on, while /28s go", async () => {
    const { maps } = await watched([2, 4, 6]);
    expect(maps.map((one) => one.subnets[0]?.hoursToZero.prefixes)).toEqual([null, null, 4]);
  });

  test("has no forecast while nothing falls", async () => {
    const { maps } = await watched([4, 4, 4, 3]);
    expect(maps.map((one) => one.subnets[0]?.hoursToZero.prefixes)).toEqual([null, null, null, null]);
  });

  test("a reading that fails is told and counted, and the last numbers stay", async () => {
    const { maps, failures, metrics, last } = await watched([2, "Throttling", 4]);
    expect(maps).toHaveLength(2);
    expect(failures).toEqual(["Throttling"]);
    expect(metrics).toContain("slash28_map_reads_total 3\n");
    expect(metrics).toContain("slash28_map_failed_reads_total 1\n");
    expect(last?.subnets[0]?.freePrefixes.min).toBe(10);
  });

  test("a first reading that fails ends it: there is nothing to show", async () => {
    await expect(watched(["denied", 1])).rejects.toThrow("denied");
  });
});

describe("the metrics' server", () => {
  const servers: { stop(): void }[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.stop();
  });

  test("serves text for Prometheus at /metrics, and nothing else", async () => {
    let text: string | undefined;
    const server = serveMetrics({ host: "127.0.0.1", port: 0 }, () => text);
    servers.push(server);
    expect((await fetch(server.url)).status).toBe(503);
    text = "a 1\n";
    const answer = await fetch(server.url);
    expect(answer.headers.get("content-type")).toStartWith("text/plain; version=0.0.4");
    expect(await answer.text()).toBe("a 1\n");
    expect((await fetch(new URL("/", server.url))).status).toBe(404);
    expect((await fetch(server.url, { method: "POST" })).status).toBe(405);
  });
});
