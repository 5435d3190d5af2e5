// Started by src/datapath/kernel.test.ts inside namespaces of its own: the suites on this machine's kernel.

import { describe } from "bun:test";
import { kernelErrnos } from "./kernel-errnos.ts";
import { linuxLab } from "./kernel-lab.ts";
import { wiringSuite } from "./wiring-suite.ts";

describe("answers of this machine's kernel", () => kernelErrnos(linuxLab));
describe("pods on this machine's kernel", () => wiringSuite(linuxLab));
