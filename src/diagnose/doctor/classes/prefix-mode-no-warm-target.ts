// Prefix delegation with every target zero: the entrypoint refuses to start the agent.

import { effectiveSettings, quotes, sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { isSettingKnown } from "../node-capacity.ts";

const TARGETS = ["WARM_PREFIX_TARGET", "WARM_IP_TARGET", "MINIMUM_IP_TARGET"] as const;

export const failureClass = defineClass({
  id: "prefix-mode-no-warm-target",
  title: "Prefix delegation with no warm target at all",
  needs: ["settings", "sightings", "logs"],
  lookAlikes: [],
  causes: ["ipamd-not-running"],
  docs: {
    what: "ENABLE_PREFIX_DELEGATION is true while WARM_PREFIX_TARGET, WARM_IP_TARGET and MINIMUM_IP_TARGET are all zero, empty or unset: aws-node exits at once.",
    why: "The check at start compares texts; an empty one counts as zero. The shipped manifest and chart set WARM_PREFIX_TARGET=1, custom manifests and older charts do not. The node keeps its old CNI configuration or is not ready.",
    next: "Set WARM_PREFIX_TARGET=1.",
    prevention: 'A linter error; also for WARM_PREFIX_TARGET="".',
    sources: ["amazon-vpc-cni-k8s#1722", "amazon-vpc-cni-k8s docs: prefix-and-ip-target"],
  },
  look(facts, notes) {
    const told = sightingsOf(facts, "all-targets-zero");
    const settings = effectiveSettings(facts);
    const isZero =
      isSettingKnown(settings, "WARM_PREFIX_TARGET") &&
      settings.prefixDelegation &&
      !settings.ipv6 &&
      TARGETS.every((name) => settings.count(name) === 0);
    // An agent that runs was not refused, whatever the settings are by now.
    const runs = facts.logs.some((log) => log.starts.some((start) => start.isServing) || log.successCount > 0);
    if (told.length === 0 && (!isZero || runs)) return;
    const zero = isZero
      ? [settings.evidence("ENABLE_PREFIX_DELEGATION"), ...TARGETS.map((name) => settings.evidence(name))]
      : [];
    notes.sign(...quotes(told), ...zero);
    notes.affects({ nodes: told.map((one) => one.node) });
    notes.seen(...told.map((one) => one.occurrences));
    notes.proof("aws-node refuses to start for it", quotes(told), {
      what: "the container's last words",
      command: "kubectl -n kube-system logs daemonset/aws-node -c aws-node --previous --tail=20",
    });
    notes.summary(
      "Prefix delegation is on and WARM_PREFIX_TARGET, WARM_IP_TARGET and MINIMUM_IP_TARGET are all zero: aws-node exits at start.",
    );
    notes.fix(
      "kubectl -n kube-system set env daemonset aws-node WARM_PREFIX_TARGET=1   # for a managed add-on in its configuration values",
    );
  },
});
