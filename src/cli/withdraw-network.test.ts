import { test } from "bun:test";
import { reasonAgainstOwnNamespace, testInOwnNamespace } from "../../test/datapath/own-namespace.ts";

const reason =
  reasonAgainstOwnNamespace() ??
  ["iptables", "nft"].map((name) => (Bun.which(name) === null ? `${name} is not installed` : undefined)).find(Boolean);
if (reason !== undefined) process.stderr.write(`slash28: install --undo --network was not tested: ${reason}\n`);

test.if(reason === undefined)(
  "install --undo --network, in a network namespace of the test's own",
  () => testInOwnNamespace("test/datapath/withdraw.ts"),
  120_000,
);
