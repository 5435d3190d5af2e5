// DEL with the agent down on a real kernel: run as root in a network namespace of its own, by the compiled plugin.

import { expect, test } from "bun:test";
import { reasonAgainstOwnNamespace, testInOwnNamespace } from "../datapath/own-namespace.ts";

const reason = reasonAgainstOwnNamespace();
if (reason !== undefined)
  process.stderr.write(`slash28: DEL without an agent on a real kernel is skipped: ${reason}\n`);

test.if(reason === undefined)("DEL without an agent cleans a real kernel", async () => {
  await testInOwnNamespace("test/cni/clean-up-kernel.ts");
  expect(reason).toBeUndefined();
});
