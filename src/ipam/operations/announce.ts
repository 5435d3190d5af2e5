// Features on the CNINode object: that this node wants a trunk ENI, and its ENIConfig (ipamd.md 6.5).

import type { Node } from "../node.ts";
import type { Operation } from "./operation.ts";

/** At boot: the ENIConfig where both features are on, then the trunk. */
export function* announceFeatures(node: Node): Operation {
  const eniConfigName = node.state.eniConfig?.name;
  if (
    node.settings.customNetworking &&
    node.settings.podEni &&
    eniConfigName !== undefined &&
    eniConfigName !== "default"
  ) {
    yield* announce(node, "CustomNetworking", eniConfigName);
  }
  yield* announceTrunk(node);
}

/** Asks the resource controller for a trunk ENI, once a slot is there for it. Nothing to do when one is attached. */
export function* announceTrunk(node: Node): Operation {
  if (!node.settings.podEni || node.trunkEniId !== undefined || node.hasAnnouncedTrunk) return;
  if (node.pool.eniCount >= node.eniCountMax - node.unmanagedEniIds.size) {
    node.log("noSlotForTrunk");
    return;
  }
  node.hasAnnouncedTrunk = yield* announce(node, "SecurityGroupsForPods", "");
}

function* announce(
  node: Node,
  feature: "SecurityGroupsForPods" | "CustomNetworking",
  value: string,
): Operation<boolean> {
  const outcome = yield { kind: "announce", feature, value };
  if (outcome?.kind === "ok") return true;
  node.count("awscni_pod_eni_error_count", "tryEnableSecurityGroupsForPods");
  node.log("announceFailed", feature, outcome?.kind === "failed" ? outcome.message : "no answer");
  return false;
}
