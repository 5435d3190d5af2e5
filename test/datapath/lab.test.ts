// A lab or a rig that cannot be made: what it had begun is taken back, so that the next test file is not spoilt by it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NAMESPACE_FOLDER, NamespaceSet } from "../../src/drivers/network-namespaces.ts";
import { Lab } from "./lab.ts";
import { NodeRig } from "./node-rig.ts";
import { canBuildNetworks } from "./root.ts";

describe.if(canBuildNetworks("labs that cannot be made"))(
  "a place that cannot be made leaves nothing of itself",
  () => {
    const others = new NamespaceSet();
    const folder = mkdtempSync(join(tmpdir(), "s28-lab-test-"));
    const outer = process.env["TMPDIR"];
    beforeAll(() => {
      others.create("n1");
      process.env["TMPDIR"] = folder;
    });
    afterAll(() => {
      if (outer === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = outer;
      others.removeAll();
      rmSync(folder, { recursive: true, force: true });
    });

    const namespaces = () => readdirSync(NAMESPACE_FOLDER).filter((name) => name.startsWith(`s28-${process.pid}-`));

    for (const [name, create] of [
      ["a lab", () => Lab.create()],
      ["a rig", () => NodeRig.create({ instanceType: "t3.small", maxPods: 10 })],
    ] as const) {
      test(name, async () => {
        await expect(create()).rejects.toThrow("EEXIST");
        expect({ namespaces: namespaces(), folders: readdirSync(folder) }).toEqual({
          namespaces: [`s28-${process.pid}-n1`],
          folders: [],
        });
      });
    }
  },
);
