// ADD as a runtime calls it: the compiled plugin, a scripted agent, the printed result of every version.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ANSWER, answer, type CniRig, ENVIRONMENT, openCniRig } from "./rig.ts";

let rig: CniRig;
beforeAll(async () => {
  rig = await openCniRig();
});
afterAll(() => rig.close());

const ADD = { ...ENVIRONMENT, CNI_COMMAND: "ADD" };

const OLD = `{
    "cniVersion": "0.4.0",
    "interfaces": [
        {
            "name": "eni0d7763386da"
        },
        {
            "name": "eth0",
            "mac": "2",
            "sandbox": "/var/run/netns/cni-0a1b"
        },
        {
            "name": "dummy0d7763386da",
            "mac": "0",
            "sandbox": "1"
        }
    ],
    "ips": [
        {
            "version": "4",
            "interface": 1,
            "address": "10.0.101.5/32"
        }
    ],
    "dns": {}
}
`;

describe("ADD", () => {
  test("prints the reference's layout for 0.4.0, byte for byte, and asks with all the agent needs", async () => {
    const agent = rig.agent(() => answer(ANSWER));
    const { status, stdout, stderr } = await rig.run({ env: ADD, input: rig.config() });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: OLD, stderr: "" });
    expect(agent.questions).toHaveLength(1);
    const { timeoutMs, ...question } = agent.questions[0] ?? {};
    expect(timeoutMs).toBeWithin(30_000, 39_001);
    expect(question).toEqual({
      v: 1,
      op: "add",
      networkName: "aws-cni",
      containerId: "4f0a1b2c",
      ifName: "eth0",
      namespace: "default",
      podName: "web-0",
      podUid: "0b9f6d4e-1c2d-4e5f-8a9b-0c1d2e3f4a5b",
      netns: "/var/run/netns/cni-0a1b",
      vethPrefix: "eni",
      mtu: 9001,
      enforcingMode: "strict",
    });
    agent.stop();
  });
});
