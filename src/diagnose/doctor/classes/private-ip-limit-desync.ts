// EC2 says that an ENI is full, the agent believes that it has a free slot.

import { limitsOf } from "../../facts/capacity.ts";
import type { EniFact, Evidence } from "../../facts/model.ts";
import { quotes, sightingsOf } from "../../facts/settings.ts";
import { errorsWithCode, noteErrors, totalCount } from "../ec2-answers.ts";
import { defineClass } from "../failure-class.ts";
import { NodeIndex } from "../node-index.ts";
import { nodeName, times } from "../wording.ts";

export const failureClass = defineClass({
  id: "private-ip-limit-desync",
  title: "the agent thinks that a full ENI has room",
  needs: ["ec2Errors", "sightings", "nodes", "logs", "introspection", "pods", "instances", "enis", "instanceTypes"],
  lookAlikes: [],
  docs: {
    what: "EC2 refuses more addresses on an ENI because all its slots are taken, while the agent counts a free one.",
    why: "The agent's store is behind EC2: metadata lags, somebody else assigned addresses, or /32s of the other mode still hold slots. One such answer is normal: the agent then asks EC2 what is there. Only its coming back on one ENI is a fault. It is no limit of the node and no lack of space in the subnet.",
    next: "Wait for the next reconcile (60 s); if it repeats on one ENI, restart aws-node on that node.",
    prevention: "A linter flags nodes whose ENIs hold both single addresses and prefixes.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/989",
      "https://github.com/aws/amazon-vpc-cni-k8s/pull/1512",
      "https://github.com/aws/amazon-vpc-cni-k8s/pull/2253",
    ],
  },
  look(facts, notes) {
    const errors = errorsWithCode(facts, "PrivateIpAddressLimitExceeded");
    const lines = sightingsOf(facts, "data-store-out-of-sync");
    if (errors.length === 0 && lines.length === 0) return;
    const index = new NodeIndex(facts);
    const count = Math.max(
      totalCount(errors),
      lines.reduce((sum, one) => sum + one.occurrences.count, 0),
    );
    const isWhole = facts.logs.some((log) => !log.isExcerpt && log.starvations.length === 0);
    // Once, in a whole log without a refusal, it is the ordinary way in which the agent catches up.
    if (count === 1 && isWhole) return;
    noteErrors(notes, errors);
    if (errors.length === 0) notes.seen(...lines.map((one) => one.occurrences));
    notes.sign(...quotes(lines, 1));
    notes.affects({ nodes: lines.map((one) => index.nodeOf(one)) });
    const eniId = errors.find((one) => one.eniId !== undefined)?.eniId;
    const eni = facts.enis.find((one) => one.id === eniId);
    const node = index.nodeOf(errors[0] ?? lines[0] ?? {});
    notes.proof("EC2 refused for the ENI's own limit", [...quotes(errors, 1), ...quotes(lines, 1)], {
      what: "the agent's log",
      command: "sudo grep PrivateIpAddressLimitExceeded /var/log/aws-routed-eni/ipamd.log | tail -n 5",
    });
    const type = index.node(node)?.instanceType?.value ?? index.instance(node)?.instanceType;
    const limits = type === undefined ? undefined : limitsOf(type, facts.instanceTypes);
    const used = eni === undefined ? undefined : slotsUsed(eni);
    const slots = limits === undefined ? undefined : limits.ipv4PerEni - 1;
    let full: Evidence[] | undefined;
    if (eni !== undefined && used !== undefined && slots !== undefined) {
      const text = `${eni.addresses.length - 1} secondary addresses and ${eni.prefixes.length} prefixes on ${eni.id}; ${type} allows ${slots}`;
      if (used >= slots) full = [{ source: eni.at, text }];
      else
        notes.against(`${eni.id} has free slots in EC2 by now: the agent has caught up or others freed them`, [
          { source: eni.at, text },
        ]);
    }
    notes.proof("in EC2 all slots of that ENI are taken", full, {
      what: `what EC2 holds on ${eniId ?? "the ENI"}, and the instance type`,
      command: `aws ec2 describe-network-interfaces --network-interface-ids ${eniId ?? "ENI_ID"} --output json > enis.json; kubectl get node ${nodeName(node)} -o json > node.json`,
    });
    notes.summary(
      `EC2 refused more addresses on ${eniId ?? "an ENI"} ${times(count)} because its slots are taken, and the agent counts one as free.`,
    );
    notes.fix(
      "Nothing, if it happened once: the agent reads the ENI from EC2 after such an answer",
      `kubectl -n kube-system delete pod -l k8s-app=aws-node --field-selector spec.nodeName=${nodeName(node)}   # where it repeats: the agent restarts and reads what EC2 holds`,
    );
  },
});

function slotsUsed(eni: EniFact): number {
  return Math.max(0, eni.addresses.length - 1) + eni.prefixes.length;
}
