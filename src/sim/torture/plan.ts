// One run of the torture, drawn from its seed: a small VPC with two to four nodes that share a subnet, settings, pods, faults.

import { type Cidr, parseCidr } from "../../base/ipv4.ts";
import { Prng } from "../../base/prng.ts";
import { type Ms, SECOND_MS } from "../../base/units.ts";
import { type Knobs, parseKnobs } from "../../catalog/emulator-knobs.ts";
import type { WorldDescription } from "../../emulator/model/index.ts";
import { POLICY_POINTS } from "../../ipam/settings.ts";
import type { PolicyId } from "../../ipam/types.ts";
import { drawRates, type FaultRates } from "./faults.ts";

export interface TorturePlan {
  readonly seed: number;
  readonly policy: PolicyId;
  readonly world: WorldDescription;
  readonly knobs: Knobs;
  readonly env: Readonly<Record<string, string>>;
  readonly nodes: readonly PlannedNode[];
  readonly pods: PodHabits;
  readonly rates: FaultRates;
  /** Faults stop at the first of the two. */
  readonly stepCountMax: number;
  readonly faultsMs: Ms;
}

export interface PlannedNode {
  readonly instanceId: string;
  readonly instanceType: string;
  readonly maxPods: number;
  /** Pods that come and go on it; never more than max pods, as the scheduler has it. */
  readonly podCount: number;
}

export interface PodHabits {
  readonly lifetimeMeanMs: Ms;
  /** Between the end of one pod and the next in its place. */
  readonly gapMeanMs: Ms;
  /** From a refused ADD to the next one. */
  readonly retryMeanMs: Ms;
  /** How long the runtime waits for an ADD. */
  readonly deadlineMs: Ms;
}

export const START_WALL_MS = 1_767_225_600_000;
const ZONE = "us-west-2a";
/** ENIs x slots: 3 x 3, 3 x 5, 3 x 9, 2 x 1. */
const INSTANCE_TYPES: readonly string[] = ["t3.small", "t3.small", "t3.medium", "m5.large", "t3.micro"];
const SUBNETS: readonly string[] = ["10.0.0.0/24", "10.0.0.0/25", "10.0.0.0/26", "10.0.0.0/23"];

export function drawPlan(seed: number, policy: PolicyId): TorturePlan {
  const root = new Prng(seed);
  const prng = root.split("plan");
  const pick = <T>(items: readonly T[]): T => items[prng.below(items.length)] as T;
  const range = (low: Ms, high: Ms) => low * (high / low) ** prng.fraction();
  const nodeCount = 2 + prng.below(3);
  const sharedCidr = cidrOf(pick(SUBNETS));
  const hasSecond = prng.fraction() < 0.3;
  const nodes: PlannedNode[] = [];
  for (let i = 0; i < nodeCount; i++) {
    const maxPods = pick([4, 11, 20, 30, 110]);
    const podCount = Math.min(maxPods, 1 + prng.below(pick([4, 12, 25, 40])));
    nodes.push({ instanceId: `i-${i + 1}`, instanceType: pick(INSTANCE_TYPES), maxPods, podCount });
  }
  const roleTag = [{ key: "kubernetes.io/role/cni", value: "1" }];
  return {
    seed,
    policy,
    world: {
      region: "us-west-2",
      startWallMs: START_WALL_MS,
      vpcs: [{ id: "vpc-1", cidrs: [cidrOf("10.0.0.0/16")] }],
      subnets: [
        { id: "subnet-1", az: ZONE, cidr: sharedCidr, otherAddresses: pick([0, 0, 5, 20]) },
        ...(hasSecond ? [{ id: "subnet-2", az: ZONE, cidr: cidrOf("10.0.8.0/25"), tags: roleTag }] : []),
      ],
      securityGroups: [{ id: "sg-1", vpcId: "vpc-1", name: "nodes" }],
      instances: nodes.map(({ instanceId, instanceType }) => ({
        id: instanceId,
        type: instanceType,
        subnetId: "subnet-1",
        securityGroupIds: ["sg-1"],
      })),
    },
    knobs: drawKnobs(prng),
    env: drawEnv(prng),
    nodes,
    pods: {
      lifetimeMeanMs: range(2 * SECOND_MS, 300 * SECOND_MS),
      gapMeanMs: range(0.1 * SECOND_MS, 60 * SECOND_MS),
      retryMeanMs: range(1 * SECOND_MS, 12 * SECOND_MS),
      deadlineMs: pick([30 * SECOND_MS, 30 * SECOND_MS, 5 * SECOND_MS, 90 * SECOND_MS]),
    },
    rates: drawRates(prng.split("faults")),
    stepCountMax: pick([500, 2_000, 6_000]),
    faultsMs: range(60 * SECOND_MS, 1_800 * SECOND_MS),
  };
}

