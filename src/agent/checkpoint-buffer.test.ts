import { expect, test } from "bun:test";
import fc from "fast-check";
import { joinCheckpoint } from "../ipam/checkpoint.ts";
import { CheckpointBuffer } from "./checkpoint-buffer.ts";

test("the bytes are those of the joined texts, for any number and size of entries, again and again", () => {
  const buffer = new CheckpointBuffer();
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 4_000 }), { maxLength: 40 }), (entries) => {
      buffer.start();
      for (const entry of entries) buffer.add(Buffer.from(entry));
      expect(Buffer.from(buffer.finish()).toString()).toBe(joinCheckpoint(entries));
    }),
    { numRuns: 200, seed: 28 },
  );
});
