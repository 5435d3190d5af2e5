// The report for people: what became of the pods, what EC2 said, what the subnets still hold, and the cause in one paragraph.

import { ADDRESSES_PER_PREFIX } from "../base/ipv4.ts";
import { formatDurationMs } from "../cluster/index.ts";
import { countStates } from "../subnet/index.ts";
import { table, wrap } from "../text/layout.ts";
import { prefixesWanted } from "./demand.ts";
import { PATH_NAMES, type PingCount } from "./ping-count.ts";
import { type Findings, findings, quantile, type Sightings } from "./report.ts";
import { isRefusedForGood } from "./run-state.ts";

const TROUBLES_MAX = 5;

export function reportText(seen: Sightings): string {
  const found = findings(seen);
  const lines: string[] = [];
  const waits = seen.pods.flatMap((pod) => (pod.waitMs === undefined ? [] : [pod.waitMs])).sort((a, b) => a - b);
  const { counts } = found;
  const ran = counts.gone > 0 ? `, ${counts.gone} have ended` : "";
  lines.push(
    `${whenText(seen)}: ${counts.running} of ${counts.total} pods run${ran}, ` +
      `${counts.waiting + counts.pending} have no address, ${counts.unschedulable} fit on no node.`,
  );
  if (waits.length > 0) {
    const p50 = formatDurationMs(quantile(waits, 0.5) ?? 0);
    lines.push(
      `Wait for an address: half of them up to ${p50}, 99 % up to ${formatDurationMs(quantile(waits, 0.99) ?? 0)}.`,
    );
  }
  if (seen.pings !== undefined) lines.push("", ...pingLines(seen.pings));
  if (seen.pingTroubles.length > 0) lines.push("", ...troubleLines(seen));
  lines.push("", ...nodeLines(seen), "", ...subnetLines(seen));
  if (found.refusals.size + found.unansweredCount > 0) lines.push("", ...refusalLines(found));
  lines.push("", ...ec2Lines(seen));
  const cause = causeText(seen, found);
  if (cause !== undefined) lines.push("", ...wrap(cause, 100));
  return `${lines.join("\n")}\n`;
}

/** Commands that tell more about what was seen; none when all is well and nothing was collected. */
export function nextSteps(seen: Sightings, evidence: string | undefined): string[] {
  const steps = evidence === undefined ? [] : [`slash28 doctor ${evidence}`];
  const [worst] = [...findings(seen).refusals].sort((a, b) => b[1].podCount - a[1].podCount);
  const [trouble] = seen.pingTroubles;
  if (worst === undefined && trouble === undefined) return steps;
  if (worst !== undefined && worst[0] !== "unschedulable") steps.push(`slash28 explain ${worst[0]}`);
  if (trouble !== undefined) {
    const name = trouble.namespace.replace(/^s28-\d+-/, "");
    steps.push(`the same run again, and while it lasts: ip netns exec s28-PID-${name} ip addr (docs/up-datapath.md)`);
  }
  if (evidence === undefined) steps.push("the same run with --evidence DIR, then slash28 doctor DIR");
  return steps;
}

function whenText({ isInterrupted, elapsedMs }: Sightings): string {
  if (isInterrupted && elapsedMs === 0) return "Interrupted while the agents started";
  return `${isInterrupted ? "Interrupted after" : "After"} ${formatDurationMs(elapsedMs)}`;
}

function pingLines(pings: readonly PingCount[]): string[] {
  const rows = pings.map(({ path, sent, answered, wrongSource, msP50 }) => [
    PATH_NAMES[path],
    String(sent),
    String(answered),
    String(wrongSource),
    msP50 === null ? "-" : `${msP50.toFixed(2)} ms`,
  ]);
  return table(["pings between pods", "sent", "answered", "wrong source", "median"], rows, [
    false,
    true,
    true,
    true,
    true,
  ]);
}

