import { afterAll, afterEach, expect, test } from "bun:test";
import { connect } from "node:net";
import fc from "fast-check";
import { ManualClock, START_WALL_MS } from "../../../test/contract/manual-clock.ts";
import { parseCidr } from "../../base/ipv4.ts";
import { Prng } from "../../base/prng.ts";
import { parseKnobs } from "../../catalog/emulator-knobs.ts";
import type { ActionTable } from "../model/action.ts";
import { Vpc } from "../model/index.ts";
import { type EmulatorOptions, type RunningEmulator, startEmulator } from "./emulator.ts";

const clock = new ManualClock({ isSkipping: false });
let pingCount = 0;
const actions: ActionTable = new Map([
  [
    "Ping",
    {
      name: "Ping",
      isMutating: false,
      prepare: (params) => ({
        isDryRun: false,
        clientToken: undefined,
        resourceCount: 0,
        run: () => {
          pingCount++;
          if (params.get("Crash") !== undefined) throw new TypeError("a bug in the model");
          return { echo: params.get("Text") };
        },
      }),
    },
  ],
]);
const cidr = parseCidr("10.0.0.0/16");
const subnetCidr = parseCidr("10.0.0.0/24");
if (cidr === undefined || subnetCidr === undefined) throw new Error("bad CIDR");
const vpc = new Vpc({
  world: {
    region: "us-west-2",
    startWallMs: START_WALL_MS,
    vpcs: [{ cidrs: [cidr] }],
    subnets: [{ id: "subnet-a", az: "us-west-2a", cidr: subnetCidr }],
    instances: [{ id: "i-00000000000000001", type: "m5.large", subnetId: "subnet-a" }],
  },
  knobs: parseKnobs({ throttling: "off", latency: "none" }).knobs,
  prng: new Prng(1),
  actions,
});
const logged: string[] = [];
const options: EmulatorOptions = {
  vpc,
  listen: { host: "127.0.0.1", port: 0 },
  clock,
  log: (line) => logged.push(line),
};
const emulator = await startEmulator(options);
afterAll(() => emulator.close());
afterEach(() => {
  vpc.control({ op: "clearFaults" }, clock.nowMs());
});

const FORM = "application/x-www-form-urlencoded";

async function post(
  body: string | Uint8Array<ArrayBuffer>,
  type = FORM,
  path = "/",
): Promise<{ status: number; text: string; head: Headers }> {
  const response = await fetch(`${emulator.ec2Url}${path}`, {
    method: "POST",
    body,
    headers: { "content-type": type },
  });
  return { status: response.status, text: await response.text(), head: response.headers };
}

const ping = (text: string): string => `Action=Ping&Version=2016-11-15&Text=${encodeURIComponent(text)}`;

/** Everything that the server says to these bytes until it closes, or falls silent. */
function raw(bytes: Uint8Array | string, options: { readonly end: boolean }): Promise<string> {
  return new Promise((resolve) => {
    let heard = "";
    const socket = connect(emulator.port, "127.0.0.1", () => {
      socket.write(bytes);
      if (options.end) socket.end();
    });
    const timer = setTimeout(() => socket.destroy(), 300);
    socket.on("data", (data) => {
      heard += data.toString("latin1");
      if (!options.end) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(heard);
    });
  });
}

test("a form by POST at any path and by GET is answered in XML, with the request id in head and body", async () => {
  for (const path of ["/", "/base/path/", "/imdsx", "/controls"]) {
    const { status, text, head } = await post(ping("a b"), `${FORM}; charset=utf-8`, path);
    expect(status).toBe(200);
    expect(text).toContain("<echo>a b</echo>");
    expect(head.get("content-type")).toBe("text/xml;charset=UTF-8");
    expect(text).toContain(`<requestId>${head.get("x-amzn-requestid")}</requestId>`);
  }
  const got = await fetch(`${emulator.ec2Url}/?${ping("x")}`);
  expect(await got.text()).toContain("<echo>x</echo>");
});

