// A pod's links, addresses, routes and rules (datapath.md 5-7): made all or nothing, removed, compared.

import { formatIpv4 } from "../base/ipv4.ts";
import { EEXIST, EINVAL, ENODEV, ENOENT } from "../netlink/errno.ts";
import { type Kernel, KernelError, type Namespace } from "../netlink/kernel.ts";
import type { Link, Route, RouteSpec, Rule } from "../netlink/types.ts";
import { findTrunk, wireBranch } from "./branch.ts";
import { differences, isTo, podDefaultRoute, podGatewayRoute } from "./check.ts";
import { type Ownership, ownershipOf } from "./identity.ts";
import { quietIpv6 } from "./links.ts";
import {
  hostRoute,
  POD_GATEWAY,
  type PodPlan,
  PROTOCOL_BOOT,
  planOf,
  SCOPE_LINK,
  staleRules,
  TYPE_UNICAST,
} from "./plan.ts";
import { mistakeRefusal, namespaceGoneRefusal, ownNamespaceRefusal, type WireRefusal } from "./refusals.ts";
import { hasRule, isDeletable, isRule, isTakenFor, ruleText, specOf, tableText } from "./rules.ts";
import { Refusal, remove, ruleAddition, type Step, Transaction } from "./transaction.ts";
import type { PodWiring, WireOutcome } from "./types.ts";

/**
 * Makes the pod's wiring. After a failure everything made is taken back, and what could not be is listed. Never throws for what the
 * kernel or the request can be: only for bugs.
 */
export function wirePod(kernel: Kernel, pod: PodWiring): WireOutcome {
  const mistake = mistakeRefusal(pod);
  if (mistake !== undefined) return failed(mistake);
  let namespace: Namespace;
  try {
    namespace = kernel.openNamespace(pod.netnsPath);
  } catch (error) {
    return failed(openRefusal(error));
  }
  try {
    if (namespace.isHost) return failed(ownNamespaceRefusal(pod));
    return wireInside(kernel, namespace, planOf(pod));
  } finally {
    namespace.close();
  }
}

function wireInside(kernel: Kernel, namespace: Namespace, plan: PodPlan): WireOutcome {
  const transaction = new Transaction();
  try {
    const trunk = plan.pod.branch === undefined ? undefined : findTrunk(kernel, plan.pod.branch);
    if (makePair(kernel, namespace, plan, transaction) === "stands") {
      const hostMac = kernel.host.link(plan.hostInterface)?.mac ?? plan.hostMac;
      return { kind: "wired", hostInterface: plan.hostInterface, hostMac, isRepeat: true };
    }
    const link = kernel.host.link(plan.hostInterface);
    if (link === undefined)
      throw new Refusal(
        goneRefusal(`the link ${plan.hostInterface} vanished while it was set up, and its pod's namespace with it`),
      );
    // The peer's index comes with the host's end: no look-up inside the pod.
    transaction.apply(namespace.netlink, podSteps(plan, link.parentIndex));
    quietIpv6(kernel, plan.hostInterface);
    const rules = kernel.host.rules(plan.pod.branch === undefined ? plan.pod.address : undefined);
    if (trunk !== undefined) wireBranch(kernel, plan, trunk, transaction);
    const route = hostRoute(plan.pod.address, link.index, plan.routeTable);
    const [, routed] = transaction.apply(kernel.host, [
      {
        what: `link ${plan.hostInterface} up`,
        change: { change: "setLink", link: link.index, isUp: true, alias: plan.alias },
      },
      { what: routeWhat(plan), change: { change: "addRoute", route }, already: [EEXIST] },
      ...ruleSteps(plan, rules),
    ]);
    if (routed?.errno === EEXIST) replaceStaleRoute(kernel, plan, route, transaction);
    removeStaleRules(kernel, plan, rules, transaction);
    // Until the kernel has followed up the carrier, a link that is up drops what is sent; who asks about it waits for that (Linux 6.8).
    namespace.netlink.link(plan.pod.ifName);
    kernel.host.link(plan.hostInterface);
    return { kind: "wired", hostInterface: plan.hostInterface, hostMac: plan.hostMac, isRepeat: false };
  } catch (error) {
    const refusal = refusalOf(kernel, plan.pod, error);
    return failed(refusal, transaction.rollBack());
  }
}

