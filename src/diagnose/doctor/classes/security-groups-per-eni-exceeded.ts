// An ENI was asked for with more security groups than the quota allows.

import type { Evidence, Facts } from "../../facts/model.ts";
import { quotes } from "../../facts/settings.ts";
import { errorsWithCode, noteErrors, totalCount } from "../ec2-answers.ts";
import { defineClass } from "../failure-class.ts";
import { plural } from "../wording.ts";

/** Default of the quota Security groups per network interface. */
const GROUPS_MAX = 5;

export const failureClass = defineClass({
  id: "security-groups-per-eni-exceeded",
  title: "too many security groups for one ENI",
  needs: ["ec2Errors", "eniConfigs", "securityGroupPolicies"],
  lookAlikes: [],
  docs: {
    what: "An ENIConfig or SecurityGroupPolicy lists more security groups than an ENI may have, so EC2 creates none.",
    why: "The quota is 5 groups per interface. EC2 answers CreateNetworkInterface with InvalidParameterValue, the code that also stands for a subnet without space; only the text about security group memberships tells them apart.",
    next: "List fewer groups, or raise the quota Security groups per network interface.",
    prevention: "A linter counts the groups of every ENIConfig and SecurityGroupPolicy.",
    sources: ["https://github.com/aws/amazon-vpc-resource-controller-k8s/issues/583"],
  },
  look(facts, notes) {
    const errors = [
      ...errorsWithCode(facts, "SecurityGroupsPerInterfaceLimitExceeded"),
      ...errorsWithCode(facts, "InvalidParameterValue").filter((one) =>
        one.message.includes("security group memberships"),
      ),
    ];
    if (errors.length === 0) return;
    noteErrors(notes, errors);
    const long = crowded(facts);
    notes.sign(...long.map((one) => one.evidence).slice(0, 3));
    notes.proof("EC2's answer names security group memberships", quotes(errors, 2), {
      what: "the agent's log",
      command: "sudo grep 'security group memberships' /var/log/aws-routed-eni/ipamd.log | tail -n 5",
    });
    const limit = errors.map((one) => /exceeded limit (\d+)/.exec(one.message)?.[1]).find((one) => one !== undefined);
    const [first] = long;
    const who = first === undefined ? "The ENI's configuration" : `${first.name} (${first.count} groups)`;
    notes.summary(
      `${who} asks for more than the ${limit ?? GROUPS_MAX} security groups an ENI may have: EC2 refused ${plural(totalCount(errors), "ENI")}.`,
    );
    notes.fix(
      "kubectl get eniconfigs -o custom-columns=NAME:.metadata.name,GROUPS:.spec.securityGroups   # and: kubectl get securitygrouppolicies -A -o yaml",
      `${first?.edit ?? "kubectl edit eniconfig NAME"}   # at most ${limit ?? GROUPS_MAX} groups; the next ENI uses it`,
      "aws service-quotas request-service-quota-increase --service-code vpc --quota-code L-2AFB9258 --desired-value 10   # or raise the quota",
    );
  },
});

interface Crowded {
  readonly name: string;
  readonly count: number;
  readonly edit: string;
  readonly evidence: Evidence;
}

/** What lists more groups than an ENI may have by default. */
function crowded(facts: Pick<Facts, "eniConfigs" | "securityGroupPolicies">): Crowded[] {
  const lists = [
    ...facts.eniConfigs.map(({ name, securityGroupIds, at }) => ({
      name: `ENIConfig ${name}`,
      count: securityGroupIds.length,
      edit: `kubectl edit eniconfig ${name}`,
      at,
    })),
    ...facts.securityGroupPolicies.map(({ namespace, name, groupIds, at }) => ({
      name: `SecurityGroupPolicy ${namespace}/${name}`,
      count: groupIds.length,
      edit: `kubectl -n ${namespace} edit securitygrouppolicy ${name}`,
      at,
    })),
  ];
  return lists
    .filter(({ count }) => count > GROUPS_MAX)
    .map(({ at, ...one }) => ({
      ...one,
      evidence: { source: at, text: `${one.name} lists ${one.count} security groups` },
    }));
}
