// What tests do to a node that runs: things happen behind its back in EC2, metadata lags or lies, outcomes are replaced.

import type { Ec2Intention, Effect, ImdsEni, Outcome } from "../types.ts";
import type { TestEni, TestNode } from "./test-node.ts";

export const PREFIX_MODE = { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" } as const;
/** Three ENIs with three slots each. */
export const T3_SMALL = { enis: 3, ipv4PerEni: 4 } as const;
export const M5_LARGE = { enis: 3, ipv4PerEni: 10 } as const;

export const NO_BLOCKS = "InsufficientCidrBlocks";
export const NO_ADDRESSES = "InsufficientFreeAddressesInSubnet";
export const SUFFICIENCY_TEXT = "There aren't sufficient free Ipv4 addresses or prefixes";

/** Attaches an ENI that the node did not ask for. Its primary address and prefixes have to be chosen by the caller. */
export function attachOutside(
  node: TestNode,
  eni: Partial<TestEni> & { readonly eniId: string; readonly primaryAddress: number },
): TestEni {
  const whole: TestEni = {
    subnetId: [...node.subnets.keys()][0] ?? "",
    addresses: [],
    prefixes: [],
    interfaceType: "interface",
    description: "",
    attachmentId: `eni-attach-of-${eni.eniId}`,
    deviceNumber: node.enis.size,
    deleteOnTermination: true,
    tags: [],
    securityGroupIds: ["sg-1"],
    visibleFromMs: Number.NEGATIVE_INFINITY,
    ...eni,
  };
  node.enis.set(whole.eniId, whole);
  return whole;
}

/** From now on metadata shows what `change` makes of the truth. */
export function showInMetadata(node: TestNode, change: (enis: ImdsEni[]) => ImdsEni[]): void {
  const truth = Object.getPrototypeOf(node).metadata as () => ImdsEni[];
  node.metadata = () => change(truth.call(node));
}

type EffectWithId = Extract<Effect, { readonly id: number }>;

/** Replaces the outcomes of effects; `undefined` leaves one as it is. */
export function replaceOutcomes(node: TestNode, change: (effect: EffectWithId) => Outcome | undefined): void {
  const pass = node.input.bind(node);
  node.input = (input) => {
    if (input.kind !== "completed") return pass(input);
    const effect = node.effects.find((one) => "id" in one && one.id === input.id) as EffectWithId | undefined;
    const outcome = effect === undefined ? undefined : change(effect);
    return pass(outcome === undefined ? input : { ...input, outcome });
  };
}

/** The intentions of one action so far, in order. */
export function intentions<A extends Ec2Intention["action"]>(
  node: TestNode,
  action: A,
): Extract<Ec2Intention, { readonly action: A }>[] {
  return node.calls
    .map((call) => call.intention)
    .filter((one): one is Extract<Ec2Intention, { readonly action: A }> => one.action === action);
}

/** How often a quirk broke an invariant so far. */
export function quirkCount(node: TestNode, id: string): number {
  return node.engine.view(node.nowMs).quirks.get(id) ?? 0;
}

/** A counter of the engine; 0 when it never counted. */
export function counter(node: TestNode, metric: string, label = ""): number {
  return node.engine.view(node.nowMs).counters.get(metric)?.get(label) ?? 0;
}

/** The prefixes and single addresses that the pool holds on an ENI. */
export function held(node: TestNode, eniId: string): { readonly prefixes: number[]; readonly addresses: number[] } {
  const cidrs = node.engine.view(node.nowMs).enis.find((eni) => eni.eniId === eniId)?.cidrs ?? [];
  return {
    prefixes: cidrs.filter((cidr) => cidr.isPrefix).map((cidr) => cidr.base),
    addresses: cidrs.filter((cidr) => !cidr.isPrefix).map((cidr) => cidr.base),
  };
}

/** The moments at which a log line that holds `part` was written. */
export function loggedAtMs(node: TestNode, part: string): number[] {
  return node.logs.filter((line) => line.text.includes(part)).map((line) => line.atMs);
}

/** Runs what is due at this very moment and no further. */
export function settle(node: TestNode): TestNode {
  return node.run(0);
}
