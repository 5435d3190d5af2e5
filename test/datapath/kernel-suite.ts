// Started by src/datapath/kernel.test.ts inside namespaces of its own: the suite on this machine's kernel.

import { describe } from "bun:test";
import { kernelErrnos } from "./kernel-errnos.ts";
import { linuxLab } from "./kernel-lab.ts";

describe("answers of this machine's kernel", () => kernelErrnos(linuxLab));
