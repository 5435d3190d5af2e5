// An instance type that the agent's table does not list.

import { instanceTypes as catalogue } from "../../../catalog/instance-types.ts";
import { nearNames } from "../../../text/near-names.ts";
import { limitsOf } from "../../facts/capacity.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1077",
  name: "unknown-instance-type",
  severity: "warning",
  needs: ["bootstraps", "instanceTypes"],
  leadsTo: ["unknown-instance-type"],
  docs: {
    what: "A node group names an instance type that is not in the table of amazon-vpc-cni-k8s v1.23.1.",
    why: "The agent then asks ec2:DescribeInstanceTypes once at start and exits if it may not; older versions do not ask. A misspelt type does not start at all.",
    next: "Check the spelling; for a new family update the CNI and grant ec2:DescribeInstanceTypes.",
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/vpc/vpc_ip_resource_limit.go",
  },
  check({ bootstraps, instanceTypes }, report) {
    for (const type of bootstraps.flatMap((one) => one.instanceTypes)) {
      if (limitsOf(type.value, instanceTypes) !== undefined) continue;
      const known = catalogue().map((one) => one.instanceType);
      const [near] = type.value.length > 40 ? [] : nearNames(type.value, known);
      report({
        at: type.at,
        message: `${type.value} is not in the table of v1.23.1${near === undefined ? "" : ` (did you mean ${near}?)`}: the agent has to ask EC2 for its limits.`,
      });
    }
  },
});
