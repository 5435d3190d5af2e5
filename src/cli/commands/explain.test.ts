// What explain answers to a question with a slip of the pen.

import { describe, expect, test } from "bun:test";
import { codePages } from "../../cni/code-pages.ts";
import { problemPages } from "../../datapath/problem-pages.ts";
import { CommandError } from "../command-error.ts";
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
