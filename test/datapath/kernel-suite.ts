// Started by src/datapath/kernel.test.ts inside namespaces of its own: the suites on this machine's kernel.

import { describe } from "bun:test";
import { branchSuite } from "./branch-suite.ts";
import { hostSuite } from "./host-suite.ts";
import { ipOutput } from "./ip-output.ts";
import { kernelErrnos } from "./kernel-errnos.ts";
import { linuxLab } from "./kernel-lab.ts";
import { wiringSuite } from "./wiring-suite.ts";

const probe = linuxLab();
const { hasVlan } = probe;
probe.close();
if (!hasVlan) process.stderr.write("slash28: branch pods were not wired on the real kernel: it has no VLAN devices\n");

describe("answers of this machine's kernel", () => kernelErrnos(linuxLab));
describe("pods on this machine's kernel", () => wiringSuite(linuxLab));
describe("branch pods on this machine's kernel", () => branchSuite(linuxLab, { hasVlan }));
describe("the node on this machine's kernel", () => hostSuite(linuxLab));
describe("what ip prints of this machine's kernel", () => ipOutput(linuxLab));
