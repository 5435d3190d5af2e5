// Bursts of pods outrun the pool, and all of them get an address a little later.

import type { Starvation } from "../../facts/model.ts";
import { type EffectiveSettings, effectiveSettings } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { isSettingKnown } from "../node-capacity.ts";
import { refusedText, runLengthMs, starvingNodes } from "../starving.ts";

const SHORT_MS = 90_000;

export const failureClass = defineClass({
  id: "warm-ip-target-too-thin",
  title: "The warm pool is thinner than the bursts",
  needs: ["settings", "logs"],
  lookAlikes: ["cooldown-churn-exhaustion", "startup-race-pool-not-filled", "ec2-api-throttled"],
  docs: {
    what: "Runs of refusals of seconds to a minute during deploys, then success: the pool grows, but after the fact.",
    why: "The agent looks every 5 s, then calls EC2, and a new ENI takes up to 10 s more. WARM_IP_TARGET 1 or 2 serves no larger burst than that at once; WARM_ENI_TARGET=1 none larger than one ENI. Not a shortage: the subnet has room. Against churn: nothing cools.",
    next: "MINIMUM_IP_TARGET at the usual pods of a node and WARM_IP_TARGET at the burst, or WARM_PREFIX_TARGET=1; prefixes grow in under a second while slots remain.",
    prevention: "WARM_IP_TARGET below the expected burst, or without MINIMUM_IP_TARGET, is worth a warning.",
    sources: ["amazon-vpc-cni-k8s#2056, #2804, #2624, #3255, #1077", "amazon-vpc-cni-k8s docs: eni-and-ip-target"],
  },
  look(facts, notes) {
    const found = starvingNodes(facts).map((one) => ({
      ...one,
      short: one.runs.filter(isOutrun),
      settings: effectiveSettings(facts, one.node),
    }));
    const thin = found.filter(
      ({ short, runs, settings }) =>
        short.length > 0 && thinTarget(settings) !== undefined && runs.every((run) => isOutrun(run) || isCut(run)),
    );
    const [worst] = [...thin].sort((a, b) => b.short.length - a.short.length);
    if (worst === undefined) return;
    const target = thinTarget(worst.settings) as string;
    const count = worst.short.reduce((sum, run) => sum + run.refusalCount, 0);
    const ends = worst.short.flatMap((run) =>
      run.recoveredMs === undefined || run.firstMs === undefined ? [] : [run.recoveredMs - run.firstMs],
    );
    notes.sign(...worst.short.slice(0, 2).map((run) => ({ source: run.at, text: run.text })));
    notes.affects({ nodes: thin.map((one) => one.node) });
    notes.seen(...thin.map((one) => one.occurrences));
    notes.proof("the warm target is small", [worst.settings.evidence(target)], {
      what: "the settings",
      command: "kubectl -n kube-system get daemonset aws-node -o yaml > aws-node.yaml",
    });
    notes.proof(
      "each run ended by itself, with addresses added in between",
      worst.runs.every((run) => isOutrun(run) && run.poolFirst !== undefined)
        ? worst.short.slice(0, 2).map((run) => ({
            source: run.at,
            text: `${run.refusalCount} refusals, ${run.growthDoneCount} growths, over after ${seconds(runLengthMs(run))}`,
          }))
        : undefined,
      {
        what: "how the other runs of refusals ended",
        command:
          "sudo tail -n 20000 /var/log/aws-routed-eni/ipamd.log > ipamd.log   # on the node, whole minutes after the burst",
      },
    );
    notes.summary(
      `${refusedText(count)} in ${worst.short.length} short run${worst.short.length === 1 ? "" : "s"}${ends.length > 0 ? ` (at most ${seconds(Math.max(...ends.slice(0, 1000)))})` : ""}, and each got an address once the pool had grown: ${target}=${worst.settings.count(target, 1)} is less than the burst.`,
    );
    notes.fix(
      `kubectl -n kube-system set env daemonset aws-node MINIMUM_IP_TARGET=PODS_PER_NODE WARM_IP_TARGET=${Math.max(5, Math.min(16, Math.ceil(count / Math.max(1, worst.short.length))))}   # the usual pods of a node, and the burst`,
      "With prefix delegation: WARM_PREFIX_TARGET=1 and no IP targets",
    );
  },
});

/** Short, ended by an address, the pool grew meanwhile, nothing cooled and EC2 refused nothing. */
function isOutrun(run: Starvation): boolean {
  const length = runLengthMs(run);
  const available = Math.max(0, (run.poolLast?.total ?? 0) - (run.poolLast?.assigned ?? 0));
  const isCooling = (run.coolingMax ?? 0) > 0 && (run.coolingMax ?? 0) >= available;
  return (
    run.endedBy === "address" &&
    (length === undefined || length <= SHORT_MS) &&
    run.growthDoneCount > 0 &&
    run.ec2ErrorCount === 0 &&
    run.eniLimitCount === 0 &&
    run.backoffCount === 0 &&
    !isCooling &&
    // An empty pool is one that has not been filled yet.
    run.poolFirst?.total !== 0
  );
}

/** Cut by the log's end, and so far like the others: nothing else kept the pool from growing. */
function isCut(run: Starvation): boolean {
  const { eniLimitCount, ec2ErrorCount, backoffCount, cordonedCount, terminatingCount } = run;
  const length = runLengthMs(run);
  return (
    run.endedBy !== "address" &&
    (length === undefined || length <= SHORT_MS) &&
    eniLimitCount + ec2ErrorCount + backoffCount + cordonedCount + terminatingCount === 0 &&
    (run.coolingMax ?? 0) === 0
  );
}

/** The target that is thin; undefined where it is not, or not known. */
function thinTarget(settings: EffectiveSettings): string | undefined {
  if (settings.hasIpTargets)
    return settings.warmIpTarget > 0 && settings.warmIpTarget <= 5 ? "WARM_IP_TARGET" : undefined;
  if (settings.prefixDelegation || !isSettingKnown(settings, "WARM_ENI_TARGET")) return undefined;
  return settings.warmEniTarget <= 1 ? "WARM_ENI_TARGET" : undefined;
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? "a while" : `${Math.round(ms / 1000)} s`;
}
