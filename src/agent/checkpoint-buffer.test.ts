import { expect, test } from "bun:test";
import fc from "fast-check";
import { encodeCheckpointEntry, joinCheckpoint, timestampNsOf } from "../ipam/checkpoint.ts";
import { CheckpointBuffer } from "./checkpoint-buffer.ts";

const allocations = fc.uniqueArray(
  fc.record({
    attachment: fc.integer({ min: 1, max: 50 }),
    containerId: fc.string({ minLength: 1, maxLength: 4_000 }),
    address: fc.integer({ min: 1, max: 3 }),
    wallMs: fc.integer({ min: 1, max: 3 }),
    nsRest: fc.integer({ min: 0, max: 2 }),
  }),
  { selector: (one) => one.attachment, maxLength: 40 },
);

test("the bytes are those of the joined texts, for any number and size of allocations that come, change and go", () => {
  const buffer = new CheckpointBuffer();
  const names = new Map<number, string>();
  fc.assert(
    fc.property(allocations, (given) => {
      for (const attachment of [...names.keys()]) {
        if (given.some((one) => one.attachment === attachment)) continue;
        names.delete(attachment);
        buffer.forget(attachment);
      }
      buffer.start();
      const entries = given.map(({ containerId, ...allocation }) => {
        const { attachment, address, wallMs, nsRest } = allocation;
        // An attachment keeps its names while it lives.
        const name = names.get(attachment) ?? containerId;
        names.set(attachment, name);
        const named = { networkName: "aws-cni", containerId: name, ifName: "eth0" };
        buffer.add(named, allocation);
        return encodeCheckpointEntry({ ...named, ipv4: address, timestampNs: timestampNsOf({ wallMs, nsRest }) });
      });
      expect(Buffer.from(buffer.finish()).toString()).toBe(joinCheckpoint(entries));
    }),
    { numRuns: 200, seed: 28 },
  );
});
