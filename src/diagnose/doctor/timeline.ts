// What happened to one pod, node or prefix, from all sources, in order of time; and what is known without a time.

import { ADDRESSES_PER_PREFIX, cidrContains, formatCidr, formatIpv4, parseCidr, parseIpv4 } from "../../base/ipv4.ts";
import type { Facts, Source } from "../facts/model.ts";

export interface TimelineEntry {
  /** undefined: known, but not when. */
  readonly ms: number | undefined;
  readonly kind: "log" | "event" | "object" | "ec2" | "pool" | "checkpoint";
  readonly source: Source;
  readonly text: string;
}

export type Subject =
  | { readonly kind: "prefix"; readonly base: number; readonly prefixLength: number }
  | { readonly kind: "name"; readonly namespace: string | undefined; readonly name: string };

/** `10.0.0.16/28` and `10.0.0.17` are addresses; `namespace/pod`, a pod, a node, an instance id are names. */
export function parseSubject(text: string): Subject {
  const cidr = parseCidr(text);
  if (cidr !== undefined) return { kind: "prefix", base: cidr.base, prefixLength: cidr.prefixLength };
  const address = parseIpv4(text);
  if (address !== undefined) return { kind: "prefix", base: address, prefixLength: 32 };
  const slash = text.indexOf("/");
  return slash < 0
    ? { kind: "name", namespace: undefined, name: text }
    : { kind: "name", namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

/** Timed entries first, oldest first; equal times in the order of the sources. `lines`: what the logs say of the subject. */
export function timeline(facts: Facts, subject: Subject, lines: readonly TimelineEntry[]): TimelineEntry[] {
  const entries = [
    ...lines,
    ...eventEntries(facts, subject),
    ...objectEntries(facts, subject),
    ...ec2Entries(facts, subject),
  ];
  entries.push(...poolEntries(facts, subject), ...checkpointEntries(facts, subject), ...agentEntries(facts, subject));
  return entries
    .map((entry, index) => ({ entry, index }))
    .sort((a, b) => (a.entry.ms ?? Infinity) - (b.entry.ms ?? Infinity) || a.index - b.index)
    .map(({ entry }) => entry);
}

function holds(subject: Subject, address: string | undefined): boolean {
  if (subject.kind !== "prefix" || address === undefined) return false;
  const value = parseIpv4(address);
  return value !== undefined && cidrContains(subject, value);
}

function isPod(subject: Subject, namespace: string | undefined, name: string): boolean {
  if (subject.kind !== "name" || subject.name !== name) return false;
  return subject.namespace === undefined || namespace === undefined || subject.namespace === namespace;
}

function isNode(subject: Subject, key: string | undefined): boolean {
  return subject.kind === "name" && subject.namespace === undefined && key !== undefined && subject.name === key;
}

function eventEntries(facts: Facts, subject: Subject): TimelineEntry[] {
  return facts.events.flatMap((event) => {
    const isAbout =
      isPod(subject, event.namespace, event.name) ||
      isNode(subject, event.node) ||
      (event.objectKind === "Node" && isNode(subject, event.name)) ||
      (subject.kind === "prefix" &&
        (event.message.match(/\d+\.\d+\.\d+\.\d+/g) ?? []).some((one) => holds(subject, one)));
    if (!isAbout) return [];
    const text = `${event.reason}: ${event.message}`;
    const times = event.count > 1 ? ` (${event.count} times)` : "";
    const first: TimelineEntry = {
      ms: event.firstMs ?? event.lastMs,
      kind: "event",
      source: event.at,
      text: `${text}${times}`,
    };
    if (event.firstMs === undefined || event.lastMs === undefined || event.firstMs === event.lastMs) return [first];
    return [
      first,
      { ms: event.lastMs, kind: "event", source: event.at, text: `${event.reason}: last of ${event.count}` },
    ];
  });
}

function objectEntries(facts: Facts, subject: Subject): TimelineEntry[] {
  const entries: TimelineEntry[] = [];
  for (const pod of facts.pods) {
    if (!isPod(subject, pod.namespace, pod.name) && !isNode(subject, pod.node) && !holds(subject, pod.address))
      continue;
    if (isNode(subject, pod.node) && pod.isHostNetwork) continue;
    const address = pod.address === undefined ? "no address" : `${pod.address}${ownerText(facts, pod.address)}`;
    const state = pod.waitingReason ?? pod.phase;
    entries.push({
      ms: pod.createdMs,
      kind: "object",
      source: pod.at,
      text: `pod ${pod.namespace}/${pod.name} created; when it was read: ${state}, ${address}${pod.node === undefined ? "" : ` on ${pod.node}`}`,
    });
  }
  for (const node of facts.nodes) {
    if (!isNode(subject, node.key) && !isNode(subject, node.instanceId)) continue;
    entries.push({ ms: node.createdMs, kind: "object", source: node.at, text: `node ${node.key} joined` });
  }
  return entries;
}

/** Where the subnet's ENIs are all known and none has the address: said, for such a pod gets no replies. */
function ownerText(facts: Facts, text: string): string {
  const address = parseIpv4(text);
  if (address === undefined) return "";
  const subnet = facts.subnets.find((one) => one.cidr !== undefined && cidrContains(one.cidr, address));
  if (subnet === undefined || !facts.wholeSubnets.includes(subnet.id)) return "";
  const isOwned = facts.enis.some(
    (eni) =>
      eni.addresses.includes(address) ||
      eni.prefixes.some((base) => address >= base && address < base + ADDRESSES_PER_PREFIX),
  );
  return isOwned ? "" : ` (no ENI in ${subnet.id} owns it)`;
}

function ec2Entries(facts: Facts, subject: Subject): TimelineEntry[] {
  const instanceIds = new Set(
    facts.nodes.flatMap((node) =>
      isNode(subject, node.key) && node.instanceId !== undefined ? [node.instanceId] : [],
    ),
  );
  const entries: TimelineEntry[] = [];
  for (const eni of facts.enis) {
    const prefixes = eni.prefixes.filter(
      (base) => subject.kind === "prefix" && overlaps(subject, base, ADDRESSES_PER_PREFIX),
    );
    const addresses = eni.addresses.filter((one) => subject.kind === "prefix" && cidrContains(subject, one));
    const isOfNode =
      eni.instanceId !== undefined && (instanceIds.has(eni.instanceId) || isNode(subject, eni.instanceId));
    if (prefixes.length === 0 && addresses.length === 0 && !isOfNode) continue;
    const held = [
      ...(isOfNode ? eni.prefixes : prefixes).map((base) => formatCidr({ base, prefixLength: 28 })),
      ...(isOfNode ? [] : addresses.map(formatIpv4)),
    ];
    const holder = eni.instanceId === undefined ? eni.status : `${eni.status} on ${eni.instanceId}`;
    entries.push({
      ms: undefined,
      kind: "ec2",
      source: eni.at,
      text: `${eni.id} (${holder}${eni.description === "" ? "" : `, ${eni.description}`}) holds ${held.join(", ") || "no prefix"}`,
    });
  }
  return entries;
}

function overlaps(subject: { base: number; prefixLength: number }, base: number, size: number): boolean {
  const last = subject.base + 2 ** (32 - subject.prefixLength) - 1;
  return base <= last && subject.base <= base + size - 1;
}

function poolEntries(facts: Facts, subject: Subject): TimelineEntry[] {
  const entries: TimelineEntry[] = [];
  for (const page of facts.introspection) {
    for (const eni of page.enis) {
      for (const { cidr, addresses } of eni.cidrs) {
        const size = 2 ** (32 - cidr.prefixLength);
        const isAbout = subject.kind === "prefix" && overlaps(subject, cidr.base, size);
        const pods = addresses.filter((one) => one.pod !== undefined && podMatches(subject, one.pod));
        if (!isAbout && pods.length === 0 && !isNode(subject, page.node)) continue;
        const assigned = addresses.filter((one) => one.isAssigned);
        const named = (pods.length > 0 ? pods : assigned)
          .slice(0, 4)
          .map((one) => `${formatIpv4(one.address)}${one.pod === undefined ? "" : ` ${one.pod}`}`);
        const more = assigned.length > 4 && pods.length === 0 ? " ..." : "";
        entries.push({
          ms: undefined,
          kind: "pool",
          source: page.at,
          text: `${page.node ?? "the agent"} has ${formatCidr(cidr)} on ${eni.id}, ${assigned.length} of ${size} assigned${named.length > 0 ? `: ${named.join(", ")}${more}` : ""}`,
        });
      }
    }
  }
  return entries;
}

function podMatches(subject: Subject, pod: string): boolean {
  const slash = pod.indexOf("/");
  return isPod(subject, pod.slice(0, Math.max(0, slash)), pod.slice(slash + 1));
}

/** Of a node, what its agent's log tells: starts, times without addresses, EC2's refusals. */
function agentEntries(facts: Facts, subject: Subject): TimelineEntry[] {
  const entries: TimelineEntry[] = [];
  const add = (ms: number | undefined, source: Source, text: string): void => {
    entries.push({ ms, kind: "log", source, text });
  };
  for (const log of facts.logs) {
    if (!isNode(subject, log.node)) continue;
    for (const start of log.starts) {
      add(
        start.ms,
        start.at,
        `agent ${start.version ?? ""} starts${start.isServing ? "" : `; last line of it: ${start.lastText}`}`,
      );
    }
    for (const run of log.starvations) {
      add(run.firstMs, run.at, `pods are refused from here on, ${run.refusalCount} ADDs until ${endText(run)}`);
      if (run.recoveredMs !== undefined) add(run.recoveredMs, run.at, "pods get addresses again");
    }
  }
  for (const error of facts.ec2Errors) {
    const [first] = error.occurrences.samples;
    if (!isNode(subject, error.node) || first === undefined) continue;
    const text = `EC2 refuses ${error.api ?? "a call"}: ${error.code}${error.subnetId === undefined ? "" : ` in ${error.subnetId}`}`;
    const { count, firstMs, lastMs } = error.occurrences;
    add(firstMs, first.source, `${text}${count > 1 ? ` (first of ${count})` : ""}`);
    const last = error.occurrences.samples.at(-1);
    if (count > 1 && last !== undefined) add(lastMs, last.source, `${text} (last of ${count})`);
  }
  return entries;
}

function endText(run: Facts["logs"][number]["starvations"][number]): string {
  if (run.endedBy === "address") return "one succeeds";
  return run.endedBy === "restart" ? "the agent restarts" : "the log ends or falls silent";
}

function checkpointEntries(facts: Facts, subject: Subject): TimelineEntry[] {
  return facts.checkpoints.flatMap((checkpoint) =>
    checkpoint.allocations.flatMap((one): TimelineEntry[] => {
      const isAbout =
        holds(subject, one.address) ||
        (one.pod !== undefined && podMatches(subject, one.pod)) ||
        isNode(subject, checkpoint.node);
      if (!isAbout) return [];
      const text = `checkpoint: ${one.address} allocated to ${one.pod ?? one.containerId}`;
      return [{ ms: one.allocatedMs, kind: "checkpoint", source: checkpoint.at, text }];
    }),
  );
}
