// The reasons of a refused ADD: the same words in engine, log, gRPC detail, CNI error, metric label, event and doctor.
// The words are permanent. Each has its page in `reasonPages`, which `slash28 explain` prints.

export const REASONS = [
  "starting",
  "stopping",
  "pool-growing",
  "cooling",
  "subnet-fragmented",
  "subnet-exhausted",
  "eni-limit",
  "slot-limit",
  "max-pods",
  "frozen-settings",
  "node-cordoned",
  "provisioning-off",
  "throttled",
  "unauthorized",
  "metadata-unavailable",
  "ec2-unreachable",
  "eniconfig-missing",
  "no-eligible-subnet",
  "eni-quota",
  "branch-eni-not-ready",
  "network-setup-failed",
  "checkpoint-unreadable",
  "checkpoint-unwritable",
  "ec2-refused",
  "invalid-request",
] as const;

export type Reason = (typeof REASONS)[number];

export interface ReasonPage {
  /** What is the case, in one sentence. */
  readonly what: string;
  /** How it comes about, and what it is easily mistaken for. */
  readonly why: string;
  /** What to look at or change, most likely remedy first. */
  readonly next: string;
  /** Failure classes that this reason can be a sign of; only a diagnosis decides among them. */
  readonly candidateClasses: readonly string[];
}

