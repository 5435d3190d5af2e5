// What each problem of a pod's wiring means to who is paged: `slash28 explain` prints it, doctor says it. Pages speak of the kind;
// the `next` of one failure (pods.ts, branch.ts) names its links and addresses.

import type { WireProblem } from "./types.ts";

/** What can stand behind the reason `network-setup-failed` of an ADD. */
export type PodProblem = WireProblem | "network-policy";

export interface ProblemPage {
  /** What is the case, in one sentence. */
  readonly what: string;
  /** How it comes about, and what it is easily mistaken for. */
  readonly why: string;
  /** What to look at or change, most likely remedy first. */
  readonly next: string;
}

export const problemPages: { readonly [P in PodProblem]: ProblemPage } = {
  "invalid-wiring": {
    what: "What was asked for cannot be wired: a name, the MTU, the VLAN id, or the node's own namespace in place of the pod's.",
    why: "The conflist or the runtime's arguments are wrong; no retry helps. Most often vethPrefix, mtu or podSGEnforcingMode was edited by hand.",
    next: "Read the message, which names the value. Compare the node's /etc/cni/net.d/10-aws.conflist with what `slash28 install` writes.",
  },
  "namespace-gone": {
    what: "The pod's network namespace is not there, or went away while the pod was wired.",
    why: "The runtime removed the sandbox meanwhile: the pod was deleted in its first moment, or the ADD took longer than the runtime waits. Everything begun is taken back, the address too.",
    next: "Once: nothing, the runtime makes a new sandbox. For every pod: the agent does not see the runtime's namespaces; mount /run/netns of the host into aws-node, with mountPropagation HostToContainer.",
  },
  "interface-exists": {
    what: "The pod has an interface of that name already, and it is not ours.",
    why: "A second CNI plugin has wired the pod, or is chained before this one. Another plugin's interface is never deleted.",
    next: "Look at which files are in /etc/cni/net.d: one primary plugin alone may make eth0. Then delete the pod.",
  },
  "name-taken": {
    what: "The host link that the pod would have belongs to another pod.",
    why: "Link names end in 11 hexadecimal digits of a hash of namespace and pod name, and both pods have the same. The link in use is refused to the second pod, never deleted under the first.",
    next: "The message names the other pod. Delete one of the two, so that it comes back under another name; a pod of a StatefulSet, or a bare pod, has to be renamed.",
  },
  "trunk-missing": {
    what: "The pod has a branch ENI, and no link of the node has the MAC of the trunk ENI.",
    why: "The trunk ENI was detached, its link was moved or renamed with another MAC, or it has just been attached and its driver is not done.",
    next: "Compare `ip -br link` with the MACs in instance metadata. If it stays, look for a network manager that touches secondary ENIs, or replace the node.",
  },
  "kernel-refused": {
    what: "The kernel refused a link, an address, a route or a rule; what was done before is taken back.",
    why: "The agent lacks CAP_NET_ADMIN or CAP_SYS_ADMIN, another program holds the same route, rule or link, or the kernel lacks a feature or memory. The message has the kernel's error.",
    next: "EPERM: give the aws-node container CAP_NET_ADMIN and CAP_SYS_ADMIN. EEXIST, EBUSY: look with `ip rule` and `ip route show table all` for what stands in the way, and stop its owner. EOPNOTSUPP: the kernel lacks veth, vlan or policy routing. ENOMEM, ENOBUFS: the node is out of memory.",
  },
  "network-policy": {
    what: "The pod was wired, and the network policy agent did not take it in; the wiring was taken back.",
    why: "The container aws-eks-nodeagent is down, starting, or too slow. Without it a pod would run unprotected, so it is refused as long as NETWORK_POLICY_ENFORCING_MODE asks for policies. A DEL never waits for it.",
    next: "Look at the aws-eks-nodeagent container of that node and its /var/log/aws-routed-eni/network-policy-agent.log. Where policies are not used, set NETWORK_POLICY_ENFORCING_MODE to none.",
  },
};

export function parsePodProblem(text: string): PodProblem | undefined {
  return Object.hasOwn(problemPages, text) ? (text as PodProblem) : undefined;
}
