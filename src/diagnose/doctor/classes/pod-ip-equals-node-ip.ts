// A pod has the primary address of an ENI: the node's own, or one that no pod may have.

import { formatIpv4, parseIpv4 } from "../../../base/ipv4.ts";
import type { Evidence } from "../../facts/model.ts";
import { cniVersion } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "pod-ip-equals-node-ip",
  title: "a pod was given an ENI's primary address",
  needs: ["introspection", "enis", "pods", "versions"],
  lookAlikes: [],
  docs: {
    what: "The agent's pool contains the primary address of an ENI, and a pod has it: the pod runs and gets no traffic.",
    why: "In v1.22.2 special layouts of ENIs let the primary address into the pool. The pool then counts as many addresses as the ENI has, one more than its slots.",
    next: "Upgrade the CNI, then recreate the pods concerned.",
    prevention: "Skip v1.22.2 on nodes with more than one network card or with EFA.",
    sources: ["amazon-vpc-cni-k8s#3753"],
  },
  look(facts, notes) {
    const primaryOf = new Map(
      facts.enis.flatMap((eni) => (eni.primaryAddress === undefined ? [] : [[eni.primaryAddress, eni] as const])),
    );
    const found: Evidence[] = [];
    const nodes: (string | undefined)[] = [];
    for (const page of facts.introspection) {
      for (const eni of page.enis) {
        for (const { addresses } of eni.cidrs) {
          for (const one of addresses) {
            if (!one.isAssigned || !primaryOf.has(one.address)) continue;
            const holder = primaryOf.get(one.address)?.id ?? "";
            found.push({
              source: page.at,
              text: `${formatIpv4(one.address)} of ${one.pod ?? "a pod"} is the primary address of ${holder}`,
            });
            nodes.push(page.node);
          }
        }
      }
    }
    for (const pod of facts.pods) {
      const address = pod.isHostNetwork || pod.address === undefined ? undefined : parseIpv4(pod.address);
      const holder = address === undefined ? undefined : primaryOf.get(address);
      // Branch ENIs give pods their primary address, rightly.
      if (holder === undefined || holder.interfaceType === "branch" || pod.phase !== "Running") continue;
      found.push({
        source: pod.at,
        text: `${pod.namespace}/${pod.name} has ${pod.address}, the primary address of ${holder.id}`,
      });
      nodes.push(pod.node);
    }
    if (found.length === 0) return;
    notes.sign(...found.slice(0, 4));
    notes.affects({ nodes });
    notes.seen({ count: found.length });
    notes.proof("an ENI's primary address belongs to a pod", found.slice(0, 2), {
      what: "the agent's pool and the ENIs",
      command: "curl -s http://localhost:61679/v1/enis > enis.json",
    });
    const version = cniVersion(facts);
    notes.summary(
      `${found.length} pods have an ENI's primary address${version === undefined ? "" : ` (CNI ${version.version})`}: they run and are not reached.`,
    );
    notes.fix(
      "aws eks update-addon --cluster-name CLUSTER --addon-name vpc-cni --addon-version LATEST --resolve-conflicts PRESERVE",
      "kubectl delete pod POD -n NAMESPACE   # each of the pods above, after the upgrade",
    );
  },
});