export const reasonPages: { readonly [R in Reason]: ReasonPage } = {
  starting: {
    what: "The agent has not finished its first inventory and pool yet.",
    why: "ADDs that arrive in the first seconds of a node's life, or right after an agent restart, find no pool. Kubelet tries again after about 10 s.",
    next: "Wait half a minute. If it stays, read the agent's log from `Start node init` on: the last line names the step that does not finish.",
    candidateClasses: ["startup-race-pool-not-filled", "api-server-unreachable-at-start", "imds-unreachable"],
  },
  stopping: {
    what: "The agent is shutting down and takes nothing new from EC2.",
    why: "SIGTERM was received, usually because the DaemonSet is rolled or the node drained. Addresses that are free already are still given out.",
    next: "Wait for the new agent. If no new one comes, look at the aws-node pod's events.",
    candidateClasses: ["ipamd-not-running"],
  },
  "pool-growing": {
    what: "No address is free at this moment, and more are on their way.",
    why: "Pods came faster than the pool grows: one successful EC2 call, or one ENI, per 5 s pass. The next retry of kubelet normally succeeds.",
    next: "If bursts are normal here, raise WARM_PREFIX_TARGET, or WARM_IP_TARGET with MINIMUM_IP_TARGET at the usual number of pods.",
    candidateClasses: ["warm-ip-target-too-thin", "startup-race-pool-not-filled", "warm-target-exceeds-eni-capacity"],
  },
  cooling: {
    what: "Every address that no pod holds was released less than the cooldown (30 s) ago.",
    why: "Released addresses rest before they are used again, yet count as available, so the pool sees no need to grow. Short-lived jobs cause it.",
    next: "Keep more warm addresses than pods that end within 30 s, or lower IP_COOLDOWN_PERIOD if no Service routes to these pods.",
    candidateClasses: ["cooldown-churn-exhaustion"],
  },
  "subnet-fragmented": {
    what: "The subnet has free addresses, but no aligned block of 16 without a used one.",
    why: "Single addresses of nodes, load balancers and endpoints lie scattered over the subnet, and each spoils one /28. AvailableIpAddressCount does not show it. EC2 answers InsufficientCidrBlocks.",
    next: "Reserve an empty range with `aws ec2 create-subnet-cidr-reservation --reservation-type prefix`, or tag an emptier subnet of the zone with kubernetes.io/role/cni=1, or move these nodes to it.",
    candidateClasses: [
      "subnet-fragmented-no-free-28",
      "eni-create-no-prefix-space",
      "mixed-mode-shared-subnet",
      "cidr-reservation-exhausted-or-misplaced",
    ],
  },
  "subnet-exhausted": {
    what: "The subnet has fewer free addresses than the call asked for.",
    why: "Pods, warm pools of other nodes, or other tenants hold them. EC2 answers InsufficientFreeAddressesInSubnet, or InvalidParameterValue with a sentence about sufficient addresses.",
    next: "Compare allocated with held addresses over all nodes: idle ones come back with lower warm targets. Otherwise add a subnet or a secondary VPC range.",
    candidateClasses: [
      "subnet-free-ips-exhausted",
      "eni-create-no-prefix-space",
      "subnet-too-small-for-prefix-mode",
      "warm-pool-hoards-subnet",
      "leaked-enis-drain-subnet",
      "secondary-subnet-not-discovered",
    ],
  },
  "eni-limit": {
    what: "All ENIs that this instance may have are attached and full.",
    why: "Max pods promises more than the instance type carries, or MAX_ENI, a trunk ENI or unmanaged ENIs take places.",
    next: "Compare max pods with ENIs x slots (x 16 with prefixes). Lower max pods, turn prefix delegation on, or use a larger type.",
    candidateClasses: [
      "max-pods-above-eni-capacity",
      "max-pods-ignores-custom-networking",
      "max-pods-ignores-trunk-eni",
      "trunk-slot-reserved-but-absent",
      "max-eni-env-caps-node",
      "unmanaged-enis-take-slots",
      "eni-limit-table-wrong",
      "eni-attachment-stuck",
      "non-nitro-prefix-fallback",
    ],
  },
  "slot-limit": {
    what: "The attached ENIs have no free slot, and EC2 says so.",
    why: "Single addresses from before a switch to prefixes keep their slots, or something else assigned addresses. EC2 answers PrivateIpAddressLimitExceeded.",
    next: "Replace nodes that were switched while running. If it repeats on one ENI, compare it with `aws ec2 describe-network-interfaces`.",
    candidateClasses: ["private-ip-limit-desync", "prefix-slots-held-by-secondary-ips"],
  },
  "max-pods": {
    what: "The pool covers max pods already and does not grow further.",
    why: "Growth stops once the node holds as many addresses as max pods, cooling ones included. Kubelet should not have placed more pods.",
    next: "Check max pods in Node.status.capacity.pods against the pods on the node; with short-lived pods see also `cooling`.",
    candidateClasses: ["max-pods-not-raised", "cooldown-churn-exhaustion"],
  },
  "frozen-settings": {
    what: "The settings stop the pool from growing although pods need addresses.",
    why: "MINIMUM_IP_TARGET without WARM_IP_TARGET asks for nothing beyond the minimum: WARM_PREFIX_TARGET and WARM_ENI_TARGET are not consulted then.",
    next: "Set WARM_IP_TARGET to 1 or more beside MINIMUM_IP_TARGET, or remove MINIMUM_IP_TARGET. It counts from the agent's restart.",
    candidateClasses: ["minimum-ip-target-without-warm-ip-target", "prefix-mode-no-warm-target", "configuration-drift"],
  },
  "node-cordoned": {
    what: "The node is cordoned, and AWS_MANAGE_ENIS_NON_SCHEDULABLE is off.",
    why: "On a node with the taint node.kubernetes.io/unschedulable the agent attaches nothing. DaemonSet pods still arrive.",
    next: "Uncordon the node, or set AWS_MANAGE_ENIS_NON_SCHEDULABLE=true if pods must start on cordoned nodes.",
    candidateClasses: ["node-cordoned-no-growth"],
  },
  "provisioning-off": {
    what: "DISABLE_NETWORK_RESOURCE_PROVISIONING or ENABLE_IMDS_ONLY_MODE is on: the agent takes nothing from EC2.",
    why: "Somebody else is meant to attach ENIs and prefixes, and has not provided enough.",
    next: "Attach more from outside, or turn the switch off.",
    candidateClasses: ["provisioning-disabled"],
  },
  throttled: {
    what: "EC2 refuses calls because the account's request rate is used up.",
    why: "Buckets are per account, Region and action: many nodes growing at once, or retries on a full subnet, empty them for everybody.",
    next: "Look for nodes that repeat failing calls. Fewer and larger steps (prefixes, a higher MINIMUM_IP_TARGET) need fewer calls; AWS raises the limit on request.",
    candidateClasses: ["ec2-api-throttled", "eni-create-no-prefix-space", "warm-ip-target-too-thin"],
  },
  unauthorized: {
    what: "EC2 refuses a call for lack of permission.",
    why: "The role lacks an action, a service control policy denies it, or the credentials are another role's than expected.",
    next: "Read the action in the message and attach AmazonEKS_CNI_Policy to the role that the agent runs with. Restart is not needed.",
    candidateClasses: [
      "iam-permission-missing",
      "iam-permission-missing-at-startup",
      "irsa-trust-misconfigured",
      "scp-or-tag-policy-deny",
    ],
  },
  "metadata-unavailable": {
    what: "The instance metadata service does not answer, or does not show the new ENI or its addresses yet.",
    why: "IMDS is blocked, its hop limit is too low, or it lags behind EC2.",
    next: "From the node, ask 169.254.169.254 for a token. Check the hop limit and proxies. A lag of some seconds is normal.",
    candidateClasses: [
      "imds-unreachable",
      "eni-attach-metadata-timeout",
      "imds-stale-phantom-eni",
      "imds-stale-prefix-loss",
    ],
  },
  "ec2-unreachable": {
    what: "EC2 gives no answer: the connection fails or the deadline passes.",
    why: "A private subnet without a NAT gateway or an EC2 endpoint, a proxy, DNS, or security groups of the endpoint. A call without an answer may still have taken effect.",
    next: "From the node, open ec2.<region>.amazonaws.com:443. What took effect unseen is found by the next reconcile.",
    candidateClasses: ["sts-or-ec2-endpoint-unreachable"],
  },
  "eniconfig-missing": {
    what: "Custom networking is on, and there is no ENIConfig of the name that this node resolves to.",
    why: "The node's label or annotation names another ENIConfig, or none exists for its zone.",
    next: "Create an ENIConfig of that name (usually the zone), or set ENI_CONFIG_LABEL_DEF=topology.kubernetes.io/zone.",
    candidateClasses: ["custom-networking-no-eniconfig", "eniconfig-invalid-target"],
  },
  "no-eligible-subnet": {
    what: "No subnet may be used for a new ENI.",
    why: "The node's subnet is tagged kubernetes.io/role/cni=0, and no other subnet of the zone is tagged for this cluster.",
    next: "Tag a subnet of the same zone with kubernetes.io/role/cni=1 (and the cluster's tag if such tags are used), or remove the 0.",
    candidateClasses: ["all-subnets-excluded", "secondary-subnet-not-discovered"],
  },
  "eni-quota": {
    what: "The account has as many ENIs in this Region as its quota allows.",
    why: "EC2 answers NetworkInterfaceLimitExceeded; detached ENIs count too.",
    next: "Delete detached ENIs that nobody uses, then ask for a higher quota (Network interfaces per Region).",
    candidateClasses: ["eni-quota-exceeded", "leaked-enis-drain-subnet"],
  },
  "branch-eni-not-ready": {
    what: "The pod asks for its own security groups, and its branch ENI is not there.",
    why: "The VPC resource controller has not written the pod's annotation yet, or the node has no trunk ENI.",
    next: "If it stays longer than a minute, read the controller's events on the pod and on the node, and check that the type supports trunks.",
    candidateClasses: [
      "branch-eni-not-ready",
      "branch-eni-annotation-blocked",
      "no-slot-for-trunk",
      "trunk-slot-reserved-but-absent",
    ],
  },
  "network-setup-failed": {
    what: "A link, address, route or rule of a pod, of an attached ENI or of the node could not be set up.",
    why: "A pod's: the problem in brackets behind the reason says which step (namespace-gone, name-taken, kernel-refused, ...). An ENI's or the node's: the link with its MAC is missing, another tool manages it, or the agent lacks NET_ADMIN.",
    next: "Read the message, and ask `slash28 explain` for the word in brackets; stop other network managers from touching secondary ENIs.",
    candidateClasses: [
      "pod-network-setup-failed",
      "network-policy-agent-failed",
      "eni-network-setup-failed",
      "iptables-backend-mismatch",
    ],
  },
  "checkpoint-unreadable": {
    what: "The checkpoint file exists and cannot be understood.",
    why: "It was cut short, edited, or written by another version. It is kept aside, never overwritten: guessing would give one address to two pods.",
    next: "Repair the file named in the message, or drain the node and delete it.",
    candidateClasses: ["checkpoint-unusable"],
  },
  "checkpoint-unwritable": {
    what: "The checkpoint could not be written, so the allocation was undone; or it was not written by the ADD's deadline.",
    why: "The disk is full, read-only, or hangs, or the folder is missing. An address is only handed out once it is on disk.",
    next: "Free space under the folder named in the message. The next ADD tries again.",
    candidateClasses: ["checkpoint-unusable"],
  },
  "ec2-refused": {
    what: "EC2 refuses a call for another reason than those above; its code and message follow.",
    why: "A wrong security group or subnet in an ENIConfig, too many security groups, or a state that EC2 does not allow.",
    next: "Look up EC2's code; compare the ids in the message with the account.",
    candidateClasses: ["eniconfig-invalid-target", "security-groups-per-eni-exceeded", "eni-limit-table-wrong"],
  },
  "invalid-request": {
    what: "The request itself cannot be served: a field is missing or malformed.",
    why: "A plugin of another version, or a tool that speaks to the socket directly. Retrying the same request gives the same answer.",
    next: "Compare the versions of plugin and agent; container id, interface name and network name must not be empty.",
    candidateClasses: ["version-skew"],
  },
};

/** The reason of that word; undefined when there is none. */
export function parseReason(text: string): Reason | undefined {
  return REASONS.find((reason) => reason === text);
}
