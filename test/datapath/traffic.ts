// Packets sent on purpose and what became of them: single pings, pings of new connections, and streams of both while something
// else goes on.

import { EchoPlace, type Heard } from "../../src/up/echo.ts";
import { INTERNET_ADDRESS } from "../../src/up/fabric.ts";
import type { Lab, LabNode, LabPod } from "./lab.ts";

/** Clear of NodePorts. */
const FIRST_PORT = 33_000;
const LAST_PORT = 65_000;
let lastPort = FIRST_PORT - 1;

/**
 * A ping from a port that no connection used before: every rule for new connections sees it. The kernel's own choice may be a port of
 * the last half minute, whose connection goes on as it was translated then: once in some runs, after the rules had been others.
 */
export async function freshPing(
  netns: string,
  address: string,
  options: { readonly port?: number; readonly timeoutMs?: number } = {},
): Promise<Heard | undefined> {
  lastPort = lastPort < LAST_PORT ? lastPort + 1 : FIRST_PORT;
  const place = await EchoPlace.open(netns, { port: lastPort });
  try {
    return await place.ping(address, options);
  } finally {
    place.close();
  }
}

/** Which ENIs of a node the pings of `work` went through, by device index; frames of other origin do not count. */
export async function pathOf(
  lab: Lab,
  node: LabNode,
  work: () => Promise<unknown>,
): Promise<{ readonly sent: number[]; readonly received: number[] }> {
  const before = await lab.fabric.traffic();
  for (let index = 0; index < PINGS; index++) await work();
  const after = await lab.fabric.traffic();
  const sent: number[] = [];
  const received: number[] = [];
  for (const eni of lab.vpc.world.instances.get(node.instanceId)?.enis ?? []) {
    const index = eni.now.attachment?.deviceIndex ?? -1;
    const [from, to] = [before.get(eni.id), after.get(eni.id)];
    if (from === undefined || to === undefined) continue;
    if (to.sentCount - from.sentCount >= PINGS) sent.push(index);
    if (to.receivedCount - from.receivedCount >= PINGS) received.push(index);
  }
  return { sent: sent.sort(), received: received.sort() };
}

const PINGS = 20;

export interface Stream {
  readonly name: string;
  readonly ping: () => Promise<Heard | undefined>;
  readonly seenFrom: string;
}

/** New connections of a pod to the internet: SNAT, and the mark that leads them to the primary ENI. */
export function newConnections(name: string, node: LabNode, pod: LabPod): Stream {
  return {
    name: `new connections of ${name} to the internet`,
    ping: () => freshPing(pod.sandbox.netns, INTERNET_ADDRESS),
    seenFrom: node.primaryAddress,
  };
}

export interface StreamResult {
  readonly sentCount: number;
  /** Lost pings and wrong addresses, one line each. */
  readonly failures: readonly string[];
}

const INTERVAL_MS = 5;

/** Keeps all streams going, each every few milliseconds, until `work` is done. */
export async function whileStreaming(streams: readonly Stream[], work: () => Promise<unknown>): Promise<StreamResult> {
  let isDone = false;
  let sentCount = 0;
  const failures: string[] = [];
  const startMs = performance.now();
  const run = async ({ name, ping, seenFrom }: Stream): Promise<void> => {
    const pending: Promise<void>[] = [];
    while (!isDone) {
      const atMs = Math.round(performance.now() - startMs);
      sentCount++;
      pending.push(
        ping().then((heard) => {
          if (heard === undefined) failures.push(`${name}: lost at ${atMs} ms`);
          else if (heard.seenFrom !== seenFrom) failures.push(`${name}: seen from ${heard.seenFrom} at ${atMs} ms`);
        }),
      );
      await Bun.sleep(INTERVAL_MS);
    }
    await Promise.all(pending);
  };
  const running = Promise.all(streams.map(run));
  try {
    await work();
  } finally {
    isDone = true;
    await running;
  }
  return { sentCount, failures };
}