test("requests that cannot be read get an error that EC2 clients understand", async () => {
  const cases: [string, Promise<{ status: number; text: string }>, number, string][] = [
    ["empty", post(""), 400, "MissingAction"],
    ["JSON", post("{}", "application/json"), 415, "InvalidRequest"],
    ["escape", post("Action=Ping&Version=2016-11-15&Text=%f"), 400, "MalformedQueryString"],
    ["bytes", post(new Uint8Array([0x41, 0xff, 0xfe])), 400, "MalformedQueryString"],
    ["unknown action", post("Action=Pong&Version=2016-11-15"), 400, "InvalidAction"],
    ["large", post(`${ping("")}${"x".repeat(1024 * 1024)}`), 413, "RequestEntityTooLarge"],
    [
      "largest",
      post(new Uint8Array(100 * 1024 * 1024)).catch(() => ({
        status: 413,
        text: "<Code>RequestEntityTooLarge</Code>",
      })),
      413,
      "",
    ],
  ];
  for (const [name, answer, status, code] of cases) {
    const got = await answer;
    expect([name, got.status]).toEqual([name, status]);
    if (code !== "") expect(got.text).toContain(`<Code>${code}</Code>`);
  }
  const deleted = await fetch(emulator.ec2Url, { method: "DELETE" });
  expect([deleted.status, await deleted.text()]).toEqual([405, expect.stringContaining("<Code>InvalidRequest</Code>")]);
});

test("a body without a length is read, up to the same bound", async () => {
  const chunked = (parts: readonly string[]): string =>
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\nTransfer-Encoding: chunked\r\n\r\n` +
    `${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("")}0\r\n\r\n`;
  expect(await raw(chunked(["Action=Ping&Vers", "ion=2016-11-15&Text=split"]), { end: false })).toContain(
    "<echo>split</echo>",
  );
  const large = await raw(chunked(Array.from({ length: 40 }, () => "x".repeat(65_536))), { end: false });
  expect(large).toContain("RequestEntityTooLarge");
});

test("a bug in the model is an InternalError for the client, a line in the log, and the server lives on", async () => {
  const { status, text } = await post(`${ping("")}&Crash=1`);
  expect([status, text.includes("<Code>InternalError</Code>")]).toEqual([500, true]);
  expect(logged.some((line) => line.includes("a bug in the model"))).toBe(true);
  expect((await post(ping("still here"))).text).toContain("still here");
});

test("a reply waits until its moment by the clock, and not a timer longer", async () => {
  vpc.control({ op: "delay", ms: 60_000 }, clock.nowMs());
  let isAnswered = false;
  const answer = post(ping("late")).then((reply) => {
    isAnswered = true;
    return reply;
  });
  const pings = pingCount;
  while (clock.timerCount === 0) await Bun.sleep(1);
  expect(pingCount).toBe(pings + 1);
  clock.advanceTo(clock.nowMs() + 59_999);
  await Bun.sleep(10);
  expect(isAnswered).toBe(false);
  clock.advanceTo(clock.nowMs() + 1);
  expect((await answer).text).toContain("<echo>late</echo>");
  expect(clock.timerCount).toBe(0);
});

test("a client that hangs up while it waits leaves no timer behind", async () => {
  vpc.control({ op: "delay", ms: 60_000 }, clock.nowMs());
  const hangUp = new AbortController();
  const answer = fetch(`${emulator.ec2Url}/?${ping("")}`, { signal: hangUp.signal }).catch(() => "hung up");
  while (clock.timerCount === 0) await Bun.sleep(1);
  hangUp.abort();
  expect(await answer).toBe("hung up");
  for (let i = 0; i < 200 && clock.timerCount > 0; i++) await Bun.sleep(5);
  expect(clock.timerCount).toBe(0);
});

test("a lost reply takes effect and closes the connection without a byte", async () => {
  vpc.control({ op: "dropReply", action: "Ping" }, clock.nowMs());
  const pings = pingCount;
  const heard = await raw(`GET /?${ping("x")} HTTP/1.1\r\nHost: x\r\n\r\n`, { end: false });
  expect(heard).toBe("");
  expect(pingCount).toBe(pings + 1);
  expect((await post(ping("next"))).status).toBe(200);
});

test("each instance has its metadata under its own path", async () => {
  const base = emulator.imdsUrl("i-00000000000000001");
  const granted = await fetch(`${base}//latest/api/token`, {
    method: "PUT",
    headers: { "X-aws-ec2-metadata-token-ttl-seconds": "60" },
  });
  const headers = { "X-aws-ec2-metadata-token": await granted.text() };
  expect(granted.headers.get("X-aws-ec2-metadata-token-ttl-seconds")).toBe("60");
  const read = await fetch(`${base}//latest/meta-data/instance-id`, { headers });
  expect([read.status, await read.text()]).toEqual([200, "i-00000000000000001"]);
  expect((await fetch(`${base}/latest/meta-data/instance-id`)).status).toBe(401);
});

