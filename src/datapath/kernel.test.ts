// One suite on two kernels: the one of plain maps, and this machine's where a network of its own can be had, root or not.

import { describe, test } from "bun:test";
import { branchSuite } from "../../test/datapath/branch-suite.ts";
import { hostSuite } from "../../test/datapath/host-suite.ts";
import { kernelErrnos } from "../../test/datapath/kernel-errnos.ts";
import { fakeLab } from "../../test/datapath/kernel-lab.ts";
import { reasonAgainstOwnNamespace, testInOwnNamespace } from "../../test/datapath/own-namespace.ts";
import { wiringSuite } from "../../test/datapath/wiring-suite.ts";

describe("answers of the kernel of plain maps", () => kernelErrnos(fakeLab));
describe("pods on the kernel of plain maps", () => wiringSuite(fakeLab));
describe("branch pods on the kernel of plain maps", () => branchSuite(fakeLab, { hasVlan: true }));
describe("branch pods without VLAN devices", () => branchSuite(() => fakeLab({ hasVlan: false }), { hasVlan: false }));
describe("the node on the kernel of plain maps", () => hostSuite(fakeLab));

const reason = reasonAgainstOwnNamespace();
if (reason !== undefined) process.stderr.write(`slash28: the datapath was not tested on the real kernel: ${reason}\n`);

test.if(reason === undefined)(
  "the same on this machine's kernel",
  () => testInOwnNamespace("test/datapath/kernel-suite.ts"),
  240_000,
);
