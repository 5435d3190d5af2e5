// A version of the CNI with a fault that bears on pod addresses.

import { cniVersion, compareVersions } from "../../facts/settings.ts";
import { defineRule } from "../rule.ts";

const FAULTS: readonly {
  readonly from: string;
  readonly to: string;
  readonly fault: string;
  readonly next: string;
}[] = [
  {
    from: "v1.16.3",
    to: "v1.16.3",
    fault: "the pool loop runs hot and floods the log once all ENIs are attached (#2807)",
    next: "Use v1.16.4 or later.",
  },
  {
    from: "v1.18.0",
    to: "v1.18.2",
    fault: "a half-filled ENI in a full subnet keeps the node from creating ENIs elsewhere (#2954)",
    next: "Use v1.18.3 or later.",
  },
  {
    from: "v1.22.0",
    to: "v1.22.1",
    fault: "aws-node does not start without ec2:DescribeSecurityGroups (#3705)",
    next: "Use v1.22.2 or later.",
  },
  {
    from: "v1.22.2",
    to: "v1.22.2",
    fault: "a node's primary address can be given to a pod on some ENI layouts (#3753)",
    next: "Read the issue; use another version on types with such a layout.",
  },
];

export const rule = defineRule({
  code: "PD1133",
  name: "version-with-known-fault",
  severity: "warning",
  needs: ["versions"],
  leadsTo: ["eni-loop-high-cpu", "secondary-subnet-not-discovered", "pod-ip-equals-node-ip"],
  docs: {
    what: "The CNI's version has a known fault that bears on pod addresses.",
    why: "See the issue named in the finding.",
    next: "Move to a version after it.",
    source: "amazon-vpc-cni-k8s, issues #2807, #2954, #3705, #3753",
  },
  check({ versions }, report) {
    const version = cniVersion({ versions });
    if (version === undefined) return;
    const isWithin = (from: string, to: string): boolean =>
      (compareVersions(version.version, from) ?? -1) >= 0 && (compareVersions(version.version, to) ?? 1) <= 0;
    for (const one of FAULTS) {
      if (!isWithin(one.from, one.to)) continue;
      report({
        at: version.at,
        message: `CNI ${version.version}: ${one.fault}.`,
        next: one.next,
      });
    }
  },
});
