// The evidence as a case: settings, VPC and nodes from the facts; pods from the logs' ADDs and DELs, or as they stand.

import type { Ms } from "../base/units.ts";
import {
  type Cluster,
  isTrue,
  type KubectlPods,
  type PodLife,
  parseCluster,
  type TracePod,
  tracePodsOf,
} from "../cluster/index.ts";
import type { DoctorFinding } from "../diagnose/doctor/judge.ts";
import type { Facts, PodFact, SettingsSource } from "../diagnose/facts/model.ts";
import { EffectiveSettings, effectiveSettings } from "../diagnose/facts/settings.ts";
import type { ControlOperation } from "../emulator/model/index.ts";
import { CHART_DEFAULTS } from "../ipam/settings.ts";
import { joinLives } from "../trace/join-histories.ts";
import type { NodeHistory } from "../trace/log-history.ts";
import { isPrimary, worldOfFacts } from "./facts-world.ts";
import { PROVE_SEED, type ProveCase } from "./prove-case.ts";

/** A longer history is not replayed: the pods as they stand tell as much of what is wrong now. */
const REPLAY_MS_MAX = 86_400_000;
/** What comes after the last pod: growth, retries and back-off have shown what they come to. */
const AFTER_MS = 600_000;
/** A large fleet that grows at once waits for EC2's rates: three ENIs a node at some 5 calls a second. */
const AFTER_MS_PER_NODE = 1_000;
const LEAD_MS_MAX = 300_000;
const DENIED = /UnauthorizedOperation|AccessDenied/;
const ALWAYS = 1_000_000_000;

/** A text: why the case cannot be made of these facts. */
export function caseOfFacts(
  facts: Facts,
  histories: readonly NodeHistory[],
  finding: DoctorFinding,
): ProveCase | string {
  const assumptions: string[] = [];
  const policy = histories.find((history) => history.policy !== undefined)?.policy ?? "vpc-cni";
  const cluster = clusterOf(facts, { finding, policy, assumptions });
  const replayed = replay(facts, histories);
  const found = worldOfFacts(facts, cluster.cni, replayed !== undefined);
  if (typeof found === "string") return found;
  const pods = replayed ?? standing(facts);
  if (pods.length === 0)
    return "no pod that needs an address is known: kubectl get pods -A -o json, or the nodes' ipamd.log";
  if (replayed !== undefined) {
    assumptions.push(
      "pods come and go as the nodes' logs tell, on nodes that are as they were before their agents attached or assigned anything",
    );
  } else {
    const enis = facts.enis.filter((eni) => eni.instanceId !== undefined && !isPrimary(eni)).length;
    assumptions.push(
      `the pods as they stand come at once, those that run first, on nodes with the ${enis} secondary ENIs and the prefixes that they hold`,
    );
  }
  assumptions.push(
    "what other tenants hold stays; the order of calls, EC2's latencies and its rate limits are the emulator's",
  );
  const lastMs = pods.reduce((last, pod) => Math.max(last, pod.atMs + (pod.lifetimeMs ?? 0)), 0);
  return {
    cluster: {
      ...cluster,
      run: { ...cluster.run, durationMs: lastMs + AFTER_MS + found.nodes.length * AFTER_MS_PER_NODE },
    },
    ...found,
    pods,
    manifests: [],
    podCount: pods.length,
    faults: faultsOf(facts, finding, assumptions).map((operation) => ({ atMs: 0, operation, place: "the evidence" })),
    seed: PROVE_SEED,
    mode: replayed === undefined ? "state" : "replay",
    assumptions,
  };
}

/** A cluster file's defaults, with the settings of the evidence. */
function clusterOf(
  facts: Facts,
  given: { readonly finding: DoctorFinding; readonly policy: string; readonly assumptions: string[] },
): Cluster {
  const { finding, assumptions } = given;
  const parsed = parseCluster(
    "apiVersion: slash28/v1\nkind: Cluster\nvpc: { ec2Dump: evidence }\ncni: { policy: vpc-cni }\n",
    "the evidence",
  );
  if (parsed.kind !== "ok") throw new Error("the empty cluster file is refused");
  const settings = asDeclared(effectiveSettings(facts, finding.nodes[0]));
  if (!settings.isKnown) assumptions.push("the settings are not known: the chart's defaults");
  const names = new Set(settings.sources.flatMap((source) => source.env.map((entry) => entry.name)));
  const env = new Map<string, string>();
  for (const name of [...names, ...Object.keys(CHART_DEFAULTS)]) {
    const { value } = settings.setting(name);
    if (value !== undefined) env.set(name, value);
  }
  const policy = env.get("SLASH28_POLICY") ?? given.policy;
  const eniConfigs = facts.eniConfigs.flatMap(({ name, subnetId, securityGroupIds }) =>
    subnetId === undefined ? [] : [{ name, subnet: subnetId.value, securityGroups: securityGroupIds }],
  );
  if (isTrue(env.get("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG")) && eniConfigs.length === 0)
    assumptions.push("no ENIConfig is known");
  // A trunk that is nowhere attached does not come by itself.
  const resourceController = facts.enis.some((eni) => eni.interfaceType === "trunk");
  return { ...parsed.cluster, cni: { ...parsed.cluster.cni, policy, env, eniConfigs, resourceController } };
}

