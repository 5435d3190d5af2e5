// What the agents run with is not what is declared.

import type { EnvEntry, SettingsOrigin, SettingsSource } from "../../facts/model.ts";
import { sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";

/** Settings that bear on addresses, and how the agent reads each: two texts of one meaning are no drift. */
const NAMES = new Map<string, "count" | "switch">([
  ["ENABLE_PREFIX_DELEGATION", "switch"],
  ["AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", "switch"],
  ["ENABLE_SUBNET_DISCOVERY", "switch"],
  ["ENABLE_POD_ENI", "switch"],
  ["WARM_IP_TARGET", "count"],
  ["MINIMUM_IP_TARGET", "count"],
  ["WARM_PREFIX_TARGET", "count"],
  ["WARM_ENI_TARGET", "count"],
  ["MAX_ENI", "count"],
]);

interface Drift {
  readonly declared: SettingsSource;
  readonly declaredEntry: EnvEntry;
  readonly running: SettingsSource;
  readonly runningEntry: EnvEntry;
}

export const failureClass = defineClass({
  id: "configuration-drift",
  title: "The agents do not run with what is declared",
  needs: ["settings", "ec2Errors", "sightings"],
  lookAlikes: [],
  docs: {
    what: "A setting that bears on addresses has another value in the running agent than in the add-on, the chart, Terraform or the DaemonSet.",
    why: "A managed add-on resets edits of the DaemonSet (resolveConflicts OVERWRITE); the agent on Linux reads its environment alone, never the ConfigMap amazon-vpc-cni; a DaemonSet that did not roll keeps old values; a key at the wrong level of a chart does nothing.",
    next: 'Set the values in one place, for an add-on its configuration values {"env": {...}} with all values as strings; roll aws-node; replace nodes where the mode changed.',
    prevention: "Compare add-on, DaemonSet and what runs.",
    sources: ["METR/hawk#910", "terraform-aws-eks-blueprints#1493", "aws-network-policy-agent#231"],
  },
  look(facts, notes) {
    const running = facts.settings.filter((one) => one.layer === "running" && one.origin !== "configmap");
    // What a person wrote down is no declaration of the cluster's.
    const declared = facts.settings.filter(
      (one) => one.layer === "declared" && one.origin !== "configmap" && one.origin !== "facts",
    );
    // An instance type without prefixes turns the mode off by itself: no drift, but a class of its own.
    const fallen = new Set(sightingsOf(facts, "non-nitro-fallback").map((one) => one.node));
    const drifts = running
      .flatMap((run) => declared.flatMap((wish) => driftsOf(wish, run)))
      .filter((one) => !(one.declaredEntry.name === "ENABLE_PREFIX_DELEGATION" && fallen.has(one.running.node)));
    const apart =
      drifts.length > 0
        ? []
        : declared.flatMap((one, index) =>
            declared.slice(index + 1).flatMap((other) => (one.origin === other.origin ? [] : driftsOf(one, other))),
          );
    const found = drifts.length > 0 ? drifts : apart;
    const [first] = found;
    if (first === undefined) return;
    for (const one of found.slice(0, 3))
      notes.sign(quote(one.declared, one.declaredEntry), quote(one.running, one.runningEntry));
    notes.affects({ nodes: drifts.map((one) => one.running.node) });
    const runs = drifts.slice(0, 3).map((one) => quote(one.running, one.runningEntry));
    notes.proof(
      "what runs differs from what is declared",
      runs.length > 0 ? [quote(first.declared, first.declaredEntry), ...runs] : undefined,
      {
        what: "the values that the agents run with",
        command:
          "kubectl -n kube-system get daemonset aws-node -o yaml > aws-node.yaml; sudo grep -h 'IP pool manager' /var/log/aws-routed-eni/ipamd.log | tail -n 1   # on a node",
      },
    );
    // What EC2 refused has its own cause; that the settings differ as well does not make them it.
    if (facts.ec2Errors.length > 0) {
      notes.proof("the difference brings about what fails", undefined, {
        what: "the nodes' pools after the DaemonSet has rolled: does it fail as before?",
        command:
          "kubectl -n kube-system rollout restart daemonset aws-node && kubectl -n kube-system rollout status daemonset aws-node",
      });
    }
    const names = [...new Set(found.map((one) => one.declaredEntry.name))];
    const { declaredEntry: wish, runningEntry: run } = first;
    notes.summary(
      `${names.join(", ")}: ${first.declared.name} says ${wish.name}=${wish.value}, ${first.running.name}${first.running.node === undefined ? "" : ` on ${first.running.node}`} has ${run.value}.`,
    );
    notes.fix(
      isOf(first, "addon", "terraform", "eksctl")
        ? `aws eks update-addon --cluster-name CLUSTER --addon-name vpc-cni --resolve-conflicts PRESERVE --configuration-values '{"env":{"${wish.name}":"${wish.value}"}}'   # with all the other values; decide first which of the two is meant`
        : `kubectl -n kube-system set env daemonset aws-node ${wish.name}=${wish.value}   # decide first which of the two is meant`,
      "kubectl -n kube-system rollout restart daemonset aws-node && kubectl -n kube-system rollout status daemonset aws-node",
    );
  },
});

function driftsOf(declared: SettingsSource, running: SettingsSource): Drift[] {
  return [...NAMES].flatMap(([name, kind]) => {
    const [declaredEntry, runningEntry] = [entryOf(declared, name), entryOf(running, name)];
    if (declaredEntry === undefined || runningEntry === undefined) return [];
    return meaning(declaredEntry.value, kind) === meaning(runningEntry.value, kind)
      ? []
      : [{ declared, declaredEntry, running, runningEntry }];
  });
}

function entryOf(source: SettingsSource, name: string): EnvEntry | undefined {
  return source.env.findLast((one) => one.name === name);
}

function meaning(value: string, kind: "count" | "switch"): string {
  if (kind === "switch") return /^(?:1|t|true)$/i.test(value) ? "true" : "false";
  const count = /^\+?\d+$/.test(value) ? Number(value) : 0;
  return `${count}`;
}

function isOf(drift: Drift, ...origins: readonly SettingsOrigin[]): boolean {
  return origins.includes(drift.declared.origin);
}

function quote(source: SettingsSource, entry: EnvEntry) {
  return {
    source: entry.at,
    text: `${source.name}${source.node === undefined ? "" : ` on ${source.node}`}: ${entry.name}=${entry.value}`,
  };
}
