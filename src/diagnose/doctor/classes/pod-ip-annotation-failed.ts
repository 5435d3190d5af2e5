// An address was assigned; writing it into the pod failed, and with it the ADD.

import { effectiveSettings, quotes, sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { isSettingKnown } from "../node-capacity.ts";

export const failureClass = defineClass({
  id: "pod-ip-annotation-failed",
  title: "The address was there, its annotation failed",
  needs: ["sightings", "settings", "clusterRoles"],
  lookAlikes: [],
  docs: {
    what: "With ANNOTATE_POD_IP the agent writes the address into the pod; that fails, and the ADD with it, although an address was found.",
    why: "aws-node's ClusterRole lacks patch on pods, or a mutating webhook changes the pod's spec in the same update, or updates conflict. In v1.13 to v1.15 this code also hid real shortages: look for a refusal of the pool beside it.",
    next: "Grant patch on pods; mend the webhook; or turn ANNOTATE_POD_IP off.",
    prevention: "ANNOTATE_POD_IP wants the RBAC: a linter sees it.",
    sources: ["amazon-vpc-cni-k8s#2654, #2687, #1973", "gatekeeper#3719", "containers-roadmap#1940"],
  },
  look(facts, notes) {
    const failed = sightingsOf(facts, "pod-annotation-failed");
    if (failed.length === 0) return;
    const settings = effectiveSettings(facts);
    const denied = sightingsOf(facts, "patch-pods-forbidden");
    const changed = sightingsOf(facts, "pod-spec-forbidden");
    const role = facts.clusterRoles.find((one) => one.name === "aws-node");
    const mayPatch = role?.rules.some(
      (rule) =>
        rule.resources.some((name) => name === "pods" || name === "*") &&
        rule.verbs.some((verb) => verb === "patch" || verb === "*"),
    );
    notes.sign(...quotes(failed));
    notes.affects({ nodes: failed.map((one) => one.node) });
    notes.seen(...failed.map((one) => one.occurrences));
    if (isSettingKnown(settings, "ANNOTATE_POD_IP") && !settings.isOn("ANNOTATE_POD_IP"))
      notes.against("ANNOTATE_POD_IP is off", [settings.evidence("ANNOTATE_POD_IP")]);
    const roleEvidence =
      role !== undefined && mayPatch === false
        ? [{ source: role.at, text: "ClusterRole aws-node: no patch on pods" }]
        : [];
    notes.proof("why the annotation fails", [...quotes([...denied, ...changed]), ...roleEvidence], {
      what: "the reason in the same line, and the role's rights",
      command:
        "sudo grep -h 'pod-ips the pod\\|pod annotation' /var/log/aws-routed-eni/ipamd.log | tail -n 5; kubectl get clusterrole aws-node -o yaml > clusterrole.yaml",
    });
    const why =
      denied.length > 0 || roleEvidence.length > 0
        ? ": aws-node may not patch pods"
        : changed.length > 0
          ? ": something changes the pod's spec in the same update"
          : "";
    notes.summary(`Pods were given addresses, and the annotation with the address failed${why}.`);
    if (denied.length > 0 || roleEvidence.length > 0)
      notes.fix(
        `kubectl patch clusterrole aws-node --type=json -p '[{"op":"add","path":"/rules/-","value":{"apiGroups":[""],"resources":["pods"],"verbs":["patch"]}}]'   # with the chart: env.ANNOTATE_POD_IP=true sets it`,
      );
    if (changed.length > 0)
      notes.fix(
        "kubectl get mutatingwebhookconfigurations -o yaml > webhooks.yaml   # those with UPDATE on pods: restrict to CREATE, or exclude aws-node's service account",
      );
    notes.fix("Or, if nothing needs it: kubectl -n kube-system set env daemonset aws-node ANNOTATE_POD_IP=false");
  },
});