/** What the agent says of its settings is what it made of them: the engine makes that of them again. */
function asDeclared({ sources }: EffectiveSettings): EffectiveSettings {
  const isTold = (source: SettingsSource): boolean => source.origin === "log" || source.origin === "introspection";
  return new EffectiveSettings([...sources.filter((one) => !isTold(one)), ...sources.filter(isTold)]);
}

/** The pods of the logs; undefined where they do not tell the whole history of the nodes. */
function replay(facts: Facts, histories: readonly NodeHistory[]): readonly TracePod[] | undefined {
  const told = histories.filter((history) => history.counts.addCount > 0);
  const isWhole = told.every(({ lives, clock }) => clock.gapCount === 0 && lives.every((life) => !life.isFromBefore));
  if (told.length === 0 || !isWhole) return undefined;
  const ids = new Map(
    facts.nodes.flatMap((node) =>
      node.instanceId === undefined ? [] : [[node.instanceId, node.name ?? node.key] as const],
    ),
  );
  const { lives } = joinLives(told, [podsOfFacts(facts)], ({ node = "" }) => ids.get(node) ?? node);
  const { pods, startWallMs } = tracePodsOf(lives.filter((life) => !life.isHostNetwork));
  const lastMs = pods.reduce((last, pod) => Math.max(last, pod.atMs + (pod.lifetimeMs ?? 0)), 0);
  if (lastMs > REPLAY_MS_MAX) return undefined;
  // Agents had been there for a while when the first pod came.
  const beginMs = Math.max(...histories.map((history) => history.clock.firstMs ?? 0));
  const leadMs = Math.min(LEAD_MS_MAX, Math.max(0, (startWallMs ?? beginMs) - beginMs));
  return pods.map((pod) => ({ ...pod, atMs: pod.atMs + leadMs }));
}

/** Pods that no log names: no node took them, or their node's agent never answered. */
function podsOfFacts(facts: Facts): KubectlPods {
  const lives = facts.pods.flatMap((pod): PodLife[] =>
    pod.createdMs === undefined || !isWanted(pod)
      ? []
      : [{ ...lifeOf(pod), askedMs: pod.createdMs, isFromBefore: false, servedMs: undefined, endedMs: undefined }],
  );
  return { lives, nodeNames: new Map(), objectCount: lives.length, errors: [], problems: [], problemCount: 0 };
}

/** Those that run first: they hold their addresses already. */
function standing(facts: Facts): readonly TracePod[] {
  const wanted = facts.pods.filter(isWanted);
  const at = (pod: PodFact): Ms => (pod.address === undefined ? 1_000 : 0);
  return wanted
    .map((pod): TracePod => ({ ...lifeOf(pod), atMs: at(pod), lifetimeMs: undefined }))
    .sort((a, b) => a.atMs - b.atMs);
}

function lifeOf(pod: PodFact) {
  const { namespace, name, node } = pod;
  return { namespace, name, nodeName: node, cpuMillis: 0, memoryBytes: 0, isHostNetwork: false };
}

function isWanted(pod: PodFact): boolean {
  return !pod.isHostNetwork && !pod.wantsBranchEni && pod.phase !== "Succeeded" && pod.phase !== "Failed";
}

/** What the finding says goes wrong outside of VPC and settings. */
function faultsOf(facts: Facts, finding: DoctorFinding, assumptions: string[]): ControlOperation[] {
  if (finding.class === "imds-unreachable") {
    assumptions.push("instance metadata answers every read with an error, until the fix");
    return [{ op: "setKnob", name: "imdsErrorShare", value: 1 }];
  }
  const denied = new Map<string, string>();
  for (const { api, code } of facts.ec2Errors) if (api !== undefined && DENIED.test(code)) denied.set(api, code);
  if (denied.size === 0) return [];
  assumptions.push(`EC2 denies ${[...denied.keys()].join(", ")} to every node, from the agents' start until the fix`);
  return [...denied].map(([action, code]) => ({ op: "fail", action, code, httpStatus: 403, times: ALWAYS }));
}