/** A ping has two ends, so the pod that is in most of the lost ones is the likely one. */
function troubleLines({ pingTroubles: troubles, isInterrupted }: Sightings): string[] {
  const shown = troubles.slice(0, TROUBLES_MAX);
  const rows = shown.map((one) => [
    one.podName,
    one.address,
    one.nodeName,
    one.namespace,
    String(one.lost),
    String(one.wrongSource),
  ]);
  const numeric = [false, false, false, false, true, true];
  const lines = table(
    ["pods at an end of failed pings", "address", "node", "namespace", "lost", "wrong source"],
    rows,
    numeric,
  );
  const more = troubles.length - shown.length;
  if (more > 0) lines.push(`  ... and ${more} more pods`);
  if (!isInterrupted) lines.push("Failed pings make the exit status 1, but for --exit-zero.");
  return lines;
}

function refusalLines(found: Findings): string[] {
  const rows = [...found.refusals]
    .sort((a, b) => b[1].podCount - a[1].podCount)
    .map(([reason, one]) => [String(one.podCount), reason, one.message]);
  if (found.unansweredCount > 0) rows.push([String(found.unansweredCount), "-", "no answer yet"]);
  const lines = ["Pods without an address, by reason:", ...table(["pods", "reason", "last message"], rows, [true])];
  if (found.pluginErrors.size > 0) {
    lines.push("", "What kubelet's events would say:");
    for (const [text, count] of found.pluginErrors) lines.push(`  ${count} x ${text}`);
  }
  return lines;
}

function nodeLines(seen: Sightings): string[] {
  const rows = seen.nodes.map((one) => {
    const prefixCount = one.enis.reduce((sum, eni) => sum + eni.prefixCount, 0);
    const addressCount = one.enis.reduce((sum, eni) => sum + eni.prefixCount * 16 + eni.addressCount, 0);
    const pods = seen.pods.filter((pod) => pod.nodeName === one.node.name);
    const trunkCount = one.enis.filter((eni) => eni.isTrunk).length;
    return [
      one.node.name,
      one.node.instanceType,
      `${one.enis.length}/${one.node.limits.eniCountMax}${trunkCount > 0 ? " (1 trunk)" : ""}`,
      String(prefixCount),
      String(addressCount),
      String(pods.filter((pod) => pod.outcome === "running").length),
      String(pods.filter((pod) => pod.outcome === "waiting").length),
    ];
  });
  const numeric = [false, false, false, true, true, true, true];
  return table(["node", "type", "ENIs", "/28s", "addresses", "running", "waiting"], rows, numeric);
}

function subnetLines(seen: Sightings): string[] {
  const rows = seen.subnets.map((subnet) => {
    const states = countStates(subnet.map);
    return [
      subnet.name,
      subnet.cidr,
      String(subnet.map.availableIpAddressCount),
      String(subnet.map.freePrefixCount),
      String(states.get("delegated") ?? 0),
      String((states.get("broken") ?? 0) + (states.get("full") ?? 0)),
      String(states.get("edge") ?? 0),
    ];
  });
  const numeric = [false, false, true, true, true, true, true];
  return table(["subnet", "block", "available addresses", "free /28s", "delegated", "broken", "edge"], rows, numeric);
}

function ec2Lines(seen: Sightings): string[] {
  const calls = seen.ec2.reduce((sum, one) => sum + one.count, 0);
  const failed = seen.ec2.reduce((sum, one) => sum + (one.code === null ? 0 : one.count), 0);
  const lines = [`EC2 answered ${calls} calls, ${failed} of them with an error${failed === 0 ? "." : ":"}`];
  for (const text of seen.errorTexts) {
    lines.push(`  ${text.count} x ${text.code}: ${text.message}`, `      on ${text.actions.join(", ")}`);
  }
  return lines;
}

