// What our plugin leaves behind, kubelet's event and plugin.log, as doctor reads it: each refusal is known for what it is.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { collect } from "../../src/diagnose/collect/index.ts";
import { FAILURE_CLASSES } from "../../src/diagnose/doctor/classes/index.ts";
import { diagnose } from "../../src/diagnose/doctor/judge.ts";
import { formatMessage, MESSAGES, type MessageArguments, type MessageId } from "../../src/ipam/messages.ts";
import { answer, type CniRig, ENVIRONMENT, openCniRig, type Reaction } from "./rig.ts";

let rig: CniRig;
beforeAll(async () => {
  rig = await openCniRig();
});
afterEach(() => rig.stopAgents());
afterAll(() => rig.close());

const NODE = "ip-10-0-12-34.us-west-2.compute.internal";

function event(kind: "Pod" | "Node", reason: string, message: string): object {
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "one.17a", namespace: "default" },
    involvedObject: {
      kind,
      name: kind === "Pod" ? "web-0" : NODE,
      ...(kind === "Pod" ? { namespace: "default" } : {}),
    },
    reason,
    message,
    type: "Warning",
    source: { component: "kubelet", host: NODE },
    count: 20,
    firstTimestamp: "2026-03-02T10:00:00Z",
    lastTimestamp: "2026-03-02T10:10:00Z",
  };
}

