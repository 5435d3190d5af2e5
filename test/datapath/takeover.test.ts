// A node that the reference wired, taken over by our agent and given back: what is right is not touched, pods keep their traffic,
// and what our agent leaves is what the reference would read and go on with.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { CALL_TIMEOUT_MS, Lab, type LabNode, type LabPod } from "./lab.ts";
import { deletedDuring, markLines, rulesOf, settledTraces, stateOf, tracesWanted } from "./node-state.ts";
import { giveEnis, wireAsReference } from "./reference-node.ts";
import { canBuildNetworks } from "./root.ts";
import { newConnections, type Stream, whileStreaming } from "./traffic.ts";
import { NODE_1 } from "./two-nodes.ts";

describe.if(canBuildNetworks("takeover from the reference"))("takeover from the reference", () => {
  let lab: Lab;
  let node: LabNode;
  let pods: LabPod[];
  let streams: Stream[];
  let referenceState: Awaited<ReturnType<typeof stateOf>>;
  let referenceMarks: string[];

  beforeAll(async () => {
    lab = await Lab.create({ prepare: (vpc) => giveEnis(vpc, NODE_1) });
    node = lab.nodes[0]!;
    pods = await wireAsReference({ node, vpc: lab.vpc, fabric: lab.fabric, podsPerEni: 2 });
    const [p, , s] = pods as [LabPod, LabPod, LabPod];
    streams = [
      { name: "P to S", ping: () => p.echo.ping(s.address), seenFrom: p.address },
      {
        name: "S to the other node",
        ping: () => s.echo.ping(lab.nodes[1]!.primaryAddress),
        seenFrom: s.address,
      },
      newConnections("S", node, s),
      newConnections("P", node, p),
    ];
    referenceState = await stateOf(node);
    referenceMarks = (await markLines(node)).map(withoutCounters);
  }, 120_000);

  afterAll(async () => {
    await lab.close();
    expect(lab.problems).toEqual([]);
  });

  test("the reference's node serves before our agent is there", async () => {
    const result = await whileStreaming(streams, () => Bun.sleep(200));
    expect(result.failures).toEqual([]);
    expect(await settledTraces(node, 0)).toEqual(tracesWanted(node));
  });

  test("our agent starts: nothing is deleted, nothing changes, no packet is lost", async () => {
    let deleted: string[] = [];
    const result = await whileStreaming(streams, async () => {
      deleted = await deletedDuring(node, async () => {
        await node.start();
        await Bun.sleep(500);
      });
    });
    expect(result.failures).toEqual([]);
    expect(deleted).toEqual([]);
    expect(await stateOf(node)).toEqual(referenceState);
    expect((await markLines(node)).map(withoutCounters)).toEqual(referenceMarks);
    expect(await settledTraces(node, 0)).toEqual(tracesWanted(node));
  }, 60_000);

  test("an ADD beside them gets an address of its own; a DEL of a pod that the reference made leaves nothing", async () => {
    const pod = await node.addPod("new");
    expect(pods.map((one) => one.address)).not.toContain(pod.address);
    expect((await pod.echo.ping(pods[2]!.address))?.seenFrom).toBe(pod.address);
    const gone = pods[3]!;
    const answer = await node.removePod(gone);
    expect(answer.status).toBe(0);
    expect(await rulesOf(node, gone.address)).toEqual([]);
    expect(await settledTraces(node, 10_000)).toEqual(tracesWanted(node));
  }, 60_000);

  test("CHECK finds the reference's pods in order", async () => {
    for (const pod of pods.slice(0, 3)) {
      const answer = await node.plugin.check(pod.sandbox, pod.result, CALL_TIMEOUT_MS);
      expect(answer).toMatchObject({ status: 0 });
    }
  });

  test("given back: after our agent's end the node serves, and its books are the reference's", async () => {
    const before = await stateOf(node);
    const result = await whileStreaming(streams, async () => {
      await node.stop("SIGTERM");
      await Bun.sleep(500);
    });
    expect(result.failures).toEqual([]);
    expect(await stateOf(node)).toEqual(before);
    expect((await markLines(node)).map(withoutCounters)).toEqual(referenceMarks);
    const saved = JSON.parse(readFileSync(node.checkpointPath, "utf8")) as {
      version: string;
      allocations: { ipv4: string; containerID: string; metadata: { k8sPodName: string } }[];
    };
    expect(saved.version).toBe("vpc-cni-ipam/1");
    const ids = (list: readonly string[]) => [...list].sort();
    expect(ids(saved.allocations.map((one) => `${one.containerID} ${one.ipv4} ${one.metadata.k8sPodName}`))).toEqual(
      ids([...node.pods.values()].map((pod) => `${pod.sandbox.containerId} ${pod.address} ${pod.sandbox.podName}`)),
    );
  }, 60_000);
});

function withoutCounters(line: string): string {
  return line.replace(/packets \d+ bytes \d+/, "packets 0 bytes 0");
}
