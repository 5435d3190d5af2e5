// What a node's network looks like, as text to compare: the whole of it, and what is left of pods that are gone.

import { readFileSync } from "node:fs";
import type { LabNode } from "./lab.ts";

const MONITOR_TIMEOUT_MS = 10_000;

/** Rules that name an address. */
export async function rulesOf(node: LabNode, address: string): Promise<string[]> {
  const lines = await node.lines("ip", "rule", "show");
  return lines.filter((line) => line.split(/\s+/).includes(address));
}

/** Where connections to the outside are marked: an nftables table, or rules of iptables. */
export async function markLines(node: LabNode): Promise<string[]> {
  const table = await node.lines("nft", "list", "table", "ip", "aws-cni").catch(() => []);
  return [...table, ...(await node.lines("iptables-save")).filter((line) => line.includes("CONNMARK"))];
}

export interface NodeState {
  readonly rules: readonly string[];
  readonly routes: readonly string[];
  readonly links: readonly string[];
  readonly firewall: readonly string[];
}

/** Everything of a node's network that a restart or a second ADD must not change. */
export async function stateOf(node: LabNode): Promise<NodeState> {
  const [rules, routes, links, firewall] = await Promise.all([
    node.lines("ip", "rule", "show"),
    node.lines("ip", "route", "show", "table", "all"),
    node.lines("ip", "-o", "link"),
    node.lines("iptables-save"),
  ]);
  return {
    rules,
    routes: routes.filter((line) => !line.includes("fe80")).sort(),
    links: links.map((line) => line.replace(/^\d+: /, "")).sort(),
    firewall: firewall.filter((line) => !line.startsWith("#")).map((line) => line.replace(/\[\d+:\d+\]/, "")),
  };
}

export function withoutFirewall({ firewall: _, ...rest }: NodeState): Omit<NodeState, "firewall"> {
  return rest;
}

/** Traces of pods on a node: names of host links, addresses in rules, routes and the checkpoint. Sorted. */
export interface PodTraces {
  readonly links: readonly string[];
  /** `512 10.0.0.1`, `1536 10.0.0.1`. */
  readonly rules: readonly string[];
  readonly routes: readonly string[];
  readonly allocations: readonly string[];
}

export async function tracesOf(node: LabNode): Promise<PodTraces> {
  const [links, rules, routes] = await Promise.all([
    node.lines("ip", "-o", "link"),
    node.lines("ip", "rule", "show"),
    node.lines("ip", "route", "show", "table", "main"),
  ]);
  const checkpoint = JSON.parse(readFileSync(node.checkpointPath, "utf8")) as { allocations: { ipv4: string }[] };
  return {
    links: links.flatMap((line) => /^\d+: (eni[0-9a-f]{11})@/.exec(line)?.[1] ?? []).sort(),
    rules: rules
      .flatMap((line) => {
        const found = /^(512|1536):\t(?:from all to|from) ([\d.]+) /.exec(line);
        return found === null ? [] : [`${found[1]} ${found[2]}`];
      })
      .sort(),
    routes: routes.flatMap((line) => /^([\d.]+) dev eni/.exec(line)?.[1] ?? []).sort(),
    allocations: checkpoint.allocations.map((one) => one.ipv4).sort(),
  };
}

/** The traces that the running pods of a node are to have, and no others. */
export function tracesWanted(node: LabNode): PodTraces {
  const pods = [...node.pods.values()];
  const addresses = pods.map((pod) => pod.address).sort();
  return {
    links: pods.map((pod) => pod.hostInterface).sort(),
    rules: pods
      .flatMap(({ address, deviceNumber }) => [`512 ${address}`, ...(deviceNumber > 0 ? [`1536 ${address}`] : [])])
      .sort(),
    routes: addresses,
    allocations: addresses,
  };
}

/** Links go some seconds after the rest: waits until the traces are those of the running pods, and returns what they are. */
export async function settledTraces(node: LabNode, timeoutMs: number): Promise<PodTraces> {
  const untilMs = performance.now() + timeoutMs;
  for (;;) {
    const traces = await tracesOf(node);
    if (Bun.deepEquals(traces, tracesWanted(node)) || performance.now() > untilMs) return traces;
    await Bun.sleep(200);
  }
}

/** What is deleted on a node while `work` runs: lines of `ip monitor`, which is seen to watch before and after. */
export async function deletedDuring(node: LabNode, work: () => Promise<unknown>): Promise<string[]> {
  const child = Bun.spawn(["nsenter", `--net=${node.netns}`, "ip", "monitor", "link", "address", "route", "rule"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  let text = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of child.stdout) text += decoder.decode(bytes, { stream: true });
  })();
  /** Deletes a rule of our own until the monitor has said so: all that was deleted before is said by then, too. */
  const sees = async (address: string): Promise<void> => {
    const untilMs = performance.now() + MONITOR_TIMEOUT_MS;
    while (!new RegExp(`^Deleted .*${address}`, "m").test(text)) {
      if (performance.now() > untilMs) throw new Error(`ip monitor sees nothing deleted: ${text}`);
      const rule = `pref 31999 from ${address} lookup main`;
      await node.ip([`rule add ${rule}`, `rule del ${rule}`]);
      await Bun.sleep(10);
    }
  };
  try {
    await sees("192.0.2.1");
    await work();
    await sees("192.0.2.2");
  } finally {
    child.kill();
    await reading;
  }
  return text.split("\n").filter((line) => line.startsWith("Deleted") && !line.includes("from 192.0.2."));
}
