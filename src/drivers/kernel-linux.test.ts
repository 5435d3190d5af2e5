// Runs test/datapath/kernel-linux.ts where a network of its own can be had, root or not.

import { test } from "bun:test";
import { reasonAgainstOwnNamespace, testInOwnNamespace } from "../../test/datapath/own-namespace.ts";

const reason = reasonAgainstOwnNamespace();
if (reason !== undefined) process.stderr.write(`slash28: the kernel's netlink was not tested: ${reason}\n`);

test.if(reason === undefined)(
  "the kernel of this machine, in a network namespace of the test's own",
  () => testInOwnNamespace("test/datapath/kernel-linux.ts"),
  120_000,
);
