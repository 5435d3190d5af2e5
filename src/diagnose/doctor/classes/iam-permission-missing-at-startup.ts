// A newer CNI calls an EC2 API at its start that the role does not allow: no node's agent comes up.

import type { Facts } from "../../facts/model.ts";
import { cniVersion, isCniAtLeast, quotes, sightingsOf } from "../../facts/settings.ts";
import {
  actionsOf,
  DENIAL_NEEDS,
  denials,
  deniedInitLines,
  deniedStarts,
  policiesLacking,
  principalOf,
} from "../denied-calls.ts";
import { denialKind, noteErrors, roleName } from "../ec2-answers.ts";
import { defineClass } from "../failure-class.ts";
import { HAPPENED_NEEDS, isNumbersAlone } from "../numbers-alone.ts";

/** Called at start since v1.22.0, by default; old hand-written policies lack them. */
const STARTUP_ACTIONS = ["ec2:DescribeSubnets", "ec2:DescribeSecurityGroups"] as const;

export const failureClass = defineClass({
  id: "iam-permission-missing-at-startup",
  title: "the CNI's role lacks an action that its start needs",
  needs: [...new Set([...DENIAL_NEEDS, ...HAPPENED_NEEDS, "versions", "iamPolicies"] as const)],
  lookAlikes: [],
  causes: ["ipamd-not-running", "ipamd-killed-by-probe"],
  docs: {
    what: "The agent ends while starting because EC2 refuses a call that this version makes at its start.",
    why: "v1.22.0 and v1.22.1 call DescribeSecurityGroups and v1.22.x DescribeSubnets while setting up ENIs; policies written by Terraform modules, kOps or eksctl's IPv6 path lacked them. After an upgrade aws-node hangs at Checking for IPAM connectivity and restarts, which looks like an unreachable endpoint; but the refusal comes at once, with HTTP 403.",
    next: "Add the actions to the role, or set ENABLE_SUBNET_DISCOVERY=false, or go back to the former version. v1.22.2 and later go on without DescribeSecurityGroups.",
    prevention: "Run the linter with the target version's list of actions before an upgrade.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/3705",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/3704",
      "https://github.com/aws/amazon-vpc-cni-k8s/pull/3709",
      "https://github.com/eksctl-io/eksctl/pull/8835",
      "https://github.com/kubernetes/kops/pull/18693",
      "https://github.com/terraform-aws-modules/terraform-aws-eks-pod-identity/issues/60",
    ],
  },
  look(facts, notes) {
    const { atStartup } = denials(facts);
    const starts = deniedStarts(facts).filter(({ start }) => denialKind(start.lastText) !== "forbidden");
    const lines = deniedInitLines(facts).filter(({ text }) => denialKind(text) !== "forbidden");
    if (atStartup.length === 0 && starts.length === 0 && lines.length === 0) return expected(facts, notes);
    noteErrors(notes, atStartup);
    const last = starts.map(({ start }) => ({ source: start.at, text: start.lastText }));
    notes.sign(...lines.slice(0, 2), ...last.slice(0, 1), ...quotes(sightingsOf(facts, "entrypoint-waiting"), 1));
    notes.affects({ nodes: starts.map((one) => one.node) });
    const actions = actionsOf(atStartup);
    notes.proof("the start ends on UnauthorizedOperation", [...lines.slice(0, 1), ...last.slice(0, 1)], {
      what: "the last lines of the agent's log before each restart",
      command: "sudo grep -B 3 'Starting L-IPAMD' /var/log/aws-routed-eni/ipamd.log | tail -n 20",
    });
    const version = cniVersion(facts);
    const which = version === undefined ? "The CNI" : `CNI ${version.version}`;
    if (version !== undefined) notes.sign({ source: version.at, text: `CNI ${version.version}` });
    const role = roleName(principalOf(atStartup)) ?? "ROLE";
    const what = actions.length === 0 ? "an EC2 API" : actions.join(", ");
    notes.summary(
      `${which} calls ${what} at its start, and ${role === "ROLE" ? "its role" : `role ${role}`} may not: the agent ends there and its node stays without network.`,
    );
    notes.fix(
      `aws iam attach-role-policy --role-name ${role} --policy-arn arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy   # IPv6: add ${actions.length === 0 ? "the refused action" : what} to the policy of your own`,
      "kubectl -n kube-system rollout restart daemonset aws-node",
      ...(STARTUP_ACTIONS.some((action) => actions.includes(action))
        ? [
            "Until then: kubectl -n kube-system set env daemonset aws-node ENABLE_SUBNET_DISCOVERY=false, or roll the add-on back",
          ]
        : []),
    );
  },
});

/** No refusal read, but a policy without the action, a version that calls it, and an agent that does not come up. */
function expected(
  facts: Pick<Facts, "versions" | "iamPolicies" | (typeof HAPPENED_NEEDS)[number]>,
  notes: Parameters<(typeof failureClass)["look"]>[1],
): void {
  const waiting = sightingsOf(facts, ["entrypoint-waiting", "probe-failed"]);
  const needed = isCniAtLeast(facts, "1.22.0") === true ? startupActions(facts) : [];
  const lacking = policiesLacking(facts, needed);
  if ((waiting.length === 0 && !isNumbersAlone(facts)) || lacking.length === 0) return;
  notes.sign(...lacking, ...quotes(waiting, 1));
  notes.affects({ nodes: waiting.map((one) => one.node) });
  notes.seen(...waiting.map((one) => one.occurrences));
  notes.proof("the start ends on UnauthorizedOperation", undefined, {
    what: "the last lines of the agent's log before each restart",
    command: "sudo grep -B 3 'Starting L-IPAMD' /var/log/aws-routed-eni/ipamd.log | tail -n 20",
  });
  notes.summary(
    waiting.length === 0
      ? `${lacking[0]?.text}, which CNI ${cniVersion(facts)?.version} calls at its start: the agent cannot come up.`
      : `The agent does not come up, and ${lacking[0]?.text}, which CNI ${cniVersion(facts)?.version} calls at its start.`,
  );
  notes.fix(
    "aws iam attach-role-policy --role-name ROLE --policy-arn arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",
    "kubectl -n kube-system rollout restart daemonset aws-node",
  );
}

/** What the version cannot start without (failures.md 7): later ones go on when they are refused. */
function startupActions(facts: Parameters<typeof isCniAtLeast>[0]): readonly string[] {
  if (isCniAtLeast(facts, "1.23.0") !== false) return [];
  return isCniAtLeast(facts, "1.22.2") === false ? STARTUP_ACTIONS : ["ec2:DescribeSubnets"];
}
