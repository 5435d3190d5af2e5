// What explain answers to a question with a slip of the pen.

import { describe, expect, test } from "bun:test";
import { codePages } from "../../cni/code-pages.ts";
import { problemPages } from "../../datapath/problem-pages.ts";
import { CLASS_IDS } from "../../diagnose/facts/class-ids.ts";
import { CommandError } from "../command-error.ts";
import { TEXT_PAGES } from "../text-pages.ts";
import { explain } from "./explain.ts";

test("a mistyped name of a lint rule is told which rule was meant", () => {
  let thrown: unknown;
  try {
    explain("warm-eni-target-never-raed");
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(CommandError);
  expect((thrown as CommandError).next).toStartWith("did you mean warm-eni-target-never-read? ");
});

const SANDBOX =
  'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "5f2b41c0": plugin type="aws-cni" name="aws-cni" failed (add): ';

describe("a pasted text of our own plugin leads to the page of what it says", () => {
  test.each(Object.entries(problemPages))("%s", (problem, page) => {
    const text = `${SANDBOX}add command: failed to setup network: network-setup-failed (${problem}): no such thing. Do this.`;
    const firstWords = page.what.slice(0, 40);
    expect(explain(text)).toContain(firstWords);
    expect(explain(problem)).toContain(firstWords);
    expect(explain(text)).toStartWith("The text names the problem.");
  });

  test.each(Object.keys(codePages))("CNI code %s", (code) => {
    expect(explain(code)).toStartWith(`CNI code ${code}`);
    expect(explain(`code ${code}`)).toBe(explain(code));
  });

  test.each([
    ["add cmd: failed to assign an IP address to container: subnet-exhausted", "subnet-exhausted\n"],
    [`${SANDBOX}add cmd: failed to assign an IP address to container: max-pods; More.`, "max-pods\n"],
    [`${SANDBOX}add cmd: failed to connect to backend server: no agent at /run/x.sock (ENOENT)`, "CNI code 11\n"],
    [
      "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: status cmd: the network is not available: network-setup-failed; rule 1024 cannot be added",
      "CNI code 51\n",
    ],
    ["status cmd: the network is not available: starting; The agent has not finished", "CNI code 50\n"],
    ["the network is not available: network-setup-failed; rule 1024 cannot be added: EPERM", "CNI code 51\n"],
    ["the network is not available: network-setup-failed (kernel-refused); The datapath's thread", "CNI code 50\n"],
    ["the network is not available: starting", "CNI code 50\n"],
    ["the network is not available: no agent at /var/run/aws-node/slash28.sock (ENOENT)", "CNI code 50\n"],
    ['{ "cniVersion": "1.0.0", "code": 112, "msg": "…" }', "CNI code 112: name-taken\n"],
    ["Failed SetupPodNetwork for container 5f2b: network-setup-failed: x", "network-setup-failed\n"],
    ["network-setup-failed (namespace-gone): the namespace went away", "namespace-gone: a pod's network"],
    ['msg: "network-setup-failed (name-taken)"', "name-taken: a pod's network"],
    ["failed to setup network: kernel-refused", "kernel-refused: a pod's network"],
    ["failed to setup network: name-taken", "name-taken: a pod's network"],
    ["error reading from stdin: more than 1048576 bytes", "CNI code 5\n"],
    ["error reading network configuration: it is not JSON", "CNI code 6\n"],
    ["incompatible CNI versions", "CNI code 1\n"],
    ["required env variables [CNI_NETNS,CNI_IFNAME] missing", "CNI code 4\n"],
    ['add cmd: failed to load k8s config from arg: ARGS: invalid pair "x"', "CNI code 4\n"],
    ["invalid characters in CNI_CONTAINERID", "CNI code 4\n"],
    ["check cmd: failed to check network: prevResult is missing or not understood", "CNI code 7\n"],
    ["gc cmd: failed to collect garbage: cni.dev/valid-attachments is missing or no list", "CNI code 7\n"],
    ["gc cmd: failed to collect garbage: 2 leftovers could not be removed", "CNI code 121\n"],
    ["the kernel refused link eni0d7763386da: EINVAL", "kernel-refused: a pod's network"],
  ])("%s", (text, title) => {
    expect(explain(text)).toContain(title);
  });

  test("the reference's text of a failed wiring keeps its class, a later release's reason is nothing known", () => {
    expect(explain(`${SANDBOX}add command: failed to setup network`)).toContain("pod-network-setup-failed");
    expect(explain(`${SANDBOX}add cmd: failed to assign an IP address to container: moon-phase`)).toContain(
      "The text is the same for every cause",
    );
  });
});

test.each([
  "cni plugin not initialized",
  "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized",
  "network is not ready: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin not initialized",
  "runtime network not ready: cni config uninitialized",
])("what kubelet says of a runtime without a network leads to its page: %s", (text) => {
  const page = explain(text);
  expect(page).toContain("NetworkPluginNotReady: the runtime has no network\n");
  expect(page).toContain("only once the node's agent serves");
  expect(page).toContain("ipamd-not-running");
});

test("the list names every problem and code", () => {
  const named = new Set(
    explain("list")
      .split("\n")
      .map((line) => line.trim().split(" ")[0]),
  );
  for (const name of [...Object.keys(problemPages), ...Object.keys(codePages)]) expect(named).toContain(name);
});

test.each([
  [
    'plugin type="aws-cni" name="aws-cni" failed (add): failed to find plugin "aws-cni" in path [/opt/cni/bin]',
    "an executable that the conflist names is missing\n",
  ],
  ['failed to find plugin "portmap" in path [/opt/cni/bin]', "aws-vpc-cni-init"],
  ['Readiness probe failed: timeout: failed to connect service ":50051" within 5s', "ipamd-killed-by-probe: "],
  [
    'Liveness probe failed: {"level":"info","ts":"2026-01-01T00:00:00.000Z","caller":"x/proc.go:267","msg":"timeout: failed to connect service \\":50051\\" within 5s"}',
    "ipamd-killed-by-probe: ",
  ],
  ['timeout: failed to connect service ":50051" within 5s', "the health probe got no answer"],
  ["del cmd: Error received from DelNetwork gRPC call", "the agent was not reached at a DEL\n"],
  ["add cmd: Error received from AddNetwork gRPC call", "the agent was not reached at an ADD\n"],
  [
    'Error received from DelNetwork gRPC call: rpc error: code = Unavailable desc = "dial tcp 127.0.0.1:50051: connect: connection refused"',
    "ipamd-not-running: ",
  ],
  ["gc cmd: failed to collect garbage", "failed to collect garbage: a GC left something"],
  ["check cmd: failed to check network", "failed to check network: a CHECK did not go well"],
  ["no link has the MAC 02:00:00:00:00:09 of ENI 10.0.100.20: is it attached?", "an ENI of the node has no link\n"],
])("a text that is common on EKS has an answer: %s", (text, part) => {
  expect(explain(text)).toContain(part);
});

test("too large a configuration is what code 5 speaks of, and kernel-refused names the capabilities", () => {
  expect(explain("5")).toContain("1048576 bytes (1 MiB)");
  expect(explain("5")).toContain("/etc/cni/net.d");
  expect(explain("kernel-refused").replace(/\s+/g, " ")).toContain("CAP_NET_ADMIN and CAP_SYS_ADMIN.");
});

test("classes that a text's page names exist", () => {
  const named = TEXT_PAGES.flatMap(({ parts }) => parts.filter(([name]) => name === "Can be a sign of"));
  const ids: readonly string[] = CLASS_IDS;
  for (const [, text] of named) for (const id of text.split(", ")) expect(ids).toContain(id);
});