/** The class that doctor settles on, of files of one node. */
async function verdictOf(files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(rig.folder, "facts-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return diagnose(await collect({ paths: [folder] }), FAILURE_CLASSES);
}

/** Runs a command and hands doctor kubelet's event of it, with the plugin's log or alone. */
async function afterCommand(command: "ADD" | "STATUS", react: ((question: object) => Reaction) | undefined) {
  rmSync(rig.logFile, { force: true });
  if (react !== undefined) rig.agent(react);
  const env = { ...ENVIRONMENT, CNI_COMMAND: command };
  const { status, stdout } = await rig.run({
    env,
    input: rig.config({ cniVersion: "1.1.0", addTimeout: 2, timeout: 1 }),
  });
  expect(status).toBe(1);
  const { msg, details } = JSON.parse(stdout) as { msg: string; details: string };
  // As libcni joins them.
  const text = `${msg}; ${details}`;
  const told =
    command === "ADD"
      ? event(
          "Pod",
          "FailedCreatePodSandBox",
          `Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "5f2b41c0": plugin type="aws-cni" name="aws-cni" failed (add): ${text}`,
        )
      : event(
          "Node",
          "NodeNotReady",
          `container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: ${text}`,
        );
  const events = JSON.stringify({ apiVersion: "v1", kind: "List", items: [told] });
  const alone = await verdictOf({ "events.json": events });
  const both = await verdictOf({ "events.json": events, "plugin.log": readFileSync(rig.logFile, "utf8") });
  return { alone, both };
}

const refusal = (fields: object) => () =>
  answer({ v: 1, ok: false, message: "what is the case", next: "Do this.", retryAfterMs: null, ...fields });

describe("kubelet's event of a refused pod, alone and with plugin.log", () => {
  test.each([
    ["namespace-gone", "pod-network-setup-failed"],
    ["interface-exists", "pod-network-setup-failed"],
    ["name-taken", "pod-network-setup-failed"],
    ["kernel-refused", "pod-network-setup-failed"],
    ["trunk-missing", "pod-network-setup-failed"],
    ["network-policy", "network-policy-agent-failed"],
  ])("of problem %s is %s", async (problem, expected) => {
    const { alone, both } = await afterCommand("ADD", refusal({ reason: "network-setup-failed", problem }));
    expect<string>(alone.verdict).toBe(expected);
    expect<string>(both.verdict).toBe(expected);
    expect(both.findings.filter((one) => one.certainty === "proved").map((one) => one.class as string)).toEqual([
      expected,
    ]);
    if (expected === "pod-network-setup-failed" && problem !== "namespace-gone") {
      expect(both.findings[0]?.summary).toContain(`(${problem}): `);
    }
  });

  test.each([
    ["node-cordoned", "node-cordoned-no-growth"],
    ["no-eligible-subnet", "all-subnets-excluded"],
    ["eniconfig-missing", "custom-networking-no-eniconfig"],
    ["metadata-unavailable", "imds-unreachable"],
    ["checkpoint-unwritable", "checkpoint-unusable"],
    ["checkpoint-unreadable", "checkpoint-unusable"],
    ["branch-eni-not-ready", "branch-eni-not-ready"],
    ["subnet-exhausted", "subnet-free-ips-exhausted"],
    ["subnet-fragmented", "subnet-fragmented-no-free-28"],
  ])("of reason %s is %s", async (reason, expected) => {
    const { alone, both } = await afterCommand("ADD", refusal({ reason }));
    expect(alone.findings.map((one) => one.class as string)).toContain(expected);
    expect(both.findings.map((one) => one.class as string)).toContain(expected);
  });

  test("of an agent that is away, slow, or hangs up is ipamd-not-running", async () => {
    const reactions = [undefined, () => ({}), () => ({ hangUp: true })];
    for (const react of reactions) {
      const { alone, both } = await afterCommand("ADD", react);
      expect<string>(alone.verdict).toBe("ipamd-not-running");
      expect<string>(both.verdict).toBe("ipamd-not-running");
      rig.stopAgents();
    }
  });

  test("of an answer that makes no sense is version-skew", async () => {
    const { alone } = await afterCommand("ADD", () => ({ send: ["nonsense\n"] }));
    expect<string>(alone.verdict).toBe("version-skew");
  });

  test("of a reason that says nothing of a cause is no cause", async () => {
    const { both } = await afterCommand("ADD", refusal({ reason: "pool-growing", retryAfterMs: 500 }));
    expect(both.findings.filter((one) => one.certainty === "proved")).toEqual([]);
  });
});

describe("a node that is NotReady because of STATUS", () => {
  test("51 is the host's network, 50 without an agent is the agent", async () => {
    const degraded = await afterCommand("STATUS", refusal({ reason: "network-setup-failed", degraded: true }));
    expect<string>(degraded.alone.verdict).toBe("eni-network-setup-failed");
    rig.stopAgents();
    const absent = await afterCommand("STATUS", undefined);
    expect<string>(absent.alone.verdict).toBe("ipamd-not-running");
  });
});

describe("the agent's log", () => {
  const NO_ATTACHMENTS = () => ({ networkName: "aws-cni", containerId: "4f0a1b2c", ifName: "eth0" });
  const line = <Id extends MessageId>(id: Id, ...values: MessageArguments<Id>): string =>
    `${JSON.stringify({ level: MESSAGES[id].level, ts: "2026-03-02T10:00:01.000Z", caller: "agent", msg: formatMessage(id, values, NO_ATTACHMENTS) })}\n`;

  test("of a failed wiring, of a policy, and of a network that cannot be put right, is understood", async () => {
    const wiring = await verdictOf({ "ipamd.log": line("podWiringFailed", "4f0a1b2c", "EPERM: route to 10.0.1.9") });
    expect<string>(wiring.verdict).toBe("pod-network-setup-failed");
    const policy = await verdictOf({ "ipamd.log": line("podPolicyFailed", "shop", "web-0", "it did not answer") });
    expect<string>(policy.verdict).toBe("network-policy-agent-failed");
    const host = await verdictOf({ "ipamd.log": line("networkProblem", "rule 1024 cannot be added (EPERM)") });
    expect<string>(host.verdict).toBe("eni-network-setup-failed");
  });

  test("of what was repaired and is right again is no finding", async () => {
    const { findings } = await verdictOf({
      "ipamd.log":
        line("networkRepaired", "rule 512 to 10.0.1.9") +
        line("networkIsRight") +
        line("podRestLeft", "4f0a1b2c", "route"),
    });
    expect(findings).toEqual([]);
  });
});

test("a failed wiring has two lines in plugin.log, and counts once", async () => {
  rmSync(rig.logFile, { force: true });
  rig.agent(refusal({ reason: "network-setup-failed", problem: "name-taken" }));
  for (let i = 0; i < 3; i++) await rig.run({ env: { ...ENVIRONMENT, CNI_COMMAND: "ADD" }, input: rig.config() });
  const { findings } = await verdictOf({ "plugin.log": readFileSync(rig.logFile, "utf8") });
  expect(findings.map((one) => [one.class, one.count])).toEqual([["pod-network-setup-failed", 3]]);
});
