// Free addresses at a refusal rest only where nothing says otherwise: the agent's own reason, a cooldown that had ended.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collect } from "../collect/index.ts";
import { failureClass } from "./classes/cooldown-churn-exhaustion.ts";
import { diagnose } from "./judge.ts";

const folder = mkdtempSync(join(tmpdir(), "slash28-churn-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SANDBOX = "aws-cni/0123456789abcdef/eth0";
const POOL = "AssignPodIPv4Address: IP address pool stats: total 32, assigned 20";
const EMPTY = "DataStore has no available IP/Prefix addresses";

function at(second: number, msg: string): string {
  const ts = new Date(Date.UTC(2026, 2, 4, 9, 0, second)).toISOString();
  return JSON.stringify({ level: "debug", ts, caller: "ipamd/ipamd.go:655", msg });
}

function cooled(second: number): string {
  const end = new Date(Date.UTC(2026, 2, 4, 9, 0, second + 30)).toISOString();
  return at(second, `IP 10.0.0.20 entering cooldown period of 30s (available after ${end})`);
}

/** What doctor says of this class from an agent's log, and from the node's object. */
async function finding(lines: readonly string[], instanceType = "m5.large") {
  const path = join(folder, "ipamd.log");
  const start = [at(0, "Starting L-IPAMD v1.20.4  ..."), at(1, "Prefix Delegation enabled true")];
  writeFileSync(path, [...start, ...lines, ""].join("\n"));
  const nodes = join(folder, "nodes.json");
  const labels = { "node.kubernetes.io/instance-type": instanceType };
  const node = { apiVersion: "v1", kind: "Node", metadata: { name: "n-1", labels }, spec: {}, status: {} };
  writeFileSync(nodes, JSON.stringify({ apiVersion: "v1", kind: "List", items: [node] }));
  const daemonSet = join(folder, "aws-node.yaml");
  const env = '[{ name: ENABLE_PREFIX_DELEGATION, value: "true" }, { name: WARM_IP_TARGET, value: "1" }]';
  writeFileSync(
    daemonSet,
    `apiVersion: apps/v1\nkind: DaemonSet\nmetadata: { name: aws-node, namespace: kube-system }\nspec: { template: { spec: { containers: [{ name: aws-node, image: a, env: ${env} }] } } }\n`,
  );
  return diagnose(await collect({ paths: [path, nodes, daemonSet] }), [failureClass]).findings[0];
}

test("free addresses at a refusal rest: the agent says so, or says nothing", async () => {
  const refused = [cooled(50), at(60, POOL), at(60, EMPTY)];
  expect(await finding(refused)).toMatchObject({ certainty: "suspected" });
  expect(await finding([...refused, at(60, `Refused ADD for sandbox ${SANDBOX}: cooling`)])).toBeDefined();
});

test.each(["stopping", "pool-growing", "checkpoint-unwritable"])(
  "an agent that refuses for another reason, %s, refutes it",
  async (reason) => {
    const refused = [cooled(50), at(60, POOL), at(60, EMPTY), at(60, `Refused ADD for sandbox ${SANDBOX}: ${reason}`)];
    expect(await finding(refused)).toBeUndefined();
  },
);

test("a cooldown that had ended before the refusal is no sign of it", async () => {
  expect(await finding([cooled(10), at(60, POOL), at(60, EMPTY)])).toBeUndefined();
});

test("no target is advised that the node cannot hold", async () => {
  const refused = [cooled(50), at(60, POOL), at(60, EMPTY)];
  const [large] = (await finding(refused))?.fix ?? [];
  expect(large).toContain("WARM_IP_TARGET=13 MINIMUM_IP_TARGET=44");
  const [small] = (await finding(refused, "t3.micro"))?.fix ?? [];
  expect(small).not.toContain("MINIMUM_IP_TARGET");
  expect(small).toContain("32 addresses");
});