/** The veth pair, and everything that stood in its place of the same pod's is gone. `stands`: it is wired already, and rightly. */
function makePair(kernel: Kernel, namespace: Namespace, plan: PodPlan, transaction: Transaction): "made" | "stands" {
  if (addPair(kernel, namespace, plan, transaction)) return "made";
  const { ifName } = plan.pod;
  const outside = kernel.host.link(plan.hostInterface);
  const inside = namespace.netlink.link(ifName);
  if (inside !== undefined && !(outside !== undefined && isPair(outside, inside)))
    throw new Refusal({
      problem: "interface-exists",
      message: `the pod has an interface ${ifName} already that is not ours`,
      next: `Have only one plugin make ${ifName}, or DEL the attachment that made it.`,
    });
  if (outside !== undefined) {
    refuseForeign(outside, plan);
    if (
      ownershipOf(outside.alias, plan.pod) === "same-attachment" &&
      differences(kernel, namespace.netlink, plan).length === 0
    )
      return "stands";
    const left = remove(kernel.host, [
      { what: `old link ${outside.name}`, change: { change: "deleteLink", link: outside.index } },
    ]);
    if (left[0] !== undefined)
      throw new Refusal({
        problem: "kernel-refused",
        message: `the kernel refused to delete the ${left[0]}`,
        next: `Delete it by hand: ip link delete ${outside.name}`,
      });
  }
  if (addPair(kernel, namespace, plan, transaction)) return "made";
  throw new Refusal({
    problem: "kernel-refused",
    message: `somebody else makes links named ${plan.hostInterface} or ${ifName} at the same time`,
    next: "Only one agent may wire a node's pods: stop the other one.",
    errno: EEXIST,
  });
}

/** False when one of the two names is taken. */
function addPair(kernel: Kernel, namespace: Namespace, plan: PodPlan, transaction: Transaction): boolean {
  const { hostInterface: name, hostMac: mac } = plan;
  const { mtu, ifName } = plan.pod;
  const step: Step = {
    what: `link ${name}`,
    change: { change: "addVeth", name, mac, mtu, peer: { name: ifName, namespaceFd: namespace.fd } },
    already: [EEXIST],
  };
  const undo: Step = { ...step, undo: { change: "deleteLink", link: name } };
  try {
    const [result] = transaction.apply(kernel.host, [step]);
    if (result?.errno !== 0) return false;
    transaction.owe(kernel.host, undo);
    return true;
  } catch (error) {
    // The answer is lost, so the link may have been made.
    if (error instanceof KernelError) transaction.owe(kernel.host, { ...step, ...undoOfUnknown(kernel, plan) });
    throw error;
  }
}

/** One with our MAC that nobody has finished is the link just made. */
function undoOfUnknown(kernel: Kernel, plan: PodPlan): Pick<Step, "undo"> {
  const { hostInterface, hostMac } = plan;
  try {
    const link = kernel.host.link(hostInterface);
    const isMade = link !== undefined && link.mac === hostMac && link.alias === "";
    return isMade ? { undo: { change: "deleteLink", link: link.index } } : {};
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return { undo: { stuck: "it may have been made; the kernel does not answer" } };
  }
}

function isPair(outside: Link, inside: Link): boolean {
  const areVeths = outside.kind === "veth" && inside.kind === "veth";
  return areVeths && outside.parentIndex === inside.index && inside.parentIndex === outside.index;
}

/** Only a link of this pod's is ever deleted to make room. One without alias is the reference's: the caller knows no other pod of the name. */
function refuseForeign(link: Link, plan: PodPlan): void {
  const { pod } = plan;
  const ownership = ownershipOf(link.alias, pod);
  const mayGo = link.kind === "veth" && ["same-attachment", "same-pod", "no-alias"].includes(ownership);
  if (mayGo) return;
  throw new Refusal({
    problem: "name-taken",
    message: `the link ${link.name} of ${pod.namespace}/${pod.podName} stands already: kind "${link.kind}", alias "${link.alias}"`,
    next: roomAdvice(ownership, link.name),
  });
}

function roomAdvice(ownership: Ownership, name: string): string {
  if (ownership === "other-pod") return "Two pods' names have the same hash: give one of the two another name.";
  if (ownership === "same-sandbox") return "A pod has one interface of this network: remove the second attachment.";
  return `Rename or delete the link ${name}, which is not ours to touch.`;
}

function podSteps(plan: PodPlan, linkIndex: number): Step[] {
  const { address, ifName } = plan.pod;
  return [
    { what: `link ${ifName} up in the pod`, change: { change: "setLink", link: linkIndex, isUp: true } },
    {
      what: `route to ${formatIpv4(POD_GATEWAY)} in the pod`,
      change: { change: "addRoute", route: podGatewayRoute(linkIndex) },
    },
    { what: "default route in the pod", change: { change: "addRoute", route: podDefaultRoute(linkIndex) } },
    {
      what: `address ${formatIpv4(address)} of ${ifName}`,
      change: { change: "addAddress", linkIndex, address, prefixLength: 32, hasBroadcast: false },
    },
    {
      what: `neighbour ${formatIpv4(POD_GATEWAY)} in the pod`,
      change: { change: "setNeighbour", linkIndex, address: POD_GATEWAY, mac: plan.hostMac },
    },
  ];
}

function routeWhat(plan: PodPlan): string {
  return `route to ${formatIpv4(plan.pod.address)} in table ${tableText(plan.routeTable)}`;
}