/** One paragraph; undefined when every pod runs, and when the run was interrupted before any pod was refused for good. */
export function causeText(seen: Sightings, found: Findings): string | undefined {
  const { counts } = found;
  const withoutCount = counts.waiting + counts.pending;
  if (withoutCount + counts.unschedulable === 0) return undefined;
  if (seen.isInterrupted && withoutCount > 0 && !seen.pods.some(isRefusedForGood)) return undefined;
  const sentences: string[] = [];
  if (withoutCount === 0) {
    return `Cause: no node has room for ${counts.unschedulable} pods: max-pods or requests are used up. Add nodes.`;
  }
  if (found.carriedPodCount === undefined || found.shortPrefixCount === undefined) {
    return `Cause: ${withoutCount} pods have no address in secondary-IP mode: see the reasons above.`;
  }
  const asked = counts.running + withoutCount;
  const { settings } = seen;
  const spare = describeTargets(settings);
  const held = `the nodes hold ${found.heldPrefixCount} /28s, ${found.freePrefixCount} are free`;
  if (found.shortPrefixCount === 0) {
    sentences.push(
      `Cause: not the subnets, which have /28s enough (${found.freePrefixCount} free): see the reasons above.`,
    );
  } else if (found.carriedAsPlacedCount >= asked) {
    const idleCount = prefixesWanted({ ...settings, podCount: 0, maxPods: seen.nodes[0]?.node.maxPods ?? 110 });
    sentences.push(
      `Cause: the warm pool, not the number of pods. With ${spare} a node without any pod already takes ${idleCount} /28s and ` +
        `keeps spare addresses while others find none: ${held}, and the pods need ${found.neededPrefixCount}.`,
    );
  } else {
    const idle = Math.max(0, found.heldPrefixCount - found.neededPrefixCount);
    const stock = idle > 0 ? `, and ${idle} of those held are stock (${spare})` : "";
    sentences.push(
      `Cause: too few whole /28s in the subnets: ${held}, and the pods where they are need ${found.neededPrefixCount}${stock}.`,
    );
  }
  const empty = seen.subnets.filter((subnet) => subnet.map.freePrefixCount === 0).map((subnet) => subnet.name);
  if (found.shortPrefixCount > 0 && found.freePrefixCount > 0 && empty.length > 0) {
    sentences.push(`None is free in ${empty.join(", ")}, and an ENI takes its prefixes from its own subnet alone.`);
  }
  const broken = seen.subnets.reduce((sum, subnet) => sum + (countStates(subnet.map).get("broken") ?? 0), 0);
  if (found.freePrefixCount === 0 && found.availableIpAddressCount >= ADDRESSES_PER_PREFIX && broken > 0) {
    sentences.push(
      `${found.availableIpAddressCount} addresses still count as available, yet no /28 is whole: single addresses of nodes, ` +
        `trunk ENIs, load balancers and the like lie in ${broken} of them. A subnet CIDR reservation of type prefix keeps ` +
        `them out of a range.`,
    );
  }
  sentences.push(
    `${carriedText(found, asked)}; for what the present settings ask, ${found.shortPrefixCount} /28s are short.`,
  );
  const unpaused = seen.errorTexts.find((text) => text.message.startsWith("There aren't sufficient free Ipv4"));
  if (unpaused !== undefined) {
    sentences.push(
      `amazon-vpc-cni-k8s does not take "${unpaused.code}: ${unpaused.message}" for exhaustion: it does not pause, and each ` +
        `starved node asks again about every 5 s (${unpaused.count} times here).`,
    );
  }
  return sentences.join(" ");
}

/** What the subnets could carry with the least stock. */
export function carriedText(
  found: Pick<Findings, "carriedPodCount" | "carriedAsPlacedCount">,
  askedPodCount: number,
): string {
  const { carriedPodCount = 0, carriedAsPlacedCount } = found;
  const opening = "At WARM_PREFIX_TARGET=1 the subnets as they are would carry";
  if (carriedPodCount === 0) return `${opening} no pod either`;
  const placed =
    carriedAsPlacedCount >= askedPodCount
      ? `all ${askedPodCount} of these`
      : carriedAsPlacedCount === 0
        ? "none of these"
        : `${carriedAsPlacedCount} of these ${askedPodCount}`;
  return `${opening} up to ${carriedPodCount} pods, ${placed} where they are`;
}

function describeTargets(settings: Sightings["settings"]): string {
  const parts: string[] = [];
  if (settings.warmIpTarget > 0) parts.push(`WARM_IP_TARGET=${settings.warmIpTarget}`);
  if (settings.minimumIpTarget > 0) parts.push(`MINIMUM_IP_TARGET=${settings.minimumIpTarget}`);
  return parts.length > 0 ? parts.join(" and ") : `WARM_PREFIX_TARGET=${settings.warmPrefixTarget}`;
}
