// The thread that owns the network: dying, and (in test/datapath/datapath-thread.ts, in a network of its own) at work.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { reasonAgainstOwnNamespace, testInOwnNamespace } from "../../test/datapath/own-namespace.ts";
import { startDatapathThread } from "./datapath-thread.ts";

const BROKEN = new URL("../../test/datapath/broken-worker.ts", import.meta.url).href;
const POD = {
  ...{ networkName: "aws-cni", containerId: "c1", ifName: "eth0", namespace: "default", podName: "web-0" },
  ...{ netnsPath: "/absent", address: 1, routeTableId: 254, mtu: 1500, vethPrefix: "eni" },
};
const rejection = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "it did not reject",
    (error: Error) => error.message,
  );

describe("a thread that dies", () => {
  test.each([
    ["throws at once", "The datapath's thread failed: "],
    ["ends at once", "The datapath's thread ended by itself"],
  ])("and %s: it does not start", async (way, message) => {
    expect(await rejection(startDatapathThread({ hostNamespacePath: way, workerUrl: BROKEN }))).toStartWith(message);
  });

  test.each([
    ["throws later", "The datapath's thread failed: "],
    ["ends later", "The datapath's thread ended by itself"],
    ["is stranded", "stranded"],
  ])("and %s: everything asked and to be asked is told so, and the agent too", async (way, message) => {
    const thread = await startDatapathThread({ hostNamespacePath: way, workerUrl: BROKEN });
    const asked = [rejection(thread.linkNames()), rejection(thread.checkPod(POD))];
    const wired = thread.wirePod(POD);
    for (const answer of await Promise.all(asked)) expect(answer).toStartWith(message);
    expect(await rejection(thread.failed)).toStartWith(message);
    expect(await wired).toMatchObject({ kind: "failed", problem: "kernel-refused" });
    expect(await rejection(thread.linkNames())).toStartWith(message);
    const removal = { attachment: POD, address: 1, hostInterface: "", vlanId: 0 };
    expect((await thread.unwirePod(removal))[0]).toStartWith(message);
    thread.close();
  });

  test("and hangs in a call: whoever waits is told so, and the agent too", async () => {
    const options = { hostNamespacePath: "hangs", workerUrl: BROKEN, silenceMaxMs: 200 };
    const thread = await startDatapathThread(options);
    await Bun.sleep(300);
    const message = "The datapath's thread has not come back from linkNames for 0.2 s";
    const wired = thread.linkNames().catch(() => thread.wirePod(POD));
    expect(await rejection(thread.failed)).toStartWith(message);
    expect(await wired).toMatchObject({ kind: "failed", message: expect.stringContaining(message) });
  });

  test("and comes back in time: meanwhile its silence is told, neither at once nor afterwards", async () => {
    const options = { hostNamespacePath: "comes back", workerUrl: BROKEN, silenceMaxMs: 3_000 };
    const thread = await startDatapathThread(options);
    await Bun.sleep(700);
    expect(thread.silence).toBeUndefined();
    const asked = thread.linkNames();
    await Bun.sleep(250);
    expect(thread.silence).toBeUndefined();
    await Bun.sleep(450);
    expect(thread.silence).toStartWith("The datapath's thread has not come back from linkNames for 0.6 s");
    expect(await asked).toEqual([]);
    expect(thread.silence).toBeUndefined();
    thread.close();
  });

  test("a namespace that is none: it does not start, and says why", async () => {
    const here = join(import.meta.dir, "datapath-thread.test.ts");
    expect(await rejection(startDatapathThread({ hostNamespacePath: here }))).toMatch(/cannot be entered: /);
    expect(await rejection(startDatapathThread({ hostNamespacePath: "/absent" }))).toContain("there is no such file");
  });
});

const reason = reasonAgainstOwnNamespace();
if (reason !== undefined) process.stderr.write(`slash28: the datapath's thread was not tested: ${reason}\n`);

test.if(reason === undefined)(
  "at work, in a network namespace of the test's own",
  () => testInOwnNamespace("test/datapath/datapath-thread.ts"),
  120_000,
);