test("the control endpoint changes the world and shows it", async () => {
  const change = await fetch(`${emulator.controlUrl}/fragment`, { method: "POST", body: '{"subnetId":"subnet-a"}' });
  const { changed } = (await change.json()) as { changed: number };
  // Of the 14 that can be free, the instance's own address may have broken one.
  expect([change.status, changed === 13 || changed === 14]).toEqual([200, true]);
  const stats = (await (await fetch(`${emulator.controlUrl}/stats`)).json()) as {
    subnets: { freePrefixCount: number }[];
  };
  expect(stats.subnets[0]?.freePrefixCount).toBe(0);
});

test("bytes of any kind leave the server serving", async () => {
  const noise = fc.uint8Array({ minLength: 1, maxLength: 300 });
  const head = fc
    .tuple(
      fc.constantFrom("GET", "POST", "PUT", "DELETE", "X"),
      fc.constantFrom("/", "/imds/i-1/latest/meta-data/", "/control/fail", "//", "/%"),
      noise,
    )
    .map(([method, path, body]) => {
      const text = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${FORM}\r\nContent-Length: ${body.length}\r\n\r\n`;
      return new Uint8Array([...new TextEncoder().encode(text), ...body]);
    });
  await fc.assert(
    fc.asyncProperty(fc.oneof(noise, head), async (bytes) => {
      await raw(bytes, { end: true });
    }),
    { numRuns: 60 },
  );
  const form = fc.string({
    unit: fc.constantFrom("Action=", "Ping", "&", "=", "%", "%00", "Version=2016-11-15", ".1", "é", "\u0000"),
  });
  await fc.assert(
    fc.asyncProperty(form, async (body) => {
      const { status, text } = await post(body);
      expect(status).toBeLessThan(500);
      expect(text).toStartWith("<?xml");
    }),
    { numRuns: 100 },
  );
  expect((await post(ping("alive"))).text).toContain("alive");
}, 30_000);

test("a port in use, and an address that others can reach, are refused with what to do", async () => {
  const refusal = (more: Partial<EmulatorOptions>): Promise<string> =>
    startEmulator({ ...options, ...more }).then(
      async (started: RunningEmulator) => {
        await started.close();
        return "started";
      },
      (error: unknown) => String(error),
    );
  expect(await refusal({ listen: { host: "127.0.0.1", port: emulator.port } })).toMatch(/in use.*--listen/);
  expect(await refusal({ listen: { host: "0.0.0.0", port: 0 } })).toMatch(
    /not a loopback address.*--allow-non-loopback/,
  );
  expect(await refusal({ listen: { host: "no.such.host.invalid", port: 0 } })).toMatch(/not a loopback address/);
  logged.length = 0;
  expect(await refusal({ listen: { host: "0.0.0.0", port: 0 }, allowNonLoopback: true })).toBe("started");
  expect(logged[0]).toStartWith("warning: listening on 0.0.0.0");
});

test("closing drops what waits and frees the port", async () => {
  const other = await startEmulator(options);
  vpc.control({ op: "delay", ms: 60_000 }, clock.nowMs());
  const waiting = fetch(`${other.ec2Url}/?${ping("")}`).catch(() => "closed");
  while (clock.timerCount === 0) await Bun.sleep(1);
  await other.close();
  expect(await waiting).toBe("closed");
  expect(clock.timerCount).toBe(0);
  const again = await startEmulator({ ...options, listen: { host: "127.0.0.1", port: other.port } });
  await again.close();
});
