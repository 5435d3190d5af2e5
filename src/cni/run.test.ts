// Any environment and any standard input: one success or one error object that says what is wrong, never an error of our own.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { blockingIo } from "../drivers/blocking-io.ts";
import { systemClock } from "../drivers/clock-system.ts";
import type { BlockingIo } from "../ports/blocking-io.ts";
import { CODES } from "./codes.ts";
import { run } from "./run.ts";

const real = blockingIo();
const socketPath = "/nonexistent/slash28.sock";
const value = fc.oneof(fc.jsonValue(), fc.string({ unit: "binary" }), fc.integer());
/** Mostly left out, so that many a configuration is sound. */
const rare = fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, value);

const parts = {
  interfaces: fc.oneof(value, fc.array(fc.record({ name: value, mac: value, sandbox: value }, { requiredKeys: [] }))),
  ips: fc.oneof(value, fc.array(fc.record({ address: value, interface: value }, { requiredKeys: [] }))),
};
const config = fc.record(
  {
    cniVersion: fc.oneof({ weight: 9, arbitrary: fc.constantFrom("0.3.1", "0.4.0", "1.0.0", "1.1.0") }, value),
    name: fc.oneof({ weight: 9, arbitrary: fc.constant("aws-cni") }, value),
    vethPrefix: rare,
    mtu: rare,
    podSGEnforcingMode: fc.oneof({ weight: 9, arbitrary: fc.constantFrom("strict", "standard") }, value),
    pluginLogLevel: rare,
    runtimeConfig: rare,
    prevResult: fc.oneof(value, fc.record(parts)),
    "cni.dev/valid-attachments": fc.oneof(value, fc.array(fc.record({ containerID: value, ifname: value }))),
    timeout: rare,
  },
  { requiredKeys: ["cniVersion", "name"] },
);
const input = fc.oneof(
  { weight: 5, arbitrary: config.map((made) => JSON.stringify({ ...made, socketPath, agentWait: 0 })) },
  fc.string({ unit: "binary" }),
  fc.json(),
);
const text = fc.string({ unit: "binary", maxLength: 30 });
const env = fc.record(
  {
    CNI_COMMAND: fc.oneof({ weight: 9, arbitrary: fc.constantFrom("ADD", "DEL", "CHECK", "STATUS", "GC") }, text),
    CNI_CONTAINERID: fc.oneof({ weight: 5, arbitrary: fc.constant("4f0a1b2c") }, text),
    CNI_NETNS: fc.oneof({ weight: 5, arbitrary: fc.constant("/var/run/netns/x") }, text),
    CNI_IFNAME: fc.oneof({ weight: 5, arbitrary: fc.constant("eth0") }, text),
    CNI_ARGS: fc.oneof(fc.constant("IgnoreUnknown=1;K8S_POD_NAME=web-0"), text),
  },
  { requiredKeys: ["CNI_COMMAND"] },
);

test("every input ends in a success or in one error that is not ours", async () => {
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(env, input, async (variables, stdin) => {
      const printed: string[] = [];
      const io: BlockingIo = {
        ...real,
        readAll: (_, limit) => new TextEncoder().encode(stdin).subarray(0, limit),
        writeAll: (fd, bytes) => void (fd === 1 && printed.push(new TextDecoder().decode(bytes))),
      };
      const status = await run({ env: variables, version: "0", clock: systemClock(), io, cleanUp: async () => [] });
      if (status === 0) return expect(printed.length).toBeLessThanOrEqual(1);
      expect(status).toBe(1);
      expect(printed).toHaveLength(1);
      const { code, msg } = JSON.parse(printed[0] ?? "") as { code: number; msg: string };
      seen.add(code);
      expect(code).not.toBe(CODES.unexpected);
      expect(msg).not.toMatch(/\n/);
      expect(msg.length).toBeLessThan(2_000);
    }),
    { numRuns: 1_500 },
  );
  expect([...seen].toSorted((a, b) => a - b)).toEqual([1, 4, 6, 7, 11, 50]);
});
