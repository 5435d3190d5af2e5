// DEL with the agent down on a real kernel. Started by clean-up.test.ts inside namespaces of its own; root there and nowhere else.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ipIn, makeNamespace } from "../datapath/netns.ts";
import { run } from "../datapath/run.ts";
import { type CniRig, ENVIRONMENT, openCniRig } from "./rig.ts";

let rig: CniRig;
const folder = mkdtempSync(join(tmpdir(), "slash28-cni-del-"));
const nodePath = join(folder, "node");

const own = (args: string) => run("ip", ...args.split(" "));
const node = (args: string) => ipIn(nodePath, ...args.split(" "));

beforeAll(async () => {
  rig = await openCniRig();
  makeNamespace(nodePath);
});
afterAll(() => {
  run("umount", "--lazy", nodePath);
  rmSync(folder, { recursive: true, force: true });
  rig.close();
});

/** As the reference's plugin leaves a pod of table 2: no alias on its link. */
function wire(ip: typeof own, address: string, link = "eni0d7763386da"): void {
  ip(`link add ${link} type veth peer name p${link.slice(3, 9)}`);
  ip(`link set ${link} up`);
  ip(`route add ${address}/32 dev ${link} scope link`);
  ip(`rule add pref 512 to ${address} table main`);
  ip(`rule add pref 1536 from ${address} table 2`);
}

const del = (changes: Record<string, unknown> = {}) =>
  rig.run({
    env: { ...ENVIRONMENT, CNI_COMMAND: "DEL" },
    input: rig.config({
      prevResult: {
        cniVersion: "0.4.0",
        interfaces: [
          { name: "eni0d7763386da" },
          { name: "eth0", mac: "2", sandbox: "/var/run/netns/gone" },
          { name: "dummy0d7763386da", mac: "0", sandbox: "1" },
        ],
        ips: [{ version: "4", interface: 1, address: "10.0.101.5/32" }],
      },
      ...changes,
    }),
  });
const OUT = { status: 0, stdout: "", stderr: "" };

test("rules and route are gone, those of others stay, and it can be repeated", async () => {
  wire(own, "10.0.101.5");
  wire(own, "10.0.101.50", "eni11111111111");
  expect(await del()).toMatchObject(OUT);
  expect(await del()).toMatchObject(OUT);
  const left = `${own("rule show")}${own("route show table all")}`;
  expect(left).not.toMatch(/10\.0\.101\.5\b/);
  expect(left.match(/10\.0\.101\.50\b/g)).toHaveLength(3);
  expect(readFileSync(rig.logFile, "utf8")).toContain("Handled pod teardown using prevResult");
});

test("an address that another pod has by now keeps its rules, and the log says why", async () => {
  wire(own, "10.0.101.5", "eni22222222222");
  expect(await del()).toMatchObject(OUT);
  expect(own("rule show").match(/10\.0\.101\.5\b/g)).toHaveLength(2);
  expect(readFileSync(rig.logFile, "utf8")).toContain("another pod has it by now");
});

test("the node's namespace can be another", async () => {
  wire(node, "10.0.101.5");
  expect(node("rule show")).toContain("10.0.101.5");
  expect(await del({ hostNetns: nodePath })).toMatchObject(OUT);
  expect(node("rule show")).not.toContain("10.0.101.5");
});

test("a node's namespace that is not there fails no DEL", async () => {
  expect(await del({ hostNetns: join(folder, "none") })).toMatchObject(OUT);
  expect(readFileSync(rig.logFile, "utf8")).toContain("Could not teardown pod using prevResult");
});

test("an agent that answers nonsense, hangs up or is silent is as one that is not there", async () => {
  for (const reaction of [{ send: ["?\n"] }, { hangUp: true }, {}]) {
    own("rule add pref 512 to 10.0.101.77 table main");
    rig.agent(() => reaction);
    const ips = [{ version: "4", interface: 1, address: "10.0.101.77/32" }];
    const interfaces = [{ name: "eni0d7763386da" }, { name: "eth0", sandbox: "/n" }];
    expect(await del({ timeout: 0.5, prevResult: { interfaces, ips } })).toMatchObject(OUT);
    expect(own("rule show")).not.toContain("10.0.101.77");
    rig.stopAgents();
  }
});