/** EC2 as odd as it may be. What is uncertain about the real one is drawn, too. */
function drawKnobs(prng: Prng): Knobs {
  const pick = <T>(items: readonly T[]): T => items[prng.below(items.length)] as T;
  const { knobs, errors } = parseKnobs({
    throttling: pick(["off", "off", "aws-default"]),
    ...(prng.fraction() < 0.3
      ? { throttlingActions: { AssignPrivateIpAddresses: "3/0.5", CreateNetworkInterface: "2/0.2" } }
      : {}),
    latency: pick(["none", "typical", "typical"]),
    latencyScale: pick([1, 1, 3]),
    asyncStates: prng.fraction() < 0.8,
    imdsLag: pick(["0ms", "200ms-2s", "200ms-2s", "1s-18s"]),
    imdsFieldLag: pick(["0ms", "0ms-2s"]),
    imdsStaleMac: pick(["0ms", "10s"]),
    describeStaleness: pick(["0ms", "0ms", "100ms-3s"]),
    describeStalenessProbability: pick([0.1, 0.5]),
    mutationsSeeStaleIds: prng.fraction() < 0.3,
    prefixPlacement: pick(["lowest", "random", "best-fit"]),
    addressPlacement: pick(["uniform", "pack"]),
    quarantine: pick(["0ms", "0ms", "30s"]),
    createExhaustion: pick(["by-action", "by-cause"]),
  });
  if (errors.length > 0) throw new Error(errors.map((error) => error.message).join("\n"));
  return knobs;
}

function drawEnv(prng: Prng): Record<string, string> {
  const pick = <T>(items: readonly T[]): T => items[prng.below(items.length)] as T;
  const env: Record<string, string> = { ENABLE_IPv4: "true", CLUSTER_NAME: "torture" };
  if (prng.fraction() < 0.8) env["ENABLE_PREFIX_DELEGATION"] = "true";
  const style = prng.below(4);
  if (style < 2) env["WARM_PREFIX_TARGET"] = pick(["1", "1", "2", "0"]);
  if (style === 1 || style === 2) env["WARM_IP_TARGET"] = pick(["1", "3", "8", "17"]);
  if (style === 2) env["MINIMUM_IP_TARGET"] = pick(["1", "5", "20", "40"]);
  if (style === 3) env["WARM_ENI_TARGET"] = pick(["0", "1", "2"]);
  env["IP_COOLDOWN_PERIOD"] = pick(["30", "30", "5", "0"]);
  if (prng.fraction() < 0.2) env["MAX_ENI"] = pick(["1", "2"]);
  if (prng.fraction() < 0.5) env["ENABLE_SUBNET_DISCOVERY"] = "false";
  // Of policy slash28; the reference's knows none of them.
  if (prng.fraction() < 0.3) env["SLASH28_POLICY_OFF"] = pick(POLICY_POINTS);
  if (prng.fraction() < 0.3) env["SLASH28_WARM_FLOOR"] = "learned";
  return env;
}

function cidrOf(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error(`${text} is no block`);
  return cidr;
}