/** Those that do not stand yet. */
function ruleSteps(plan: PodPlan, rules: readonly Rule[]): Step[] {
  return plan.rules
    .filter((rule) => !hasRule(rules, rule))
    .map((rule) => ({
      ...ruleAddition(rules, rule),
      undo: isDeletable([...rules, { ...rule, isPlain: true }], rule)
        ? { change: "deleteRule", rule }
        : { stuck: "a rule with more conditions stands before it, which the kernel would delete in its place" },
    }));
}

/** The address had another link before, whose DEL never came. A route that is none of ours is left alone, and the ADD refused. */
function replaceStaleRoute(kernel: Kernel, plan: PodPlan, route: RouteSpec, transaction: Transaction): void {
  const standing = kernel.host
    .routes(route.table)
    .find((other) => isTo(other, route) && other.metric === 0 && other.linkIndex !== route.linkIndex);
  if (standing === undefined || !isPodRoute(standing))
    throw new Refusal({
      problem: "kernel-refused",
      message: `a ${routeWhat(plan)} stands already that no pod's wiring made`,
      next: `See what made it, and delete it: ip route show ${formatIpv4(plan.pod.address)}`,
      errno: EEXIST,
    });
  const old: RouteSpec = { ...route, linkIndex: standing.linkIndex };
  transaction.apply(kernel.host, [
    { what: routeWhat(plan), change: { change: "replaceRoute", route }, undo: { change: "replaceRoute", route: old } },
  ]);
}

/** `A dev LINK scope link`, as a pod's wiring makes it. */
export function isPodRoute(route: Route): boolean {
  return (
    route.destination.prefixLength === 32 &&
    route.type === TYPE_UNICAST &&
    route.scope === SCOPE_LINK &&
    route.protocol === PROTOCOL_BOOT &&
    route.metric === 0 &&
    route.gateway === undefined &&
    route.preferredSource === undefined
  );
}

function removeStaleRules(kernel: Kernel, plan: PodPlan, before: readonly Rule[], transaction: Transaction): void {
  const stale = staleRules(before, plan);
  const stuck = stale.find((rule) => !isDeletable(before, specOf(rule)));
  if (stuck !== undefined)
    throw new Refusal({
      problem: "kernel-refused",
      message: `the old rule "${ruleText(stuck)}" would send the pod's packets the wrong way, and cannot be deleted alone`,
      next: "A rule of the same priority with more conditions stands before it: delete both by hand (ip rule del).",
    });
  transaction.apply(
    kernel.host,
    stale.map((rule) => ({
      what: `old rule "${ruleText(rule)}"`,
      change: { change: "deleteRule", rule: specOf(rule) },
      already: [ENOENT],
      // Only beside a stranger's narrower rule: where the answer was lost, it may still stand itself.
      undo: {
        change: "addRule",
        rule: specOf(rule),
        isAddedTwice: before.some((other) => isTakenFor(other, specOf(rule)) && !isRule(other, specOf(rule))),
      },
    })),
  );
}

function failed(failure: WireRefusal, leftovers: readonly string[] = []): WireOutcome {
  const { problem, message, next } = failure;
  return { kind: "failed", problem, message, next, leftovers };
}

/** Whether the pod went away meanwhile is asked only after a failure that could mean it. */
function refusalOf(kernel: Kernel, pod: PodWiring, error: unknown): WireRefusal {
  if (!(error instanceof Refusal || error instanceof KernelError)) throw error;
  const isAmbiguous = [0, ENOENT, ENODEV, EINVAL].includes(error.errno);
  const mayBeGone = error instanceof KernelError || (error.problem === "kernel-refused" && isAmbiguous);
  if (mayBeGone && isNamespaceGone(kernel, pod))
    return goneRefusal(`no network namespace at ${pod.netnsPath} any more: ${error.message}`);
  if (error instanceof Refusal) return error;
  return {
    problem: "kernel-refused",
    message: `the kernel could not be asked: ${error.message}`,
    next: "The agent needs CAP_NET_ADMIN and CAP_SYS_ADMIN; see its log. The ADD is tried again.",
  };
}

function isNamespaceGone(kernel: Kernel, pod: PodWiring): boolean {
  try {
    kernel.openNamespace(pod.netnsPath).close();
    return false;
  } catch (error) {
    if (error instanceof KernelError) return isNoNamespace(error);
    throw error;
  }
}

/** Not a lack of rights, of memory, or of descriptors (EPERM, ENOMEM, EACCES, ENFILE, EMFILE, ENOBUFS). */
function isNoNamespace(error: KernelError): boolean {
  return ![1, 12, 13, 23, 24, 105].includes(error.errno);
}

function openRefusal(error: unknown): WireRefusal {
  if (!(error instanceof KernelError)) throw error;
  if (isNoNamespace(error)) return goneRefusal(error.message);
  return {
    problem: "kernel-refused",
    message: error.message,
    next: "The agent needs CAP_SYS_ADMIN and the runtime's folder of namespaces; the ADD is tried again.",
  };
}

function goneRefusal(message: string): WireRefusal & { readonly errno: number } {
  return { ...namespaceGoneRefusal(message), errno: ENOENT };
}
